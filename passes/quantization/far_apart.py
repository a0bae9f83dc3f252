"""Ops that bring together values of very different size: one scale for all of them would leave the small ones no steps.

Boxes in pixels and scores in 0..1 in one output; numbers beside a constant of 1e6. Where float ops are allowed, the op
stays float, and with it the ops after it that only move what it made.
"""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.passes.quantization.facts import float_operands, is_same_scale
from tflir.passes.rewriting.values import is_float

SHARE_OF_INT8 = 1 / 16
SHARE_OF_INT16 = 1 / 256
"""Of its result's range, what each operand should have: with less it loses more than half of its bits."""
WHY = "one scale for all that it brings together would leave some of it a few steps"


def far_apart(function: FuncOp, ranges: Mapping[SSAValue, Range], share: float) -> list[Operation]:
    """The ops of `function` that should stay float, in the order of the program."""
    found: dict[Operation, None] = {}
    for op in function.body.block.ops:
        if not isinstance(op, TflOp) or not is_same_scale(op):
            continue
        operands = [op.operands[index] for index in float_operands(op)]
        results = [value for value in op.results if is_float(value)]
        if len(operands) == 1:
            if operands[0].owner in found:
                found[op] = None
        elif len(results) == 1 and results[0] in ranges:
            least = share * _spread(ranges[results[0]])
            own = [ranges[value] for value in operands if value in ranges and not is_constant(value)]
            if any(0 < _spread(one) < least for one in own):
                found[op] = None
    return list(found)


def _spread(found: Range) -> float:
    return max(found.high, 0.0) - min(found.low, 0.0)
