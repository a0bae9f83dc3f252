"""What TensorFlow's calibrator records beside a tensor's own values: those of the op that overwrites it in place.

Its runtime gives the result of some ops the memory of an operand, and the calibrator logs the operands of an op once
more after it has run. The operand's range then holds the result's too (docs/semantics.md, Calibration).
"""

from __future__ import annotations

import math

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue

from tflir.ir.constness import CONSTANTS
from tflir.ir.statistics import Range
from tflir.ir.types import element_of, schema_name, shape_of, stored_bytes
from tflir.passes.calibration.logged import is_state

_FIRST_OR_SECOND = frozenset(("tfl.add", "tfl.sub", "tfl.mul", "tfl.div"))
_FIRST = frozenset(("tfl.softmax", "tfl.dynamic_update_slice"))
_SAME_BUFFER = frozenset(("tfl.reshape", "tfl.expand_dims", "tfl.squeeze", "tfl.bitcast"))
_SCALAR = 4
"""Bytes of what is too small to be worth it."""


def contaminated(function: FuncOp, ranges: dict[SSAValue, Range]) -> dict[SSAValue, Range]:
    """`ranges` with those of operands that an op overwrites joined with that op's result's."""
    found = dict(ranges)
    for op in function.body.block.ops:
        value = _overwritten(op)
        if value is not None and value in ranges and op.results[0] in ranges:
            found[value] = ranges[value].union(ranges[op.results[0]])
    return found


def _overwritten(op: Operation) -> SSAValue | None:
    """The operand whose memory the op's result takes; None where it has memory of its own."""
    candidates = 2 if op.name in _FIRST_OR_SECOND else 1 if op.name in _FIRST else 0
    if not candidates or _is_output(op.results[0]):
        return None
    size = _size(op.results[0])
    return next(
        (value for value in op.operands[:candidates] if _is_free(value) and _size(value) == size > _SCALAR), None
    )


def _is_output(value: SSAValue) -> bool:
    return any(isinstance(use.operation, ReturnOp) for use in value.uses)


def _size(value: SSAValue) -> int:
    """Bytes of a tensor; a dynamic dimension counts as 1."""
    element, shape = element_of(value.type), shape_of(value.type)
    if element is None or shape is None or (name := schema_name(element)) is None:
        return 0
    return stored_bytes(name, math.prod(max(size, 1) for size in shape)) or 0


def _is_free(value: SSAValue) -> bool:
    """Whether one op alone reads the tensor, and the buffer that it may share, and it lies in the arena."""
    if not isinstance(value, OpResult) or isinstance(value.op, CONSTANTS) or is_state(value):
        return False
    readers = sum(1 for _ in value.uses)
    shared = value
    while isinstance(shared, OpResult) and shared.op.name in _SAME_BUFFER:
        shared = shared.op.operands[0]
        readers += sum(1 for _ in shared.uses) - 1
    return readers == 1 and not isinstance(shared, BlockArgument)
