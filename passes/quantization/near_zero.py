"""Finds ops that should stay float because integers have too few steps for values near 0.

`x / (y + 1e-6)`, `log(p + 1e-10)` and `rsqrt(v + 1e-5)` are far from linear near 0. If a step of the operand's scale is
wider than the least element, that element becomes 0, and the result an error, infinity, or far off. It does not help
that such an op itself stays float, for its operand was already rounded. So the op that makes the operand stays float
too, and so do the ops before it through which the same small elements go unchanged, or moved by a constant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.statistics import Range
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.passes.quantization.facts import INT8, float_operands, is_same_scale
from tflir.passes.rewriting.values import producer

WHY = "another op reads values near 0 from it, which integers would round too coarsely"


def near_zero(
    function: FuncOp, ranges: Mapping[SSAValue, Range], poles: float, steep: float, kinds: Sequence[str] = (INT8,)
) -> list[Operation]:
    """The ops that should stay float because of what reads their results, in the order in which they are found.

    `poles` and `steep` are the fractions of the largest element below which an element is near 0, for operands of these
    two kinds. The ops that read them are not in the list: their own rules decide about them.
    """
    found: dict[Operation, None] = {}
    for op in function.body.block.ops:
        if not isinstance(op, TflOp):
            continue
        pending = [(op.operands[index], poles) for index in op.INFO.poles]
        pending += [(op.operands[index], steep) for index in op.INFO.steep]
        while pending:
            value, share = pending.pop()
            maker = producer(value)
            bounds = ranges.get(value)
            if maker is None or maker in found or bounds is None or not is_near_zero(bounds, share):
                continue
            found[maker] = None
            pending += [(operand, share) for operand in _passed_on(maker, kinds)]
    return list(found)


def is_near_zero(bounds: Range, share: float) -> bool:
    """Whether some elements of this range are below `share` of the largest one."""
    return not bounds.low > share * bounds.high


def _passed_on(op: Operation, kinds: Sequence[str]) -> list[SSAValue]:
    """The operands whose elements reach the result unchanged, or moved by a constant."""
    operands = [op.operands[index] for index in float_operands(op)]
    computed = [value for value in operands if not is_constant(value)]
    moved_by_constant = isinstance(op, AddOp | SubOp) and len(computed) == 1
    return computed if moved_by_constant or any(is_same_scale(op, kind) for kind in kinds) else []
