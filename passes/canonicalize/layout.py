"""Shortens chains of reshapes, squeezes and transposes to at most one transpose between two reshapes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.shaping import ExpandDimsOp, ReshapeOp, SqueezeOp, TransposeOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.base import PassReport
from tflir.passes.canonicalize.axes import Layout, Steps, identity, reshaped, steps, transposed
from tflir.passes.canonicalize.interface import can_replace, may_change, replace
from tflir.passes.rewriting.carrying import carry, derived
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import const_op, known_elements

_RESHAPING = (ReshapeOp, SqueezeOp, ExpandDimsOp)
_MOST_DIMENSIONS = 6
"""The largest number of dimensions that the runtime's TRANSPOSE kernel supports."""


def normalize_chains(function: FuncOp, report: PassReport) -> None:
    """Replaces each chain whose normal form is shorter; if others read a value inside it, the ops up to it are kept."""
    known: dict[SSAValue, tuple[SSAValue, Layout]] = {}
    for op in list(function.body.block.ops):
        if (layout_of_result := _layout(op, known)) is not None:
            known[op.results[0]] = layout_of_result
    for value, (source, layout) in list(known.items()):
        if value in known and isinstance(value, OpResult) and _is_end(value, known):
            _normalize(value, source, layout, known, report)


def _layout(op: Operation, known: dict[SSAValue, tuple[SSAValue, Layout]]) -> tuple[SSAValue, Layout] | None:
    """The source of the chain that ends with the op, and the layout of the op's result in it.

    None if the op is no reshape or transpose, or if a shape is not known.
    """
    if not isinstance(op, (*_RESHAPING, TransposeOp)) or not may_change(op):
        return None
    operand = op.operands[0]
    before, after = shape_of(operand.type), shape_of(op.results[0].type)
    if before is None or after is None or -1 in before or -1 in after or 0 in before:
        return None
    if not _same_elements(operand.type, op.results[0].type):
        return None
    source, layout = known.get(operand, (operand, identity(before)))
    made = _transposed(layout, op) if isinstance(op, TransposeOp) else reshaped(layout, after)
    return None if made is None else (source, made)


def _transposed(layout: Layout, op: TransposeOp) -> Layout | None:
    order = known_elements(op.perm)
    rank = len(layout.shape)
    return None if order is None else transposed(layout, [int(place) % rank for place in order] if rank else [])


def _same_elements(before: Attribute, after: Attribute) -> bool:
    """Whether both types have the same element type, without scales along an axis, which would have to move with it."""
    element = element_of(before)
    if isinstance(element, UniformQuantizedType) and element.layout.axes:
        return False
    return element == element_of(after)


def _is_end(value: OpResult, known: dict[SSAValue, tuple[SSAValue, Layout]]) -> bool:
    """Whether an op outside the chain reads the value."""
    return any(not use.operation.results or use.operation.results[0] not in known for use in value.uses)


def _normalize(
    end: OpResult,
    source: SSAValue,
    layout: Layout,
    known: dict[SSAValue, tuple[SSAValue, Layout]],
    report: PassReport,
) -> None:
    """Replaces the chain from `source` to `end` by its normal form if that is shorter."""
    source_shape = shape_of(source.type)
    assert source_shape is not None
    wanted = steps(source_shape, layout)
    old = list(_removable(end, known))
    transposes = sum(isinstance(op, TransposeOp) for op in old)
    if wanted.count > len(old) or (wanted.transposes, wanted.count) >= (transposes, len(old)):
        return
    if wanted.order is not None and len(wanted.order) > _MOST_DIMENSIONS:
        report.decline(f"its transpose would have more than {_MOST_DIMENSIONS} dimensions", end.op)
        return
    if wanted.count == 0:
        if not can_replace(end, source):
            report.decline("the name of an output would be lost", end.op)
            return
        replace(end, source)
    else:
        end.replace_all_uses_with(_make(wanted, source, end.op))
    for op in old:
        erase(op)
        known.pop(op.results[0], None)
    report.count("reshapes and transposes", len(old) - wanted.count)


def _removable(end: OpResult, known: dict[SSAValue, tuple[SSAValue, Layout]]) -> Iterator[Operation]:
    """The ops of the chain that no op outside of it reads, the last one first."""
    value: SSAValue = end
    while isinstance(value, OpResult) and value in known:
        yield value.op
        value = value.op.operands[0]
        if value.has_more_than_one_use():
            return


def _make(wanted: Steps, source: SSAValue, end: Operation) -> SSAValue:
    """Inserts the ops of the normal form before `end`; the last one takes its name."""
    parts = ((ReshapeOp, wanted.before), (TransposeOp, wanted.order), (ReshapeOp, wanted.after))
    needed = [(kind, how) for kind, how in parts if how is not None]
    value = source
    for number, (kind, how) in enumerate(needed, 1):
        target = const_op(elements(np.array(how, np.int32)))
        made = kind(value, target.output)
        made.location = names.UNNAMED if number == len(needed) else derived(end.location)
        carry(end, made)
        insert_before(end, target, made)
        value = made.output
    return value
