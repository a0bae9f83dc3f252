"""Rules that replace ops by equivalent ops that have integer kernels; each returns the value that replaces the result.

In float, the new ops compute the same numbers. A rule returns None if it needs a range that is not known.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Operation, SSAValue

from tflir.ir.tfl.activations import LIMITS
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.comparison import EqualOp, LogicalNotOp, SelectV2Op
from tflir.ir.types import element_of, shape_of
from tflir.passes.integer_forms.maker import Maker
from tflir.passes.quantization.pairs import float_constant
from tflir.passes.rewriting.values import is_float, producer

Rule = Callable[[Operation, Maker], SSAValue | None]


def _square(op: Operation, make: Maker) -> SSAValue | None:
    x = op.operands[0]
    return make.mul(x, x, op.results[0].type) if make.knows(x) else None


def _negative(op: Operation, make: Maker) -> SSAValue | None:
    """x * -1. The quantized constant represents -1 exactly, so that only the sign of numbers changes."""
    x = op.operands[0]
    return make.mul(x, make.constant(-1.0), op.results[0].type) if make.knows(x) else None


def _sum_of_many(op: Operation, make: Maker) -> SSAValue | None:
    if not make.knows(*op.operands):
        return None
    total, *rest = op.operands
    for value in rest:
        total = make.add(total, value, op.results[0].type)
    return total if rest else make.add(total, make.constant(0.0), op.results[0].type)


def _not_equal(op: Operation, make: Maker) -> SSAValue | None:
    if not all(is_float(value) for value in op.operands):
        return None
    kind = op.results[0].type
    return make.made(LogicalNotOp, [make.made(EqualOp, list(op.operands), kind, None)], kind, None)


def _of_truth(op: Operation, make: Maker) -> SSAValue | None:
    """A cast of booleans to float selects between the constants 1 and 0."""
    if element_of(op.operands[0].type) != IntegerType(1) or not is_float(op.results[0]):
        return None
    if shape_of(op.results[0].type) is None:
        return None
    choice = [op.operands[0], make.constant(1.0), make.constant(0.0)]
    return make.made(SelectV2Op, choice, op.results[0].type, None)


def _squared_difference(op: Operation, make: Maker) -> SSAValue | None:
    if not make.knows(*op.operands):
        return None
    difference = make.sub(op.operands[0], op.operands[1], op.results[0].type)
    return make.mul(difference, difference, op.results[0].type)


def _hard_swish(op: Operation, make: Maker) -> SSAValue | None:
    """x relu6(x + 3) / 6."""
    x, kind = op.operands[0], op.results[0].type
    if not make.knows(x):
        return None
    part = make.mul(make.add(x, make.constant(3.0), kind, "RELU6"), make.constant(1 / 6), kind)
    return make.mul(x, part, kind)


def _parametric_relu(op: Operation, make: Maker) -> SSAValue | None:
    """max(x, 0) + alpha min(x, 0)."""
    x, alpha, kind = op.operands[0], op.operands[1], op.results[0].type
    if not make.knows(x, alpha):
        return None
    return make.add(make.maximum(x, 0.0), make.mul(make.minimum(x, 0.0), alpha, kind), kind)


def _clipped(low: float, high: float) -> Rule:
    def rule(op: Operation, make: Maker) -> SSAValue | None:
        x = op.operands[0]
        return make.minimum(make.maximum(x, low), high) if make.knows(x) else None

    return rule


_ANY: dict[str, Rule] = {
    "ADD_N": _sum_of_many,
    "CAST": _of_truth,
    "SQUARE": _square,
}
_INT8: dict[str, Rule] = {**_ANY, "NEG": _negative, "NOT_EQUAL": _not_equal}
_INT16: dict[str, Rule] = {
    **_ANY,
    "HARD_SWISH": _hard_swish,
    "PRELU": _parametric_relu,
    "RELU_0_TO_1": _clipped(*LIMITS["RELU_0_TO_1"]),
    "RELU_N1_TO_1": _clipped(*LIMITS["RELU_N1_TO_1"]),
    "SQUARED_DIFFERENCE": _squared_difference,
}


def rule_of(op: Operation, *, int16: bool) -> Rule | None:
    """The rule for an op that has no int16 (or int8) kernel; None if there is none."""
    if not isinstance(op, TflOp) or len(op.results) != 1:
        return None
    return (_INT16 if int16 else _INT8).get(op.INFO.builtin)


def constant_operands(op: Operation) -> list[SSAValue]:
    """The operands that are float constants, whose ranges follow from their elements."""
    producers = ((value, producer(value)) for value in op.operands)
    return [value for value, source in producers if source is not None and float_constant(source) is not None]
