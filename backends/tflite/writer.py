"""Packs records into a flatbuffer and streams it to a file: tables first, the constants' bytes after them.

Equal strings, vectors and tables are written once. Each buffer's bytes start at a multiple of 16 and are
copied from their source piece by piece; in a file of more than 2 GB they lie outside the root table, addressed by
`Buffer.offset` and `Buffer.size`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

import flatbuffers
import numpy as np

from tflir.backends.tflite.buffers import ALIGNMENT, BufferTables
from tflir.ir.associated_files import placed
from tflir.ir.blob import Blob
from tflir.ir.errors import Error
from tflir.ir.schema import IDENTIFIER, SCALARS, Field, Table, schema

Record = Mapping[str, Any]
LARGEST_ROOT = 2_000_000_000
"""Offsets inside a flatbuffer are read as signed 32-bit numbers; with more bytes, buffers lie outside it."""


def _payload(buffers: Sequence[Blob | None]) -> int:
    """An upper bound of the bytes that the buffers take."""
    return sum(blob.nbytes + 2 * ALIGNMENT for blob in buffers if blob is not None)


def lies_outside(buffers: Sequence[Blob | None]) -> bool:
    """Whether a model with these buffers is so large that they must lie outside its root table."""
    return _payload(buffers) > LARGEST_ROOT


class Writer:
    """Packs one model's record, whose `buffers` are blobs, None for those without bytes.

    `archive` is a zip to append, `code` bytes that keep their position in the file.
    """

    def __init__(self, model: Record, archive: bytes = b"", code: tuple[int, Blob] | None = None) -> None:
        buffers: Sequence[Blob | None] = model["buffers"]
        self._schema = schema()
        self._builder = flatbuffers.Builder(1 << 16)
        self._made: dict[Any, int] = {}
        self._buffers = BufferTables(self._builder, outside=lies_outside(buffers))
        root = self._table(self._schema.tables["Model"], model)
        self._builder.Finish(root, file_identifier=IDENTIFIER)
        self._head = bytearray(self._builder.Output())
        self._archive = archive
        self._code = code
        self.size = len(self._head) + _payload(buffers) + len(archive)
        self.size += 0 if code is None else code[0] + code[1].nbytes
        """Bytes of the file: an upper bound until it is written."""

    def write(self, out: BinaryIO, progress: Callable[[int], None] = lambda _: None) -> int:
        """Writes the file and returns its size; `out` must allow reading and seeking.

        Constants whose bytes prove equal when they are computed are stored once. `progress` is called with
        the number of bytes written since its last call.
        """
        out.write(self._head)
        self.size = self._buffers.write(out, self._head, progress)
        out.seek(0)
        out.write(self._head)
        out.seek(self.size)
        if self._code is not None:
            self._write_code(out, *self._code, progress)
        out.write(placed(self._archive, self.size))
        self.size += len(self._archive)
        return self.size

    def _write_code(self, out: BinaryIO, position: int, code: Blob, progress: Callable[[int], None]) -> None:
        if self.size > position:
            raise Error(
                f"its operators find compiled code at byte {position}, which its tables reach beyond by "
                f"{self.size - position} bytes now",
                hint="compile the model before it is compiled for the accelerator",
            )
        out.write(bytes(position - self.size))
        for count in code.write_to(out):
            progress(count)
        self.size = position + code.nbytes

    def _table(self, table: Table, record: Record) -> int:
        """Packs a table after what it refers to; an equal table that was packed before is used again."""
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
        position = self._made.get(key)
        if position is None:
            position = self._made[key] = self._pack(table, entries)
        return position

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
        for slot, tag in tags:  # one byte each: last, so that no padding is needed
            builder.PrependUint8Slot(slot, tag, 0)
        return builder.EndObject()

    def _width(self, entry: tuple[Field, Any]) -> int:
        """Bytes of a field; wide fields are stored first, so that no padding is needed."""
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
            return self._buffers.add(value)
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
