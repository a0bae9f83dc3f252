"""Fills in a new op: operands, properties and the types of its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.ir import Attribute

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.building import build_plan, check_complete, operands_of, properties_from, result_count
from tflir.ir.tfl.inference import infer_results, known_results, set_results

_TYPE = "qtype"
"""A property that repeats the type of the result."""


def fill_in(op: TflOp, given: Sequence[Any], named: dict[str, Any], types: Sequence[Attribute] | None) -> None:
    """Sets operands (`given` in order, or by name), options (by name) and the types of the results of `op`."""
    kind = type(op)
    operands = operands_of(kind, given, named)
    properties = properties_from(kind, named, len(operands))
    needed = build_plan(kind).needed
    if needed:
        if types is not None and _TYPE in needed:
            properties.setdefault(_TYPE, types[0])
        check_complete(kind, properties)
    if types is None:
        types = known_results(kind, operands, properties)
    if types is not None:
        op.set_up(operands, types, properties)
        return
    op.set_up(operands, (), properties)
    set_results(op, infer_results(op, result_count(kind, properties)))
