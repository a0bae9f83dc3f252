"""Decodes a flatbuffer as untrusted data: every offset, vector and string is checked before it is followed.

A table becomes a `dict` from field names to values: numbers, `str`, nested dicts, lists of those;
vectors of scalars become read-only numpy views of the file. Absent fields are left out. A union's
value is `(table name, dict)`, or `(tag, None)` where the tag is unknown.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.errors import Error
from tflir.ir.schema import IDENTIFIER, SCALARS, Field, Table, schema

Record = dict[str, Any]

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_U16 = struct.Struct("<H")
_DTYPES = {"bool": "?", "byte": "i1", "ubyte": "u1", "long": "<i8", "ulong": "<u8"} | {
    name: f"<{np.dtype(letter).kind}{np.dtype(letter).itemsize}"
    for name, letter in SCALARS.items()
    if name not in ("bool", "byte", "ubyte", "long", "ulong")
}
_MOST_WORK_PER_BYTE = 8
"""Tables and vectors may be shared, but a file that refers to more than this many times its bytes is refused."""
_SHARED_STRING = 8
"""A string that is referred to again counts a byte for this many of its bytes: it is stored once, but printed each
time."""


def malformed(what: str) -> Error:
    """The error for a file that is not a valid flatbuffer of the schema."""
    return Error(f"malformed file: {what}", hint="the file is damaged or no .tflite model; fetch or export it again")


class Reader:
    """Reads one file; `data` is a buffer of its bytes (a memory map)."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.size = len(data)
        self._schema = schema()
        self._plans: dict[str, list[tuple[int, str, Callable[[int], Any]]]] = {}
        self._strings: dict[int, str] = {}
        self._vectors: dict[tuple[int, str], npt.NDArray[Any]] = {}
        self.end = 0
        """Where the last byte that was read or referred to ends."""
        self._work_left = _MOST_WORK_PER_BYTE * self.size + 65536

    def root(self) -> Record:
        """The whole `Model`; bytes of buffers and other scalar vectors are views of the file."""
        if self.size < 8:
            raise malformed(f"{self.size} bytes are too few for a model")
        if bytes(self.data[4:8]) != IDENTIFIER:
            raise malformed(f"identifier {bytes(self.data[4:8])!r} where {IDENTIFIER!r} must stand")
        return self._table(self._schema.tables["Model"], self._follow(0, "root"))

    def spend(self, work: int) -> None:
        """Counts `work` bytes that are read. Raises `Error` if the total is far more than the bytes of the file."""
        self._work_left -= work
        if self._work_left < 0:
            raise malformed("its tables refer to far more than the file holds")

    def _follow(self, at: int, what: str) -> int:
        """The position that the offset stored at `at` refers to."""
        if at < 0 or at + 4 > self.size:
            raise malformed(f"{what}: offset lies outside the file")
        target = at + _U32.unpack_from(self.data, at)[0]
        if target == at or target + 4 > self.size:
            raise malformed(f"{what}: offset at byte {at} leads outside the file")
        return target

    def _table(self, table: Table, at: int) -> Record:
        start = at - _I32.unpack_from(self.data, at)[0]
        if start < 0 or start + 4 > self.size:
            raise malformed(f"{table.name} at byte {at}: its vtable lies outside the file")
        length = _U16.unpack_from(self.data, start)[0]
        inline = _U16.unpack_from(self.data, start + 2)[0]
        if length < 4 or length & 1 or start + length > self.size or inline < 4 or at + inline > self.size:
            raise malformed(f"{table.name} at byte {at}: bad vtable")
        self.spend(length + inline)
        self.end = max(self.end, at + inline, start + length)
        slots = struct.unpack_from(f"<{(length - 4) // 2}H", self.data, start + 4)
        plan = self._plans.get(table.name) or self._plan(table)
        record: Record = {}
        for slot, name, read in plan:
            if slot >= len(slots):
                break
            if offset := slots[slot]:
                if offset >= inline:
                    raise malformed(f"{table.name}.{name} at byte {at}: outside its table")
                value = read(at + offset)
                if value is not None:
                    record[name] = value
        if any(slots[table.slots :]):
            record["?"] = [slot for slot in range(table.slots, len(slots)) if slots[slot]]
        return record if not table.unions else self._resolve_unions(table, record, at, slots)

    def _resolve_unions(self, table: Table, record: Record, at: int, slots: tuple[int, ...]) -> Record:
        for field in table.unions:
            tag_offset = slots[field.slot - 1] if field.slot - 1 < len(slots) else 0
            tag = self.data[at + tag_offset] if tag_offset and at + tag_offset < self.size else 0
            position = record.pop(field.name, None)
            if not tag:
                continue
            members = self._schema.unions[field.of]
            if tag > len(members):
                record[field.name] = (tag, None)
            elif position is not None:
                record[field.name] = (members[tag - 1], self._table(self._schema.tables[members[tag - 1]], position))
        return record

    def _plan(self, table: Table) -> list[tuple[int, str, Callable[[int], Any]]]:
        """How to read each field of `table`, computed once."""
        plan = [(field.slot, field.name, self._field_reader(table, field)) for field in table.fields]
        self._plans[table.name] = plan
        return plan

    def _field_reader(self, table: Table, field: Field) -> Callable[[int], Any]:
        what = f"{table.name}.{field.name}"
        if field.kind in ("scalar", "enum"):
            return self._scalar_reader(self._schema.scalar_of(field.of), what)
        if field.kind == "string":
            return lambda at: self._string(self._follow(at, what), what)
        if field.kind == "table":
            return lambda at: self._table(self._schema.tables[field.of], self._follow(at, what))
        if field.kind == "union":
            return lambda at: self._follow(at, what)
        if field.of in self._schema.tables:
            return lambda at: self._tables(self._schema.tables[field.of], self._follow(at, what), what)
        dtype = np.dtype(_DTYPES[self._schema.scalar_of(field.of)])
        return lambda at: self._numbers(self._follow(at, what), dtype, what)

    def _scalar_reader(self, scalar: str, what: str) -> Callable[[int], Any]:
        unpacker = struct.Struct("<" + SCALARS[scalar])

        def read(at: int) -> Any:
            if at + unpacker.size > self.size:
                raise malformed(f"{what}: outside the file")
            return unpacker.unpack_from(self.data, at)[0]

        return read

    def _length(self, at: int, item: int, what: str) -> int:
        count = _U32.unpack_from(self.data, at)[0]
        if at + 4 + count * item > self.size:
            raise malformed(f"{what}: {count} elements reach past the end of the file")
        self.end = max(self.end, at + 4 + count * item)
        return count

    def _string(self, at: int, what: str) -> str:
        known = self._strings.get(at)
        if known is not None:
            self.spend(8 + len(known) // _SHARED_STRING)
        else:
            count = self._length(at, 1, what)
            self.spend(count)
            known = bytes(self.data[at + 4 : at + 4 + count]).decode("utf-8", "surrogateescape")
            self._strings[at] = known
        return known

    def _numbers(self, at: int, dtype: np.dtype[Any], what: str) -> npt.NDArray[Any]:
        key = (at, dtype.char)
        known = self._vectors.get(key)
        if known is None:
            count = self._length(at, dtype.itemsize, what)
            known = np.frombuffer(self.data, dtype, count, at + 4)
            self._vectors[key] = known
        self.spend(8 + known.nbytes)  # for each use: every consumer of the vector reads all of it
        return known

    def _tables(self, table: Table, at: int, what: str) -> list[Record]:
        count = self._length(at, 4, what)
        self.spend(4 * count)
        return [self._table(table, self._follow(at + 4 + 4 * i, what)) for i in range(count)]
