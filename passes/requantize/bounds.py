"""Bounds of the results of float ops, from which follows whether a quantized type clips the result.

If the smallest number of a result's quantized type is 0, the type clips negative numbers like a RELU, and many
converters omit the op's fused RELU for this reason. The float op needs that activation again, unless its definition
implies that its results are not negative, as for a SOFTMAX.
"""

from __future__ import annotations

import math

from xdsl.ir import Operation, SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.activations import LIMITS, fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.passes.quantization.facts import float_operands
from tflir.passes.requantize.scales import Scales

_ALL = Range(-math.inf, math.inf)
_POSITIVE = Range(0.0, math.inf)
_OF_ACTIVATION = {name: Range(*limits) for name, limits in LIMITS.items()}
_OF_OP = {
    **_OF_ACTIVATION,
    "TANH": Range(-1.0, 1.0),
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
"""Other ops than same-scale ones whose results lie within the bounds of their operands."""
_STAY_POSITIVE = frozenset(("ADD", "SUM", "MUL", "DIV", "BATCH_MATMUL"))
_ADD_ZEROS = frozenset(("PAD", "SCATTER_ND", "MATRIX_DIAG"))
_UNINTENDED = 1 / 16
"""If a requantization clips less than this fraction of its range, this is an accident of two calibrations, not intended
clipping.
"""


class Bounds:
    """The known bounds of the values of a function."""

    def __init__(self) -> None:
        self._known: dict[SSAValue, Range] = {}

    def of(self, value: SSAValue) -> Range:
        """The bounds of `value`; all numbers if they are not known."""
        return self._known.get(value, _ALL)

    def set(self, value: SSAValue, bounds: Range) -> None:
        """Sets the bounds of `value`."""
        self._known[value] = bounds

    def by_nature(self, op: Operation) -> Range:
        """The bounds of an op's results that follow from its definition and its operands, which are already float."""
        if not isinstance(op, TflOp):
            return _ALL
        info, activation = op.INFO, fused_activation(op)
        if activation in _OF_ACTIVATION:
            return _OF_ACTIVATION[activation]
        if info.builtin in _OF_OP:
            return _OF_OP[info.builtin]
        operands = [self.of(op.operands[index]) for index in float_operands(op)]
        if not operands:
            return _ALL
        if info.same_scale or info.moves_elements or info.builtin in _KEEP:
            zero = [Range(0.0, 0.0)] if info.builtin in _ADD_ZEROS else []
            whole = [*operands, *zero]
            return Range(min(bounds.low for bounds in whole), max(bounds.high for bounds in whole))
        if info.builtin in _STAY_POSITIVE and all(bounds.low >= 0 for bounds in operands):
            return _POSITIVE
        return _ALL


def clipped_by(scales: Scales, nature: Range) -> str | None:
    """The activation that a quantized type applies by clipping, or None.

    `nature` are the bounds that follow from the op: if they exclude negative numbers, nothing is clipped.
    """
    span = scales.span()
    if span.low != 0 or nature.low >= -scales.step:
        return None
    return "RELU6" if abs(span.high - LIMITS["RELU6"][1]) <= scales.step else "RELU"


def cut_off_by(scales: Scales, source: Range, *, whole: bool) -> tuple[float | None, float | None]:
    """The lower and upper limit to which a quantize clips values within `source`; None for an end that is not clipped.

    With `whole`, values without known bounds count as clipped, and so does all that exceeds the range by more than a
    step. Else, an excess of a small fraction of the range is ignored: it may come from two different calibrations.
    """
    span = scales.span()
    beyond = scales.step if whole else max(scales.step, span.width * _UNINTENDED)
    low = span.low if source.low < span.low - beyond and (whole or math.isfinite(source.low)) else None
    high = span.high if source.high > span.high + beyond and (whole or math.isfinite(source.high)) else None
    return low, high


def cut_off_before(source: Scales, nature: Range, target: Scales) -> tuple[float | None, float | None]:
    """The lower and upper limit to which an op clips its result if it makes `source`, requantized to `target`.

    A converter lets an op make the type `target` directly if it can. So if `source` has a narrower range, it is there
    to clip.
    """
    within, whole = source.span(), target.span()
    beyond = max(target.step, within.width * _UNINTENDED)
    low = within.low if whole.low < within.low - beyond and nature.low < within.low - beyond else None
    high = within.high if whole.high > within.high + beyond and nature.high > within.high + beyond else None
    return low, high
