"""Fills in a new op: operands, properties and the types of its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.ir import Attribute, Operation, OpResult, SSAValues

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.building import check_complete, operands_of, properties_from, result_count
from tflir.ir.tfl.inference import result_elements, result_types, unshaped

_TYPE = "qtype"
"""A property that repeats the type of the result."""


def fill_in(op: TflOp, given: Sequence[Any], named: dict[str, Any], types: Sequence[Attribute] | None) -> None:
    """Makes `op` what operands, in order or by name, options by name and the types of its results say."""
    kind = type(op)
    operands = operands_of(kind, given, named)
    properties = properties_from(kind, named, len(operands))
    if _TYPE in kind.get_irdl_definition().properties and types is not None:
        properties.setdefault(_TYPE, types[0])
    check_complete(kind, properties)
    Operation.__init__(op, operands=operands, properties=properties, result_types=types or ())
    if types is None:
        elements = result_elements(op, result_count(kind, properties))
        _set_results(op, unshaped(elements))
        _set_results(op, result_types(op, elements))


def _set_results(op: TflOp, types: Sequence[Attribute]) -> None:
    op.results = SSAValues(OpResult(each, op, index) for index, each in enumerate(types))
