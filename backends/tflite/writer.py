"""Packs records into a flatbuffer and streams it to a file: tables first, the constants' bytes after them.

Equal strings, vectors and tables are written once. Each buffer's bytes start at a multiple of 16 and are
copied from where they lie, a piece at a time; past 2 GB they lie outside the root table, addressed by
`Buffer.offset` and `Buffer.size`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import flatbuffers
import numpy as np

from tflir.ir.blob import CHUNK, Blob
from tflir.ir.schema import IDENTIFIER, SCALARS, Field, Table, schema

Record = Mapping[str, Any]
ALIGNMENT = 16
LARGEST_ROOT = 2_000_000_000
"""Offsets inside a flatbuffer are read as signed 32-bit numbers; beyond this, buffers lie outside it."""
_SLACK = 16
"""Bytes after the last buffer that kernels may read past its end."""
_PLACEHOLDER = 0x7FFFFFF1
_SAMPLE = 256
"""First bytes that equal constants must share before they are compared whole."""


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT


class Writer:
    """Packs one model. `buffers` are the bytes of each buffer, None where it has none; index 0 has none."""

    def __init__(self, model: Record, buffers: Sequence[Blob | None]) -> None:
        self.buffers = buffers
        self._schema = schema()
        self._builder = flatbuffers.Builder(1 << 16)
        self._made: dict[Any, int] = {}
        self._patches: list[tuple[int, Blob]] = []
        payload = sum(blob.nbytes + ALIGNMENT + 4 for blob in buffers if blob is not None)
        self.outside = payload > LARGEST_ROOT
        root = self._table(self._schema.tables["Model"], model)
        self._builder.Finish(root, file_identifier=IDENTIFIER)
        self._head = bytearray(self._builder.Output())
        self.size = len(self._head) + payload
        """Bytes of the file: an upper bound until it is written."""

    def write(self, out: BinaryIO, progress: Callable[[int], None] = lambda _: None) -> int:
        """Writes the file and returns its size; `out` must allow reading and seeking.

        Constants that turn out to be equal bytes once they are made share one place. `progress` is told
        how many bytes were written since the last time.
        """
        out.write(self._head)
        written = _Written(out, len(self._head))
        for from_end, blob in _least_padding(self._patches):
            field = len(self._head) - from_end
            start = written.add(blob, 0 if self.outside else 4, progress)
            if self.outside:
                struct.pack_into("<Q", self._head, field, start)
            else:
                struct.pack_into("<I", self._head, field, start - 4 - field)
        out.seek(written.end)
        out.write(b"\0" * (_SLACK if self.outside else 0))
        self.size = out.tell()
        out.seek(0)
        out.write(self._head)
        out.seek(self.size)
        return self.size

    def _table(self, table: Table, record: Record) -> int:
        """Packs a table after what it refers to; an equal one that was packed before serves again."""
        entries: list[tuple[Field, Any]] = []
        for field in table.fields:
            value = record.get(field.name)
            if value is None:
                continue
            if field.kind in ("scalar", "enum"):
                if value != field.default:
                    entries.append((field, value))
            elif field.kind == "union":
                name, members = value[0], self._schema.unions[field.of]
                entries.append((field, (members.index(name) + 1, self._table(self._schema.tables[name], value[1]))))
            elif (offset := self._reference(field, value)) is not None:
                entries.append((field, offset))
        key = (table.name, *((field.slot, repr(value)) for field, value in entries))
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = self._pack(table, entries)
        return made

    def _pack(self, table: Table, entries: list[tuple[Field, Any]]) -> int:
        builder = self._builder
        builder.StartObject(table.slots)
        tags: list[tuple[int, int]] = []
        for field, value in sorted(entries, key=self._width, reverse=True):
            if field.kind in ("scalar", "enum"):
                _PREPEND[self._schema.scalar_of(field.of)](builder, value)
                builder.Slot(field.slot)
            elif field.kind == "union":
                tag, offset = value
                builder.PrependUOffsetTRelativeSlot(field.slot, offset, 0)
                tags.append((field.slot - 1, tag))
            else:
                builder.PrependUOffsetTRelativeSlot(field.slot, value, 0)
        for slot, tag in tags:  # one byte each: last, so that they leave no holes
            builder.PrependUint8Slot(slot, tag, 0)
        return builder.EndObject()

    def _width(self, entry: tuple[Field, Any]) -> int:
        """Bytes of a field; wide ones first leave no holes."""
        field = entry[0]
        if field.kind in ("scalar", "enum"):
            return struct.calcsize(SCALARS[self._schema.scalar_of(field.of)])
        return 4

    def _reference(self, field: Field, value: Any) -> int | None:
        if field.kind == "table":
            return self._table(self._schema.tables[field.of], value)
        if field.kind == "string":
            return self._shared(("string", value), lambda: self._string(value))
        if field.of == "Buffer":
            return self._vector_of_offsets([self._buffer(blob) for blob in value])
        if field.of in self._schema.tables:
            inner = self._schema.tables[field.of]
            return self._vector_of_offsets([self._table(inner, item) for item in value])
        return self._numbers(self._schema.scalar_of(field.of), value)

    def _shared(self, key: Any, make: Callable[[], int]) -> int:
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = make()
        return made

    def _string(self, text: str) -> int:
        return self._builder.CreateString(text.encode("utf-8", "surrogateescape"))

    def _vector_of_offsets(self, offsets: list[int]) -> int:
        builder = self._builder
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    def _numbers(self, scalar: str, values: Any) -> int:
        dtype = np.dtype("?" if scalar == "bool" else SCALARS[scalar]).newbyteorder("<")
        data = np.ascontiguousarray(values, dtype).tobytes()
        return self._shared((scalar, data), lambda: self._vector(data, dtype.itemsize))

    def _vector(self, data: bytes, width: int) -> int:
        """A vector of scalars. Those of bytes are aligned for what they may hold (flexbuffers, index vectors)."""
        builder = self._builder
        count = len(data) // width
        builder.StartVector(width, count, max(width, 4))
        builder.head = builder.Head() - len(data)
        builder.Bytes[builder.Head() : builder.Head() + len(data)] = data
        return builder.EndVector()

    def _buffer(self, blob: Blob | None) -> int:
        """A Buffer table; the position of its bytes is filled in once the tables' size is known."""
        if blob is None:
            return self._table(self._schema.tables["Buffer"], {})
        builder = self._builder
        builder.StartObject(self._schema.tables["Buffer"].slots)
        if self.outside:
            builder.PrependUint64(blob.nbytes)
            builder.Slot(2)
            builder.PrependUint64(_PLACEHOLDER)
            builder.Slot(1)
        else:
            builder.PrependUint32(_PLACEHOLDER)
            builder.Slot(0)
        self._patches.append((builder.Offset(), blob))
        return builder.EndObject()


