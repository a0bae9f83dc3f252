"""Chains of reshapes, squeezes and transposes in their normal form: at most one transpose between two reshapes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.shaping import ExpandDimsOp, ReshapeOp, SqueezeOp, TransposeOp
from tflir.ir.types import element_of, shape_of, tensor_type
from tflir.passes.base import PassReport
from tflir.passes.canonicalize.axes import Layout, Shape, Steps, identity, reshaped, steps, transposed
from tflir.passes.canonicalize.interface import can_replace, may_change, replace
from tflir.passes.rewriting.edit import block_of
from tflir.passes.rewriting.values import const_op, known_elements

_RESHAPING = (ReshapeOp, SqueezeOp, ExpandDimsOp)
_MOST_DIMENSIONS = 6
"""What the runtime's kernel of TRANSPOSE takes."""


def normalize_chains(function: FuncOp, report: PassReport) -> None:
    """Replaces each chain that its normal form makes shorter; what reads the middle of a chain keeps it."""
    known: dict[SSAValue, tuple[SSAValue, Layout]] = {}
    for op in list(function.body.block.ops):
        if (made := _layout(op, known)) is not None:
            known[op.results[0]] = made
    for value, (source, layout) in list(known.items()):
        if value in known and isinstance(value, OpResult) and _is_end(value, known):
            _normalize(value, source, layout, known, report)


def _layout(op: Operation, known: dict[SSAValue, tuple[SSAValue, Layout]]) -> tuple[SSAValue, Layout] | None:
    """What the op's result is of, and how; None for an op that computes, and where a shape is not known."""
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


def _same_elements(one: Attribute, other: Attribute) -> bool:
    """Whether both hold the same elements; scales along an axis would move with it."""
    element = element_of(one)
    if isinstance(element, UniformQuantizedType) and element.layout.axes:
        return False
    return element == element_of(other)


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
    held = shape_of(source.type)
    assert held is not None
    wanted = steps(held, layout)
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
        block = block_of(op)
        block.erase_op(op)
        known.pop(op.results[0], None)
    report.count("reshapes and transposes", len(old) - wanted.count)


def _removable(end: OpResult, known: dict[SSAValue, tuple[SSAValue, Layout]]) -> Iterator[Operation]:
    """The ops of the chain that nothing else reads, the last first."""
    value: SSAValue = end
    while isinstance(value, OpResult) and value in known:
        yield value.op
        value = value.op.operands[0]
        if value.has_more_than_one_use():
            return


def _make(wanted: Steps, source: SSAValue, end: Operation) -> SSAValue:
    """The ops of the normal form, before `end`; the last one takes its name and its attributes."""
    value = source
    made: list[Operation] = []
    if wanted.before is not None:
        value = _reshape(value, wanted.before, made)
    if wanted.order is not None:
        value = _transpose(value, wanted.order, made)
    if wanted.after is not None:
        value = _reshape(value, wanted.after, made)
    block = block_of(end)
    block.insert_ops_before(made, end)
    last = made[-1]
    last.location = end.location
    kept = {key: held for key, held in end.attributes.items() if key in (names.TENSOR, *names.OP_CARRIED)}
    for op in made:
        op.attributes.update(kept if op is last else {k: v for k, v in kept.items() if k == names.TENSOR})
        op.attributes.update({k: v for k, v in end.attributes.items() if k not in _OF_THE_FILE})
    return value


_OF_THE_FILE = frozenset(
    (names.TENSOR, names.VERSION, names.NO_OPTIONS, names.OPERAND_COUNT, names.INTERMEDIATES, *names.OP_CARRIED)
)
"""What the file said of one op; other attributes are marks of passes, which hold for what the op becomes."""


def _reshape(value: SSAValue, shape: Shape, made: list[Operation]) -> SSAValue:
    target = _constant(np.array(shape, np.int32), made)
    return _op(ReshapeOp, value, target, shape, made)


def _transpose(value: SSAValue, order: tuple[int, ...], made: list[Operation]) -> SSAValue:
    shape = shape_of(value.type)
    assert shape is not None
    places = _constant(np.array(order, np.int32), made)
    return _op(TransposeOp, value, places, tuple(shape[place] for place in order), made)


def _op(
    kind: type[ReshapeOp | TransposeOp], value: SSAValue, second: SSAValue, shape: Shape, made: list[Operation]
) -> SSAValue:
    element = element_of(value.type)
    assert element is not None
    made.append(kind.create(operands=[value, second], result_types=[tensor_type(shape, element)]))
    return made[-1].results[0]


def _constant(array: np.ndarray, made: list[Operation]) -> SSAValue:
    value = elements(array)
    made.append(const_op(value))
    return made[-1].results[0]
