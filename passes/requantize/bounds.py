"""What the results of float ops lie within by their nature, so that the clipping of a quantized type can be told.

A result whose type starts at 0 is never negative, whatever its op computes: the quantized type is an activation (many
converters leave the fused RELU out where it is). As float the op needs that activation again.
"""

from __future__ import annotations

import math

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation, SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.passes.quantization.facts import float_operands
from tflir.passes.requantize.scales import Scales

_ALL = Range(-math.inf, math.inf)
_POSITIVE = Range(0.0, math.inf)
_OF_ACTIVATION = {
    "RELU": _POSITIVE,
    "RELU6": Range(0.0, 6.0),
    "RELU_N1_TO_1": Range(-1.0, 1.0),
}
_OF_OP = {
    **_OF_ACTIVATION,
    "TANH": Range(-1.0, 1.0),
    "RELU_0_TO_1": Range(0.0, 1.0),
    "LOGISTIC": Range(0.0, 1.0),
    "SOFTMAX": Range(0.0, 1.0),
    "EXP": _POSITIVE,
    "ABS": _POSITIVE,
    "SQUARE": _POSITIVE,
    "SQRT": _POSITIVE,
    "RSQRT": _POSITIVE,
    "SQUARED_DIFFERENCE": _POSITIVE,
    "L2_NORMALIZATION": Range(-1.0, 1.0),
}
_KEEP = frozenset(("MEAN",))
"""Ops beside those of same scale whose results lie within what their operands do."""
_STAY_POSITIVE = frozenset(("ADD", "SUM", "MUL", "DIV", "BATCH_MATMUL"))
_ADD_ZEROS = frozenset(("PAD", "SCATTER_ND", "MATRIX_DIAG"))
_SIX = 6.0
_UNMEANT = 1 / 16
"""Of a requantization's span, what it may cut off without anyone having meant it: two calibrations differ by that."""


class Bounds:
    """What the values of a function lie within, as far as it is known."""

    def __init__(self) -> None:
        self._known: dict[SSAValue, Range] = {}

    def of(self, value: SSAValue) -> Range:
        """What `value` lies within."""
        return self._known.get(value, _ALL)

    def set(self, value: SSAValue, found: Range) -> None:
        """Notes what `value` lies within."""
        self._known[value] = found

    def by_nature(self, op: Operation) -> Range:
        """What the results of an op lie within whatever their types are; its operands are float by now."""
        if not isinstance(op, TflOp):
            return _ALL
        info, activation = op.INFO, op.properties.get("fused_activation_function")
        if isinstance(activation, StringAttr) and activation.data in _OF_ACTIVATION:
            return _OF_ACTIVATION[activation.data]
        if info.builtin in _OF_OP:
            return _OF_OP[info.builtin]
        operands = [self.of(op.operands[index]) for index in float_operands(op)]
        if not operands:
            return _ALL
        if info.same_scale or info.moves_elements or info.builtin in _KEEP:
            zero = [Range(0.0, 0.0)] if info.builtin in _ADD_ZEROS else []
            whole = [*operands, *zero]
            return Range(min(one.low for one in whole), max(one.high for one in whole))
        if info.builtin in _STAY_POSITIVE and all(one.low >= 0 for one in operands):
            return _POSITIVE
        return _ALL


def clipped_by(scales: Scales, nature: Range) -> str | None:
    """The activation that a quantized type stands for, where `nature` alone would let values be negative; or None."""
    span = scales.span()
    if span.low != 0 or nature.low >= -scales.step:
        return None
    return "RELU6" if abs(span.high - _SIX) <= scales.step else "RELU"


def cut_off_by(scales: Scales, source: Range, *, whole: bool) -> tuple[float | None, float | None]:
    """What a quantize of values within `source` clips them to, at each end; None where it clips nothing.

    `whole`: also where nothing is known about the values. Else what lies beyond by a step or by a small share does not
    count: the ranges of two calibrations differ by that.
    """
    span = scales.span()
    beyond = scales.step if whole else max(scales.step, (span.high - span.low) * _UNMEANT)
    low = span.low if source.low < span.low - beyond and (whole or math.isfinite(source.low)) else None
    high = span.high if source.high > span.high + beyond and (whole or math.isfinite(source.high)) else None
    return low, high


def cut_off_before(source: Scales, nature: Range, target: Scales) -> tuple[float | None, float | None]:
    """What an op that could have made `target` itself clips its result to by way of `source`, which is narrower.

    Converters let an op make what it is requantized to, so that a narrower type between the two is there to clip.
    """
    within, whole = source.span(), target.span()
    beyond = max(target.step, (within.high - within.low) * _UNMEANT)
    low = within.low if whole.low < within.low - beyond and nature.low < within.low - beyond else None
    high = within.high if whole.high > within.high + beyond and nature.high > within.high + beyond else None
    return low, high
