"""Imitates an error of TensorFlow's calibrator: a tensor's range includes the result of an op that overwrites it.

The runtime computes some ops in place, so that the result has the memory of an operand, and the calibrator logs the
operands of an op again after it has run. The operand's range then includes the result's (docs/semantics.md,
Calibration).
"""

from __future__ import annotations

import math

from xdsl.dialects.func import FuncOp
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue

from tflir.ir.constness import CONSTANTS
from tflir.ir.statistics import Range
from tflir.ir.types import element_of, schema_name, shape_of, stored_bytes
from tflir.passes.calibration.logged import is_state
from tflir.passes.rewriting.values import is_returned

_FIRST_OR_SECOND = frozenset(("tfl.add", "tfl.sub", "tfl.mul", "tfl.div"))
_FIRST = frozenset(("tfl.softmax", "tfl.dynamic_update_slice"))
_SAME_BUFFER = frozenset(("tfl.reshape", "tfl.expand_dims", "tfl.squeeze", "tfl.bitcast"))
_SCALAR = 4
"""A tensor of at most this many bytes is not overwritten in place."""


def contaminated(function: FuncOp, ranges: dict[SSAValue, Range]) -> dict[SSAValue, Range]:
    """`ranges`, where the range of an operand that an op overwrites is united with the range of the op's result."""
    united = dict(ranges)
    for op in function.body.block.ops:
        value = _overwritten(op)
        if value is not None and value in ranges and op.results[0] in ranges:
            united[value] = ranges[value].union(ranges[op.results[0]])
    return united


def _overwritten(op: Operation) -> SSAValue | None:
    """The operand whose memory the op's result uses; None if the result has memory of its own."""
    candidates = 2 if op.name in _FIRST_OR_SECOND else 1 if op.name in _FIRST else 0
    if not candidates or is_returned(op.results[0]):
        return None
    size = _size(op.results[0])
    return next(
        (value for value in op.operands[:candidates] if _is_free(value) and _size(value) == size > _SCALAR), None
    )


def _size(value: SSAValue) -> int:
    """The size of a tensor in bytes, where a dynamic dimension counts as 1; 0 if the size is not known."""
    element, shape = element_of(value.type), shape_of(value.type)
    if element is None or shape is None or (name := schema_name(element)) is None:
        return 0
    return stored_bytes(name, math.prod(max(size, 1) for size in shape)) or 0


def _is_free(value: SSAValue) -> bool:
    """Whether the runtime may overwrite a tensor.

    The tensor must be in the runtime's arena, and only one op may read it or any tensor that shares its buffer.
    """
    if not isinstance(value, OpResult) or isinstance(value.op, CONSTANTS) or is_state(value):
        return False
    readers = sum(1 for _ in value.uses)
    shared = value
    while isinstance(shared, OpResult) and shared.op.name in _SAME_BUFFER:
        shared = shared.op.operands[0]
        readers += sum(1 for _ in shared.uses) - 1
    return readers == 1 and not isinstance(shared, BlockArgument)