_PREPEND: dict[str, Callable[[Any, Any], None]] = {
    "bool": lambda builder, value: builder.PrependBool(bool(value)),
    "byte": lambda builder, value: builder.PrependInt8(value),
    "ubyte": lambda builder, value: builder.PrependUint8(value),
    "short": lambda builder, value: builder.PrependInt16(value),
    "ushort": lambda builder, value: builder.PrependUint16(value),
    "int": lambda builder, value: builder.PrependInt32(value),
    "uint": lambda builder, value: builder.PrependUint32(value),
    "long": lambda builder, value: builder.PrependInt64(value),
    "ulong": lambda builder, value: builder.PrependUint64(value),
    "float": lambda builder, value: builder.PrependFloat32(value),
    "double": lambda builder, value: builder.PrependFloat64(value),
}


def _least_padding(patches: list[tuple[int, Blob]]) -> list[tuple[int, Blob]]:
    """The buffers in order, but for the one after which most padding would follow: nothing follows the last."""
    if not patches:
        return patches
    last = max(range(len(patches)), key=lambda i: -(patches[i][1].nbytes + 4) % ALIGNMENT)
    return [*patches[:last], *patches[last + 1 :], patches[last]]


class _Written:
    """The buffers' part of a file being written."""

    def __init__(self, out: BinaryIO, end: int) -> None:
        self.out = out
        self.end = end
        self._known: dict[tuple[int, bytes], int] = {}

    def add(self, blob: Blob, lead: int, progress: Callable[[int], None]) -> int:
        """Writes `blob` after a length of `lead` bytes, or finds equal bytes; returns where they start."""
        start = _aligned(self.end + lead)
        head = struct.pack("<I", blob.nbytes) if lead else b""
        self.out.seek(self.end)
        self.out.write(b"\0" * (start - lead - self.end) + head)
        at = start
        for count in blob.write_to(self.out):
            at += count
            progress(count)
        self.out.seek(start)
        first = self.out.read(min(_SAMPLE, blob.nbytes))
        if at != start + blob.nbytes:
            raise AssertionError(f"a constant of {blob.nbytes} bytes gave {at - start}")
        earlier = self._known.setdefault((blob.nbytes, first), start)
        if earlier != start and self._equal(earlier, start, blob.nbytes):
            self.out.seek(self.end)
            self.out.truncate()
            return earlier
        self.end = at
        return start

    def _equal(self, one: int, other: int, count: int) -> bool:
        for offset in range(0, count, CHUNK):
            size = min(CHUNK, count - offset)
            self.out.seek(one + offset)
            left = self.out.read(size)
            self.out.seek(other + offset)
            if left != self.out.read(size):
                return False
        return True
