"""Converts tables of the schema to attributes and back: numbers, enums by name, vectors, nested tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    BoolAttr,
    DenseArrayBase,
    DictionaryAttr,
    FloatAttr,
    IntegerAttr,
    StringAttr,
    f32,
    i8,
    i16,
    i32,
    i64,
)
from xdsl.ir import Attribute

from tflir.ir.errors import Error
from tflir.ir.schema import Field, schema
from tflir.ir.tfl.attributes import ConstBytesAttr

Record = dict[str, Any]
WIDTH = {"byte": i32, "ubyte": i32, "short": i32, "ushort": i32, "int": i32}
"""Integer attributes of option fields; wider scalars are i64."""
_VECTOR = {"bool": i8, "byte": i8, "short": i16, "ushort": i32, "int": i32, "uint": i64, "long": i64, "ulong": i64}
TABLE = "table"
"""The key under which a union's value names its table."""


def integers(values: Any) -> DenseArrayBase[Any]:
    """A vector of integers of at most 32 bits as `array<i32: …>`."""
    return DenseArrayBase.from_list(i32, [int(v) for v in values])


def field_to_attribute(field: Field, value: Any) -> Attribute:
    """The attribute for `value` of `field`."""
    if field.kind == "vector":
        return _vector_to_attribute(field.of, value)
    if field.kind == "table":
        return record_to_attribute(field.of, value)
    if field.kind == "union":
        name, record = value
        if record is None:
            raise Error(f"{field.name}: table kind {name} of a schema newer than this tflir's")
        return DictionaryAttr({TABLE: StringAttr(name), **record_to_attribute(name, record).data})
    if field.kind == "string":
        return StringAttr(value)
    return _scalar_to_attribute(field.of, value)


def _scalar_to_attribute(of: str, value: Any) -> Attribute:
    enum = schema().enums.get(of)
    if enum is not None:
        name = enum.names.get(value)
        return StringAttr(name) if name is not None else IntegerAttr(value, i32)
    if of == "bool":
        return BoolAttr.from_bool(bool(value))
    if of in ("float", "double"):
        return FloatAttr(value, f32)
    return IntegerAttr(_signed(value), WIDTH.get(of, i64))


def _signed(value: int) -> int:
    """An unsigned 64-bit number as the signed one of the same bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _vector_to_attribute(of: str, value: Any) -> Attribute:
    if of in schema().tables:
        return ArrayAttr([record_to_attribute(of, item) for item in value])
    enum = schema().enums.get(of)
    if enum is not None:
        return ArrayAttr([_scalar_to_attribute(of, int(item)) for item in value])
    if of == "ubyte":
        return ConstBytesAttr(value.tobytes())
    if of in ("float", "double"):
        return DenseArrayBase.from_list(f32, cast(list[float], value.tolist()))
    return DenseArrayBase.from_list(_VECTOR[of], [_signed(int(item)) for item in value])


def record_to_attribute(table: str, record: Mapping[str, Any]) -> DictionaryAttr:
    """The dictionary of a table's present fields. Raises `Error` for fields that the schema lacks."""
    refuse_unknown(table, record)
    fields = {field.name: field for field in schema().tables[table].fields}
    return DictionaryAttr({name: field_to_attribute(fields[name], value) for name, value in record.items()})


def refuse_unknown(table: str, record: Mapping[str, Any]) -> None:
    """Raises `Error` if the file's table has fields that the schema does not know, since writing would lose them."""
    if unknown := record.get("?"):
        raise Error(
            f"{table} has a field in slot {unknown[0]} that this tflir does not know",
            hint="the file was written with a newer schema; use a newer tflir",
        )


def attribute_to_field(field: Field, attr: Attribute) -> Any:
    """The value of `field` for the attribute `attr`; raises `Error` if it can't be one."""
    try:
        return _FROM[field.kind](field, attr)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Error(f"{field.name}: {attr} is no {field.of}") from error


def _scalar_from(field: Field, attr: Attribute) -> Any:
    return _number(field.of, attr)


def _number(of: str, attr: Attribute) -> Any:
    if isinstance(attr, StringAttr):
        return schema().enums[of].numbers[attr.data]
    if isinstance(attr, FloatAttr):
        return cast("FloatAttr[Any]", attr).value.data
    value = cast("IntegerAttr[Any]", attr).value.data
    if of == "bool":
        return bool(value)
    return value % (1 << 64) if of == "ulong" else value


def _vector_from(field: Field, attr: Attribute) -> Any:
    if field.of in schema().tables:
        return [attribute_to_record(field.of, cast(DictionaryAttr, item)) for item in cast(ArrayAttr[Any], attr)]
    if isinstance(attr, ConstBytesAttr):
        return np.frombuffer(attr.data, np.uint8)
    if isinstance(attr, ArrayAttr):
        return np.array([_number(field.of, item) for item in cast("ArrayAttr[Attribute]", attr)])
    return np.array(cast("DenseArrayBase[Any]", attr).get_values())


def _union_from(field: Field, attr: Attribute) -> Any:
    data = dict(cast(DictionaryAttr, attr).data)
    name = cast(StringAttr, data.pop(TABLE)).data
    return name, attribute_to_record(name, DictionaryAttr(data))


_FROM: dict[str, Callable[[Field, Attribute], Any]] = {
    "scalar": _scalar_from,
    "enum": _scalar_from,
    "string": lambda _, attr: cast(StringAttr, attr).data,
    "vector": _vector_from,
    "table": lambda field, attr: attribute_to_record(field.of, cast(DictionaryAttr, attr)),
    "union": _union_from,
}


def attribute_to_record(table: str, attr: DictionaryAttr) -> Record:
    """The fields of a table, from the dictionary that `record_to_attribute` makes of it."""
    fields = {field.name: field for field in schema().tables[table].fields}
    record: Record = {}
    for name, value in attr.data.items():
        if name not in fields:
            raise Error(f"{table} has no field {name}")
        record[name] = attribute_to_field(fields[name], value)
    return record
