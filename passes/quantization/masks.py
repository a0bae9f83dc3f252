"""Finds the values that may be infinite: masks, and the values that masks are added to.

A softmax treats -1e9 and -infinity alike. If all paths from a value lead to such ops, through sums, selections and ops
that move elements, infinity in the value is part of a mask. In any other value it would be an error of the data.
"""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.tfl.base import TflOp
from tflir.passes.rewriting.values import is_float

# fmt: off
_ACCEPTS_INFINITY = frozenset((
    "SOFTMAX", "LOG_SOFTMAX", "REDUCE_MAX", "REDUCE_MIN", "MAX_POOL_2D", "ARG_MAX", "ARG_MIN", "LOGISTIC", "TANH",
    "EXP", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1",
))
# fmt: on
_PASSES_ON = frozenset(("ADD", "SUB", "MUL", "DIV", "NEG"))


def may_be_infinite(function: FuncOp) -> set[SSAValue]:
    """The float values of `function` all of whose users treat infinity like a large number."""
    masks: set[SSAValue] = set()
    for op in reversed(list(function.body.block.ops)):
        for value in op.results:
            if is_float(value) and _is_mask(value, masks):
                masks.add(value)
    masks.update(value for value in function.body.block.args if is_float(value) and _is_mask(value, masks))
    return masks


def masks_among_inputs(function: FuncOp) -> set[str]:
    """The names of the arguments that may be infinite."""
    masks = may_be_infinite(function)
    return {name for value in function.body.block.args if value in masks and (name := names.name_of(value))}


def _is_mask(value: SSAValue, masks: set[SSAValue]) -> bool:
    """Whether a value has users and all of them accept infinity; `masks` are the values known to be masks so far."""
    users = {use.operation: None for use in value.uses}
    return bool(users) and all(_accepts_masks(op, masks) for op in users)


def _accepts_masks(op: Operation, masks: set[SSAValue]) -> bool:
    if not isinstance(op, TflOp):
        return False
    if op.INFO.builtin in _ACCEPTS_INFINITY:
        return True
    passes = op.INFO.same_scale or op.INFO.builtin in _PASSES_ON
    results = [value for value in op.results if is_float(value)]
    return passes and bool(results) and all(value in masks for value in results)
