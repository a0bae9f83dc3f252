"""Finds ops whose operands must share one scale though their ranges differ widely.

For example, a CONCATENATION of boxes in pixels and scores in [0, 1]: with one int8 scale, nearly all scores would round
to 0. Where float ops are allowed, such an op stays float, and so do the ops after it that only move its elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.statistics import Range
from tflir.passes.quantization.facts import INT8, float_operands, is_same_scale
from tflir.passes.rewriting.values import is_float

SHARE_OF_INT8 = 1 / 16
SHARE_OF_INT16 = 1 / 256
"""An operand's range should be at least this fraction of the result's: with less, it loses more than half its bits."""
WHY = "one scale for all that it brings together would leave some of it a few steps"


def far_apart(
    function: FuncOp, ranges: Mapping[SSAValue, Range], share: float, kinds: Sequence[str] = (INT8,)
) -> list[Operation]:
    """The ops of these kinds that should stay float, in program order; `share` is one of the two fractions above."""
    keep: dict[Operation, None] = {}
    for op in function.body.block.ops:
        if not any(is_same_scale(op, kind) for kind in kinds):
            continue
        operands = [op.operands[index] for index in float_operands(op)]
        results = [value for value in op.results if is_float(value)]
        if len(operands) == 1:
            if operands[0].owner in keep:
                keep[op] = None
        elif len(results) == 1 and results[0] in ranges:
            least = share * ranges[results[0]].with_zero().width
            own = [ranges[value] for value in operands if value in ranges and not is_constant(value)]
            if any(0 < operand_range.with_zero().width < least for operand_range in own):
                keep[op] = None
    return list(keep)
