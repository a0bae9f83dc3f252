"""Converts an operator's option fields to properties and back, by a plan that is computed once for each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, FloatAttr, IntegerAttr, StringAttr, SymbolRefAttr, f32, i32, i64
from xdsl.ir import Attribute
from xdsl.irdl import OptPropertyDef

from tflir.ir.errors import Error
from tflir.ir.records import attribute_to_field, field_to_attribute, refuse_unknown
from tflir.ir.schema import Field, schema
from tflir.ir.tfl.attributes import LSTMKernelType, LSTMKernelTypeAttr, MirrorPadAttr, MirrorPadMode
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.control_flow import SUBGRAPH_FIELDS
from tflir.ir.types import element_type, schema_name

Record = dict[str, Any]
SymbolOf = Callable[[int], str]
IndexOf = Callable[[str], int]


def _enum_names(table: str, field: str) -> Mapping[int, str]:
    definition = next(f for f in schema().tables[table].fields if f.name == field)
    return schema().enums[definition.of].names


def _type_to_attribute(value: Any) -> Attribute:
    name = schema().enums["TensorType"].names.get(value)
    return _unknown(value) if name is None else element_type(name)


def _unknown(value: Any) -> Attribute:
    """A number that the schema's enumeration does not have; the verifier rejects an op with it."""
    return IntegerAttr(value, i32)


def _type_from(attr: Attribute) -> int:
    return schema().enums["TensorType"].numbers[schema_name(attr) or ""]


def _kernel_type(value: Any) -> Attribute:
    name = _enum_names("LSTMOptions", "kernel_type").get(value)
    return _unknown(value) if name is None else LSTMKernelTypeAttr(LSTMKernelType(name))


def _kernel_type_from(attr: Attribute) -> int:
    return schema().enums["LSTMKernelType"].numbers[cast(LSTMKernelTypeAttr, attr).data]


def _mirror(value: Any) -> Attribute:
    name = _enum_names("MirrorPadOptions", "mode").get(value)
    return _unknown(value) if name is None else MirrorPadAttr(MirrorPadMode(name))


def _mirror_from(attr: Attribute) -> int:
    return schema().enums["MirrorPadMode"].numbers[cast(MirrorPadAttr, attr).data]


def _integer_list(value: Any) -> Attribute:
    return ArrayAttr([IntegerAttr(int(item), i64) for item in value])


def _integers_from(attr: Attribute) -> Any:
    return np.array([item.value.data for item in cast("ArrayAttr[IntegerAttr[Any]]", attr)], np.int64)


def _float_list(value: Any) -> Attribute:
    return ArrayAttr([FloatAttr(float(item), f32) for item in value])


def _floats_from(attr: Attribute) -> Any:
    return np.array([item.value.data for item in cast("ArrayAttr[FloatAttr[Any]]", attr)], np.float32)


# Fields with an attribute of their own in MLIR: the functions to the attribute and from it.
_SPELLED: dict[str, tuple[Callable[[Any], Attribute], Callable[[Attribute], Any]]] = {
    "SqueezeOptions.squeeze_dims": (_integer_list, _integers_from),
    "BucketizeOptions.boundaries": (_float_list, _floats_from),
    "HashtableOptions.key_dtype": (_type_to_attribute, _type_from),
    "HashtableOptions.value_dtype": (_type_to_attribute, _type_from),
    "LSTMOptions.kernel_type": (_kernel_type, _kernel_type_from),
    "MirrorPadOptions.mode": (_mirror, _mirror_from),
}


@dataclass(frozen=True, slots=True, eq=False)
class FieldPlan:
    """One option field: its property, whether that is required, and how it is converted."""

    field: Field
    prop: str
    required: bool
    subgraph: bool
    named: bool
    """The subgraph's name is stored as a string, not as a symbol."""
    to_attribute: Callable[[Any], Attribute]
    from_attribute: Callable[[Attribute], Any]


