"""An op's options as Python values."""

from __future__ import annotations

from typing import Any, cast

from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, FloatAttr, IntegerAttr, StringAttr, SymbolRefAttr
from xdsl.ir import Attribute, Operation


def number(attribute: Attribute | None, default: int = 0) -> int:
    """An integer option."""
    return cast("IntegerAttr[Any]", attribute).value.data if isinstance(attribute, IntegerAttr) else default


def flag(attribute: Attribute | None) -> bool:
    """A boolean option; false if it is absent."""
    return bool(number(attribute))


def real(attribute: Attribute | None, default: float = 0.0) -> float:
    """A float option."""
    return cast("FloatAttr[Any]", attribute).value.data if isinstance(attribute, FloatAttr) else default


def word(attribute: Attribute | None, default: str = "") -> str:
    """An option that is a name of an enumeration, or another string."""
    return attribute.data if isinstance(attribute, StringAttr) else default


def numbers(attribute: Attribute | None) -> list[int]:
    """An option that is a list of integers; empty if it is absent."""
    if isinstance(attribute, DenseArrayBase):
        return [int(value) for value in cast("DenseArrayBase[Any]", attribute).get_values()]
    if isinstance(attribute, ArrayAttr):
        return [number(item) for item in cast("ArrayAttr[Attribute]", attribute)]
    return []


def reals(attribute: Attribute | None) -> list[float]:
    """An option that is a list of floats."""
    return [real(item) for item in cast("ArrayAttr[Attribute]", attribute)] if isinstance(attribute, ArrayAttr) else []


def symbol(attribute: Attribute | None) -> str:
    """An option that names a function."""
    if isinstance(attribute, SymbolRefAttr):
        return attribute.root_reference.data
    return word(attribute)


def symbols(attribute: Attribute | None) -> list[str]:
    """An option that names functions."""
    return (
        [symbol(item) for item in cast("ArrayAttr[Attribute]", attribute)] if isinstance(attribute, ArrayAttr) else []
    )


def option(op: Operation, name: str) -> Attribute | None:
    """The option `name` of an op of any class; None if it is absent."""
    return op.properties.get(name)
