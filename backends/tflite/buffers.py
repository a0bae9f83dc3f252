"""The buffers of a file: tables with the positions of bytes, and the bytes, which are streamed after all tables.

A buffer's bytes start at a multiple of 16, preceded by their length, which leaves a gap of up to 12 bytes after the
previous buffer. If the gap has 8 bytes or more, the next buffer's table is stored in it, not among the other tables.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import flatbuffers

from tflir.ir.blob import CHUNK, Blob

ALIGNMENT = 16
_SLACK = 16
"""Bytes after the last buffer outside the root table, which kernels may read past its end."""
_TABLE = 8
"""Bytes of a Buffer table: the offset of its vtable, and that of its bytes."""
_LENGTH = 4
_SLOTS = 3
_DATA, _OFFSET, _SIZE = 0, 1, 2
_PLACEHOLDER = 0x7FFFFFF1
_SAMPLE = 256
"""The first bytes that two constants must have in common before all bytes are compared."""


@dataclass
class _Entry:
    """One buffer with bytes; positions are counted from the end of the tables until they are written."""

    index: int
    blob: Blob
    table: int | None
    """The position of its table among the other tables; None if the table is stored directly before the bytes."""
    field: int | None
    """The position of the field in that table that holds the position of the bytes."""


class BufferTables:
    """Builds the vector of buffers, and writes their bytes.

    `outside`: bytes are addressed by `Buffer.offset` and `Buffer.size`, for files larger than flatbuffer offsets allow.
    """

    def __init__(self, builder: flatbuffers.Builder, *, outside: bool) -> None:
        self.outside = outside
        self._builder = builder
        self._entries: list[_Entry] = []
        self._vector = 0

    def add(self, blobs: Sequence[Blob | None]) -> int:
        """Packs the tables and the vector of them; returns the vector's position."""
        order = _least_padding([i for i, blob in enumerate(blobs) if blob is not None], blobs)
        previous: Blob | None = None
        tables: dict[int, int | None] = {}
        for index in order:
            blob = blobs[index]
            assert blob is not None
            inside = self.outside or previous is None or _gap(previous) < _TABLE
            entry = self._packed(index, blob) if inside else _Entry(index, blob, None, None)
            tables[index] = entry.table
            self._entries.append(entry)
            previous = blob
        empty = self._empty()
        builder = self._builder
        builder.StartVector(4, len(blobs), 4)
        for index in reversed(range(len(blobs))):
            table = tables.get(index, empty)
            if table is None:
                builder.PrependUint32(_PLACEHOLDER)
            else:
                builder.PrependUOffsetTRelative(table)
        self._vector = builder.EndVector()
        return self._vector

    def _empty(self) -> int:
        self._builder.StartObject(_SLOTS)
        return self._builder.EndObject()

    def _packed(self, index: int, blob: Blob) -> _Entry:
        """A table among the others; the position of the bytes is filled in when they are written."""
        builder = self._builder
        builder.StartObject(_SLOTS)
        if self.outside:
            builder.PrependUint64(blob.nbytes)
            builder.Slot(_SIZE)
            builder.PrependUint64(_PLACEHOLDER)
            builder.Slot(_OFFSET)
        else:
            builder.PrependUint32(_PLACEHOLDER)
            builder.Slot(_DATA)
        field = builder.Offset()
        return _Entry(index, blob, builder.EndObject(), field)

    def write(self, out: BinaryIO, head: bytearray, progress: Callable[[int], None]) -> int:
        """Writes `head` and all bytes, and fills their positions into the head; returns the size of the file."""
        end = len(head)
        vector = len(head) - self._vector + _LENGTH
        known: dict[tuple[int, bytes], tuple[int, int]] = {}
        vtable = 0
        for entry in self._entries:
            lead = (0 if entry.table is not None else _TABLE) + (0 if self.outside else _LENGTH)
            start = -(-(end + lead) // ALIGNMENT) * ALIGNMENT
            table = start - lead if entry.table is None else len(head) - entry.table
            if entry.table is not None:
                vtable = table - struct.unpack_from("<i", head, table)[0]
            out.seek(end)
            out.write(bytes(start - lead - end) + self._lead(entry, table, vtable))
            first = _stream(out, start, entry.blob, progress)
            earlier, earlier_table = known.setdefault((entry.blob.nbytes, first), (start, table))
            if earlier != start and _equal(out, earlier, start, entry.blob.nbytes):
                out.seek(end)
                out.truncate()
                start, table = earlier, earlier_table
            else:
                end = start + entry.blob.nbytes
            self._fill(head, entry, start)
            position = vector + 4 * entry.index
            struct.pack_into("<I", head, position, table - position)
        out.seek(end)
        out.write(bytes(_SLACK if self.outside else 0))
        return out.tell()

    def _lead(self, entry: _Entry, table: int, vtable: int) -> bytes:
        """The data before the bytes: their table, unless it is among the others, and their length."""
        length = b"" if self.outside else struct.pack("<I", entry.blob.nbytes)
        if entry.table is not None:
            return length
        return struct.pack("<iI", table - vtable, _TABLE - 4) + length

    def _fill(self, head: bytearray, entry: _Entry, start: int) -> None:
        if entry.field is None:
            return
        field = len(head) - entry.field
        if self.outside:
            struct.pack_into("<Q", head, field, start)
        else:
            struct.pack_into("<I", head, field, start - _LENGTH - field)


def _gap(blob: Blob) -> int:
    """Bytes between a buffer's end and the length of the next buffer."""
    return -(blob.nbytes + _LENGTH) % ALIGNMENT


def _least_padding(order: list[int], blobs: Sequence[Blob | None]) -> list[int]:
    """The buffers in order, except that the one with the largest gap after it becomes the last, which needs
    no padding.
    """

    def padding(index: int) -> int:
        blob = blobs[index]
        return 0 if blob is None else _gap(blob) % _TABLE

    if not order:
        return order
    last = max(order, key=padding)
    return [*(index for index in order if index != last), last]


def _stream(out: BinaryIO, start: int, blob: Blob, progress: Callable[[int], None]) -> bytes:
    """Writes the bytes of `blob` at `start`; returns the first `_SAMPLE` of them."""
    written = 0
    for count in blob.write_to(out):
        written += count
        progress(count)
    if written != blob.nbytes:
        raise AssertionError(f"a constant of {blob.nbytes} bytes gave {written}")
    out.seek(start)
    return out.read(min(_SAMPLE, blob.nbytes))


def _equal(out: BinaryIO, first: int, second: int, count: int) -> bool:
    """Whether `count` bytes at two positions of the file are equal."""
    for offset in range(0, count, CHUNK):
        size = min(CHUNK, count - offset)
        out.seek(first + offset)
        left = out.read(size)
        out.seek(second + offset)
        if left != out.read(size):
            return False
    return True