def _field_plan(op: type[TflOp], table: str, field: Field) -> FieldPlan | None:
    key = f"{table}.{field.name}"
    prop = SUBGRAPH_FIELDS.get(key, field.name)
    definition = op.get_irdl_definition().properties.get(prop)
    if definition is None:
        return None
    to_attribute, from_attribute = _SPELLED.get(
        key, (lambda value: field_to_attribute(field, value), lambda attr: attribute_to_field(field, attr))
    )
    required = not isinstance(definition, OptPropertyDef)
    named = prop == "session_init_function"
    return FieldPlan(field, prop, required, key in SUBGRAPH_FIELDS, named, to_attribute, from_attribute)


@cache
def option_plan(op: type[TflOp]) -> tuple[FieldPlan, ...]:
    """The option fields of `op` that are properties, in the schema's order."""
    table = op.INFO.options
    if table is None:
        return ()
    plans = (_field_plan(op, table, field) for field in schema().tables[table].fields)
    return tuple(plan for plan in plans if plan is not None)


def properties_of(op: type[TflOp], record: Mapping[str, Any], symbol_of: SymbolOf) -> dict[str, Attribute]:
    """The properties for option fields; `symbol_of` returns the name of the function for a subgraph index."""
    assert op.INFO.options is not None or not record
    if op.INFO.options is not None:
        refuse_unknown(op.INFO.options, record)
    properties: dict[str, Attribute] = {}
    for plan in option_plan(op):
        value = record.get(plan.field.name)
        if plan.subgraph:
            symbols = subgraph_property(plan.field, default_of(plan.field) if value is None else value, symbol_of)
            properties[plan.prop] = (
                symbols.root_reference if plan.named and isinstance(symbols, SymbolRefAttr) else symbols
            )
        elif value is not None and not (plan.field.default == value if plan.field.kind != "vector" else False):
            properties[plan.prop] = _kept(plan, value)
        elif plan.required:
            properties[plan.prop] = _kept(plan, default_of(plan.field))
    return properties


def _kept(plan: FieldPlan, value: Any) -> Attribute:
    """The attribute for a value; those of numbers and short lists are cached, since building one costs 70 µs."""
    return _made_once(plan, value) if plan.field.kind in ("scalar", "enum") else plan.to_attribute(value)


@lru_cache(maxsize=16384)
def _made_once(plan: FieldPlan, value: Any) -> Attribute:
    return plan.to_attribute(value)


def default_of(field: Field) -> Any:
    """The value of an absent field."""
    if field.kind == "vector":
        return np.zeros(0, np.int32)
    return "" if field.kind == "string" else field.default


def subgraph_property(field: Field, value: Any, symbol_of: SymbolOf) -> Attribute:
    """Subgraph indices as symbols: a single one, or an array."""
    if field.kind == "vector":
        return ArrayAttr([SymbolRefAttr(symbol_of(int(index))) for index in value])
    return SymbolRefAttr(symbol_of(int(value)))


def subgraph_indices(field: Field, attr: Attribute, index_of: IndexOf) -> Any:
    """The reverse of `subgraph_property`."""
    if field.kind == "vector":
        refs = cast("ArrayAttr[SymbolRefAttr]", attr)
        return np.array([index_of(ref.root_reference.data) for ref in refs], np.int32)
    if isinstance(attr, StringAttr):
        return index_of(attr.data)
    return index_of(cast(SymbolRefAttr, attr).root_reference.data)


def options_of(op: TflOp, index_of: IndexOf) -> Record:
    """The option fields for an op's properties, without fields that have their default."""
    record: Record = {}
    for plan in option_plan(type(op)):
        attr = op.properties.get(plan.prop)
        if attr is None:
            continue
        try:
            value = subgraph_indices(plan.field, attr, index_of) if plan.subgraph else plan.from_attribute(attr)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Error(f"{op.name}: {plan.prop} can't be {attr}") from error
        if plan.field.kind == "vector" or value != plan.field.default:
            record[plan.field.name] = value
    return record
