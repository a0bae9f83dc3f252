"""Finds ops that should stay float because integers have too few steps for what other ops read from them.

`x / (y + 1e-6)`, `log(p + 1e-10)` and `rsqrt(v + 1e-5)` are far from linear near 0. If a step of the operand's scale is
wider than the least element, that element becomes 0, and the result an error, infinity, or far off. Of an angle that
`sin` reads, the absolute error matters: with positions up to 2000, a step of int8 is wider than a period.

It does not help that such an op itself stays float, for its operand was already rounded. So the op that makes the
operand stays float too, and so do the ops before it through which the same elements go unchanged, or moved by a
constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.statistics import Range
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.passes.quantization.facts import INT8, float_operands, is_same_scale
from tflir.passes.quantization.pairs import constant_of
from tflir.passes.rewriting.values import producer

WHY = "another op reads finer differences of its result than integers can express"
_STEPS_OF_A_PERIOD = 256
"""As many as an int8 result has: an angle rounded to them gives a sine with 40 dB."""
_IsCoarse = Callable[[Range], bool]


@dataclass(frozen=True)
class Limits:
    """From where on integers are too coarse for what an op reads."""

    poles: float
    """The fraction of the largest element below which an element is near a pole at 0."""
    steep: float
    """The same for a function that is steep near 0."""
    levels: int
    """The number of steps of the integer type."""

    def of(self, op: TflOp) -> list[tuple[SSAValue, _IsCoarse]]:
        """The operands of an op that need fine steps, and when those of integers are not fine enough."""
        found = [(op.operands[index], _near_zero(self.poles)) for index in op.INFO.poles]
        found += [(op.operands[index], _near_zero(self.steep)) for index in op.INFO.steep]
        if op.INFO.period:
            found.append((op.operands[0], _wider(op.INFO.period / _STEPS_OF_A_PERIOD * self.levels)))
        return found


def _near_zero(share: float) -> _IsCoarse:
    return lambda bounds: is_near_zero(bounds, share)


def _wider(most: float) -> _IsCoarse:
    return lambda bounds: bounds.with_zero().width > most


def makers_of_fine_operands(
    function: FuncOp, ranges: Mapping[SSAValue, Range], limits: Limits, kinds: Sequence[str] = (INT8,)
) -> list[Operation]:
    """The ops that should stay float because of what reads their results, in the order in which they are found.

    The ops that read the results are not in the list: their own rules decide about them.
    """
    found: dict[Operation, None] = {}
    for op in function.body.block.ops:
        pending = limits.of(op) if isinstance(op, TflOp) else []
        while pending:
            value, is_coarse = pending.pop()
            maker = producer(value)
            bounds = ranges.get(value)
            if maker is None or maker in found or bounds is None or not is_coarse(bounds):
                continue
            found[maker] = None
            pending += [(operand, is_coarse) for operand in _passed_on(maker, kinds)]
    return list(found)


def is_near_zero(bounds: Range, share: float) -> bool:
    """Whether some elements of this range are below `share` of the largest one."""
    return not bounds.low > share * bounds.high


def divides_by_small_constants(op: Operation, share: float) -> bool:
    """Whether the op has a pole at 0 in a constant, of which some magnitude is below `share` of the largest one."""
    poles = op.INFO.poles if isinstance(op, TflOp) else ()
    constants = [constant for index in poles if (constant := constant_of(op.operands[index])) is not None]
    found = [np.abs(constant.blob.view().view(np.float32)) for constant in constants]
    return any(held.size and not held.min() > share * held.max() for held in found)


def _passed_on(op: Operation, kinds: Sequence[str]) -> list[SSAValue]:
    """The operands whose elements reach the result unchanged, or moved by a constant."""
    operands = [op.operands[index] for index in float_operands(op)]
    computed = [value for value in operands if not is_constant(value)]
    moved_by_constant = isinstance(op, AddOp | SubOp) and len(computed) == 1
    return computed if moved_by_constant or any(is_same_scale(op, kind) for kind in kinds) else []
