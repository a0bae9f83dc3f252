"""Common subexpression elimination: of two ops that compute the same from equal operands, the first is kept."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue
from xdsl.traits import Pure

from tflir.ir import names
from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.passes.base import PassReport
from tflir.passes.canonicalize.interface import can_replace, may_change, replace
from tflir.passes.rewriting.edit import erase
from tflir.passes.rewriting.values import is_returned

_OF_ONE_TENSOR = frozenset((names.VERSION, names.TENSOR, *names.OP_CARRIED))
"""Attributes in which two ops that compute the same may differ."""
Number = Callable[[SSAValue], Hashable]
"""Gives two values the same key if they are known to have equal elements."""


def remove_common(function: FuncOp, report: PassReport) -> None:
    """Removes ops whose results another op has already computed.

    Equal constants are kept, but two ops that read equal constants count as having equal operands.
    """
    first: dict[Hashable, Operation] = {}
    numbers: dict[SSAValue, Hashable] = {}

    def number(value: SSAValue) -> Hashable:
        return numbers.get(value, id(value))

    for op in list(function.body.block.ops):
        if isinstance(op, ConstOp | QConstOp | NoValueOp):
            numbers[op.results[0]] = _key(op, number) if may_change(op) else id(op.results[0])
        elif not op.regions and op.results and op.has_trait(Pure()) and may_change(op):
            known = first.setdefault(_key(op, number), op)
            if known is not op and _merge(op, known):
                report.count("common subexpressions")


def share_constants(function: FuncOp, report: PassReport) -> None:
    """Replaces equal constants by one, so that a file has one tensor for them (it has their bytes once in any case).

    Quantized constants are not shared: the runtime repacks them for the op that reads them, and other ops could not
    read the result.
    """
    first: dict[Hashable, Operation] = {}
    for op in list(function.body.block.ops):
        if not isinstance(op, ConstOp | NoValueOp) or not may_change(op) or is_returned(op.results[0]):
            continue
        known = first.setdefault((_key(op, id), op.attributes.get(names.TENSOR)), op)
        if known is not op:
            op.results[0].replace_all_uses_with(known.results[0])
            erase(op)
            report.count("equal constants shared")


def _key(op: Operation, number: Number) -> Hashable:
    """A key that is equal for two ops that compute the same."""
    attributes = frozenset((k, v) for k, v in op.attributes.items() if k not in _OF_ONE_TENSOR)
    operands = tuple(number(operand) for operand in op.operands)
    return type(op), op.name, operands, frozenset(op.properties.items()), tuple(op.result_types), attributes


def _merge(op: Operation, known: Operation) -> bool:
    """Replaces `op` by `known`, unless an output would lose its name; returns whether it did."""
    pairs = list(zip(op.results, known.results, strict=True))
    if not all(can_replace(old, new) for old, new in pairs):
        return False
    for old, new in pairs:
        replace(old, new)
    erase(op)
    return True
