"""Which values may be infinite: masks, of which the ops that read them can tell no more than that they are far away.

A softmax takes -1e9 for -infinity. What leads to nothing but such ops, through sums, choices and moves, is a mask or
what it is added to; infinity in it is no fault of the data, as it would be elsewhere.
"""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.tfl.base import TflOp
from tflir.passes.rewriting.values import is_float

# fmt: off
_SEES_NO_INFINITY = frozenset((
    "SOFTMAX", "LOG_SOFTMAX", "REDUCE_MAX", "REDUCE_MIN", "MAX_POOL_2D", "ARG_MAX", "ARG_MIN", "LOGISTIC", "TANH",
    "EXP", "RELU", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1",
))
# fmt: on
_PASSES_ON = frozenset(("ADD", "SUB", "MUL", "DIV", "NEG"))


def may_be_infinite(function: FuncOp) -> set[SSAValue]:
    """The float values of `function` that lead to nothing that could tell infinity from a large number."""
    found: set[SSAValue] = set()
    for op in reversed(list(function.body.block.ops)):
        for value in op.results:
            if is_float(value) and _is_mask(value, found):
                found.add(value)
    found.update(value for value in function.body.block.args if is_float(value) and _is_mask(value, found))
    return found


def masks_among_inputs(function: FuncOp) -> set[str]:
    """The names of the arguments that may be infinite."""
    found = may_be_infinite(function)
    return {name for value in function.body.block.args if value in found and (name := names.name_of(value))}


def _is_mask(value: SSAValue, found: set[SSAValue]) -> bool:
    readers = {use.operation: None for use in value.uses}
    return bool(readers) and all(_takes_masks(op, found) for op in readers)


def _takes_masks(op: Operation, found: set[SSAValue]) -> bool:
    if not isinstance(op, TflOp):
        return False
    if op.INFO.builtin in _SEES_NO_INFINITY:
        return True
    passes = op.INFO.same_scale or op.INFO.builtin in _PASSES_ON
    results = [value for value in op.results if is_float(value)]
    return passes and bool(results) and all(value in found for value in results)
