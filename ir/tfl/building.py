"""Builds ops from operands and options by name: `FullyConnectedOp(x, w, b, activation="RELU")`.

A plan for each class is computed once from its definition and the schema's table of its options; after that, building
an op only looks things up in dictionaries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, NoReturn, cast

import numpy as np
from xdsl.dialects.builtin import BoolAttr, FloatAttr, IntegerAttr, StringAttr, UnitAttr, f32, i32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import IRDLOperation, OperandDef, OptPropertyDef, RangeOf, ResultDef, VarOperandDef, VarResultDef
from xdsl.irdl.constraints import RangeLengthConstraint

from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.ir.schema import schema
from tflir.ir.tfl.attributes import ConstBytesAttr
from tflir.ir.tfl.base import BOOL, F32, I32, TflOp
from tflir.ir.tfl.constants import NoValueOp
from tflir.ir.tfl.constraints import TensorOf
from tflir.ir.tfl.options import FieldPlan, default_of, option_plan
from tflir.ir.types import NONE

Value = SSAValue | Operation | None
"""What may be given for an operand: a value, the op whose only result it is, or None if the operand is left out."""

SHORT = {"activation": "fused_activation_function"}
"""Short names of options, accepted beside those of the schema."""
_COUNTS = ("num_splits", "num")
"""Options that say how many results an op has."""


@dataclass(frozen=True, slots=True)
class BuildPlan:
    """How ops of one class are built."""

    operands: tuple[str, ...]
    optional: frozenset[str]
    """Operands that may be left out."""
    variadic: bool
    """The definition's only operand stands for any number of operands."""
    results: int
    many_results: bool
    """The definition's last result stands for any number of results."""
    options: Mapping[str, FieldPlan | None]
    """The properties by name; None for a property that is not a field of the options' table."""
    defaults: Mapping[str, Attribute]
    """The defaults of required properties."""
    needed: tuple[str, ...]
    """Properties that must be given, since they have no default."""


def tensor_constraint(definition: OperandDef | ResultDef) -> TensorOf | None:
    """The constraint on an operand or a result if it restricts the element kinds of a tensor; else None."""
    constraint: Any = definition.constr
    while isinstance(constraint, RangeLengthConstraint):
        constraint = cast(Any, constraint).constraint
    inner = cast(Any, constraint).constr if isinstance(constraint, RangeOf) else None
    return inner if isinstance(inner, TensorOf) else None


@cache
def build_plan(op: type[IRDLOperation]) -> BuildPlan:
    """The plan of a class."""
    definition = op.get_irdl_definition()
    optional = {
        name
        for name, each in definition.operands
        if (constraint := tensor_constraint(each)) is not None and constraint.optional
    }
    fields = {plan.prop: plan for plan in option_plan(op)} if issubclass(op, TflOp) else {}
    required = [name for name, each in definition.properties.items() if not isinstance(each, OptPropertyDef)]
    defaults = {
        name: fields[name].to_attribute(default_of(fields[name].field))
        for name in required
        if name in fields and not fields[name].subgraph
    }
    return BuildPlan(
        tuple(name for name, _ in definition.operands),
        frozenset(optional),
        any(isinstance(each, VarOperandDef) for _, each in definition.operands),
        len(definition.results),
        any(isinstance(each, VarResultDef) for _, each in definition.results),
        {name: fields.get(name) for name in definition.properties},
        defaults,
        tuple(name for name in required if name not in defaults),
    )


def operands_of(
    op: type[IRDLOperation], given: Sequence[Value | Sequence[Value]], named: dict[str, Any]
) -> list[SSAValue]:
    """The operands in order, from positional and named ones; the latter are removed from `named`.

    A trailing operand that may be left out becomes the result of a new `tfl.no_value`.
    """
    plan = build_plan(op)
    if len(given) == len(plan.operands) and not plan.variadic and all(isinstance(each, SSAValue) for each in given):
        return cast("list[SSAValue]", list(given))
    if plan.variadic:
        whole: Sequence[Any] = named.pop(plan.operands[0]) if plan.operands[0] in named else given
        if len(whole) == 1 and isinstance(whole[0], list | tuple):
            whole = cast("Sequence[Any]", whole[0])
        return [_value(op, plan.operands[0], each) for each in whole]
    if len(given) > len(plan.operands):
        _refuse(op, f"takes {len(plan.operands)} operands ({', '.join(plan.operands)}), not {len(given)}")
    values = dict(zip(plan.operands, given, strict=False))
    for name in plan.operands:
        if name in named and name not in values and name not in plan.options:
            values[name] = named.pop(name)
    return [_value(op, name, values.get(name)) for name in plan.operands]


def _value(op: type[IRDLOperation], name: str, given: Any) -> SSAValue:
    if isinstance(given, SSAValue):
        return cast("SSAValue", given)
    if isinstance(given, Operation):
        if len(given.results) != 1:
            _refuse(op, f"operand {name}: {given.name} has {len(given.results)} results: name one of them")
        return given.results[0]
    if given is not None:
        _refuse(op, f"operand {name} is a value, or the op that makes it, not {type(given).__name__}")
    if name not in build_plan(op).optional:
        _refuse(op, f"needs its operand {name}")
    return NoValueOp.create(result_types=[NONE], properties={"value": UnitAttr()}).results[0]


def properties_from(op: type[IRDLOperation], given: Mapping[str, Any], operands: int) -> dict[str, Attribute]:
    """The properties for options by name, with the defaults of those that are not given."""
    try:
        return dict(_properties_once(op, tuple(given.items()), operands))
    except TypeError:  # a value that is a list or the like
        return _properties(op, given, operands)


@lru_cache(maxsize=4096)
def _properties_once(
    op: type[IRDLOperation], given: tuple[tuple[str, Any], ...], operands: int
) -> Mapping[str, Attribute]:
    if any(isinstance(value, float) for _, value in given):
        raise TypeError  # 0.0 and -0.0 are equal as keys
    return _properties(op, dict(given), operands)


def _properties(op: type[IRDLOperation], given: Mapping[str, Any], operands: int) -> dict[str, Attribute]:
    plan = build_plan(op)
    properties = dict(plan.defaults)
    if "values_count" in properties:
        properties["values_count"] = IntegerAttr(operands, i32)
    for name, value in given.items():
        name = SHORT.get(name, name)
        if name in plan.operands and name not in plan.options:
            _refuse(op, f"is given its operand {name} twice")
        if name not in plan.options:
            known = [*plan.operands, *plan.options, *SHORT]
            _refuse(op, f"has no operand or option '{name}'{near(name, known)}")
        if value is not None:
            properties[name] = option_attribute(op, name, value)
    return properties


def check_complete(op: type[IRDLOperation], properties: Mapping[str, Attribute]) -> None:
    """Raises `Error` if an option without a default is missing."""
    for name in build_plan(op).needed:
        if name not in properties:
            _refuse(op, f"needs its option {name}")


def option_attribute(op: type[IRDLOperation], name: str, value: Any) -> Attribute:
    """The attribute for an option's value in plain Python."""
    if isinstance(value, Attribute):
        return value
    if isinstance(value, str | int):
        return _attribute_once(op, name, value)
    return _attribute(op, name, value)


@lru_cache(maxsize=16384, typed=True)
def _attribute_once(op: type[IRDLOperation], name: str, value: Any) -> Attribute:
    return _attribute(op, name, value)


def _attribute(op: type[IRDLOperation], name: str, value: Any) -> Attribute:
    plan = build_plan(op).options[name]
    try:
        return _plain(op, name, value) if plan is None else plan.to_attribute(_number(plan, value))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        words = schema().enums[plan.field.of].numbers if plan is not None and plan.field.kind == "enum" else ()
        among = f" ({', '.join(words)})" if words else ""
        _refuse(op, f"option {name} can't be {value!r}{among}")


def _number(plan: FieldPlan, value: Any) -> Any:
    """An option's value as the schema stores it: enumerations by number, vectors as arrays."""
    if plan.field.kind == "enum" and isinstance(value, str):
        return schema().enums[plan.field.of].numbers[value]
    if plan.field.kind == "vector":
        return np.frombuffer(value, np.uint8) if isinstance(value, bytes) else np.asarray(value)
    if plan.field.kind == "scalar" and isinstance(value, str):
        raise ValueError(value)
    return value


def _plain(op: type[IRDLOperation], name: str, value: Any) -> Attribute:
    """The attribute for a property that no table of the schema has, by the constraint in the op's definition."""
    constraint: Any = op.get_irdl_definition().properties[name].constr
    if constraint == BOOL:
        return BoolAttr.from_bool(bool(value))
    if constraint == I32:
        return IntegerAttr(int(value), i32)
    if constraint == F32:
        return FloatAttr(float(value), f32)
    if isinstance(value, bytes):
        return ConstBytesAttr(value)
    if isinstance(value, str):
        return StringAttr(value)
    if value is True:
        return UnitAttr()
    raise TypeError(value)


def option_value(op: IRDLOperation, name: str) -> Any:
    """The value of an option in plain Python; the schema's default if the op does not have the property.

    Enumerations are strings, vectors lists. Raises `Error` if the op has no such option.
    """
    name = SHORT.get(name, name)
    options = build_plan(type(op)).options
    if name not in options:
        _refuse(type(op), f"has no option '{name}'{near(name, list(options))}")
    held, plan = op.properties.get(name), options[name]
    if plan is None or plan.subgraph:
        return _python(held)
    value = default_of(plan.field) if held is None else plan.from_attribute(held)
    if plan.field.kind == "enum":
        return schema().enums[plan.field.of].names.get(value, value)
    return np.asarray(value).tolist() if plan.field.kind == "vector" else value


def _python(held: Attribute | None) -> Any:
    """The Python value of a property that no table of the schema has; the attribute itself if it has no such value."""
    if isinstance(held, UnitAttr):
        return True
    data = getattr(held, "data", None)
    if data is None:
        data = getattr(getattr(held, "value", None), "data", None)
    return held if data is None else data


def result_count(op: type[IRDLOperation], properties: Mapping[str, Attribute]) -> int:
    """How many results an op with these properties has."""
    plan = build_plan(op)
    if not plan.many_results:
        return plan.results
    for name in _COUNTS:
        held = properties.get(name)
        if isinstance(held, IntegerAttr):
            return cast("IntegerAttr[Any]", held).value.data
    return 1


def _refuse(op: type[IRDLOperation], what: str) -> NoReturn:
    raise Error(f"{op.name} {what}", hint=f"it is built as {usage(op)}")


def usage(op: type[IRDLOperation]) -> str:
    """The signature of the op's constructor, such as `AddOp(lhs, rhs, fused_activation_function='NONE')`."""
    plan = build_plan(op)
    operands = [f"{name}=None" if name in plan.optional else name for name in plan.operands]
    if plan.variadic:
        operands = [f"[{plan.operands[0]}, …]"]
    return f"{op.__name__}({', '.join([*operands, *plan.options])})"
