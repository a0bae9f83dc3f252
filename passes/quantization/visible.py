"""Narrows ranges to the values that the ops which read them can distinguish.

A mask of -1e9 may be added before a softmax, or -inf may be padded before a max pooling. Below some bound, every
number gives the same result. A scale for a range that contains such numbers would round the others to a few steps, so
the range is ended at that bound. Numbers beyond the bound are rounded to it, in constants too.

Two ranges are computed for each value. The *live* range, from the first op to the last, is that of the elements that
are not masks. The *visible* range, from the last op to the first, is that in which users distinguish numbers. A
softmax distinguishes numbers down to some distance below the smallest live element, since each row has a live element.
A sum passes the bounds of its result on to each operand, less what the other operand can add. An op that moves
elements passes them on unchanged. See docs/semantics.md, Limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from xdsl.dialects.builtin import FloatAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.activations import LIMITS, fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import shape_of
from tflir.passes.quantization.constant_ranges import ConstantRanges
from tflir.passes.quantization.facts import float_operands, may_be_integer
from tflir.passes.rewriting.values import is_float

ALL = Range(-math.inf, math.inf)
_WORTH_IT = 4.0
"""A range is narrowed if it is more than this many times as wide as its visible part."""
_MASK = 1000.0
"""A computed value contains a mask if its range goes from -1000 or less to at most a hundredth of that above 0."""
_MASK_SHARE = 100.0
_LARGE_FACTOR = 1000.0
"""A constant factor of this size or more makes a mask from ones and zeros; a smaller one scales logits."""
_MOST_STEPS = 2.0**30
_ROW = 4096
"""The number of elements that a row is assumed to have if the model does not state its length."""
_TIE = 0.05
"""A masked element must be below the live range by this fraction of its width, so that it never is the maximum."""


class Visible:
    """The live and visible ranges of a function's values, for activations of `levels` steps."""

    def __init__(self, function: FuncOp, ranges: dict[SSAValue, Range], constants: ConstantRanges, levels: int) -> None:
        self._ranges = ranges
        self._constants = constants
        self.levels = levels
        self._live: dict[SSAValue, Range | None] = {}
        self._visible: dict[SSAValue, Range] = {}
        ops = [op for op in function.body.block.ops if isinstance(op, TflOp)]
        for op in ops:
            for value in op.results:
                if is_float(value):
                    self._live[value] = self._live_result(op, value)
        for op in reversed(list(function.body.block.ops)):
            for index in float_operands(op):
                seen, value = self._seen(op, index), op.operands[index]
                known = self._visible.get(value)
                self._visible[value] = seen if known is None else known.union(seen)

    def narrowed(self) -> tuple[dict[SSAValue, Range], dict[SSAValue, Range]]:
        """The recorded ranges, narrowed to their visible parts, and the narrowed ranges of constants to be clamped."""
        ranges = {value: self._narrow(value, recorded) for value, recorded in self._ranges.items()}
        clamped: dict[SSAValue, Range] = {}
        for value in self._visible:
            whole = self._constants.range_of(value)
            if whole is not None and (narrow := self._narrow(value, whole)) != whole:
                clamped[value] = narrow
        return ranges, clamped

    def _narrow(self, value: SSAValue, whole: Range) -> Range:
        """The visible part of the range of a value, or the whole range if that is not much wider."""
        seen = self._visible.get(value, ALL)
        low, high = (min(max(end, seen.low), seen.high) for end in (whole.low, whole.high))
        if not (math.isfinite(low) and math.isfinite(high)):
            return whole
        if not (isinstance(value, OpResult) and may_be_integer(value.op)) and self._constants.range_of(value) is None:
            low, high = self._within_reach(whole, low, high)
        visible = Range(low, high)
        return visible if whole.with_zero().width > _WORTH_IT * visible.with_zero().width else whole

    def _within_reach(self, whole: Range, low: float, high: float) -> tuple[float, float]:
        """The range [low, high], stretched so that a QUANTIZE of values in `whole` computes at most 2^30 steps.

        The runtime's kernel replaces numbers that int32 can't hold by the least int32 number. This is only right for
        negative numbers, and if the range is mostly negative.
        """
        spread = max(high, 0.0) - min(low, 0.0)
        far = whole.high if -low >= high else max(whole.high, -whole.low)
        needed = far * self.levels / _MOST_STEPS
        stretch = max(1.0, needed / spread) if spread > 0 else 1.0
        return low * stretch, high * stretch

    # ------------------------------------------------------------------------------------------ forward

    def range_of(self, value: SSAValue) -> Range:
        """The range of a value or constant, including masks; all numbers if it is not known."""
        return self._ranges.get(value) or self._constants.range_of(value) or ALL

    def live(self, value: SSAValue) -> Range | None:
        """The range of a value's elements that are not masks; None if all of them are."""
        if value in self._live:
            return self._live[value]
        constant = self._constants.live_range(value)
        return constant if constant is not None or self._constants.range_of(value) else _unmasked(self.range_of(value))

    def _live_result(self, op: TflOp, value: SSAValue) -> Range | None:
        recorded = self.range_of(value)
        parts = [self.live(op.operands[index]) for index in float_operands(op)]
        combined = _combined(op, parts)
        if combined is None:
            return _unmasked(recorded)
        low, high = (min(max(end, recorded.low), recorded.high) for end in (combined.low, combined.high))
        return Range(low, high)

    # ------------------------------------------------------------------------------------------ backward

    def _seen(self, op: Operation, index: int) -> Range:
        """The range in which `op` distinguishes elements of its operand `index`."""
        if not isinstance(op, TflOp):
            return ALL
        rule = _VISIBLE_OPERAND.get(op.INFO.builtin)
        if rule is not None:
            return rule(self, op, index)
        if op.INFO.same_scale and op.INFO.builtin not in _NOT_PASSED_ON:
            return self.of_results(op)
        return ALL

    def of_results(self, op: TflOp) -> Range:
        """The visible range of an op's results, limited by its fused activation."""
        seen = [self._visible.get(value, ALL) for value in op.results if is_float(value)]
        whole = Range(min(part.low for part in seen), max(part.high for part in seen)) if seen else ALL
        within = _ACTIVATIONS.get(fused_activation(op), ALL)
        return Range(max(whole.low, within.low), min(whole.high, within.high))

    def other(self, op: TflOp, index: int) -> Range:
        """The range of the other operand of an op with two operands."""
        return self.range_of(op.operands[1 - index])

    def splat(self, value: SSAValue) -> float | None:
        """The number that all elements of a constant are equal to; None if they differ, or if it is not a constant."""
        bounds = self._constants.range_of(value)
        return bounds.low if bounds is not None and bounds.low == bounds.high else None


def _unmasked(whole: Range) -> Range:
    """The range without the mask at its far end, if it has one."""
    low, high = whole.low, whole.high
    if low <= -_MASK and low <= -_MASK_SHARE * abs(high):
        return Range(-abs(high), high)
    if high >= _MASK and high >= _MASK_SHARE * abs(low):
        return Range(low, abs(low))
    return whole


_ACTIVATIONS = {name: Range(*limits) for name, limits in LIMITS.items()}
_NOT_PASSED_ON = frozenset(("AVERAGE_POOL_2D", "RESIZE_BILINEAR", "TOPK_V2", "ADD_N"))
"""Same-scale ops that compute sums of elements, or whose results depend on the order of all elements."""


def _combined(op: TflOp, parts: list[Range | None]) -> Range | None:
    """The live range of an op's result, from those of its operands; None if there is no rule for the op."""
    known = [part for part in parts if part is not None]
    kind = op.INFO.builtin
    if len(known) == len(parts) == 2 and kind in ("ADD", "SUB"):
        (a, b) = known
        return Range(a.low + b.low, a.high + b.high) if kind == "ADD" else Range(a.low - b.high, a.high - b.low)
    if kind in ("MUL", "DIV") and len(known) == len(parts) == 2:
        (a, b) = known
        if b.low == b.high and 1 / _LARGE_FACTOR < b.low < _LARGE_FACTOR:
            factor = b.low if kind == "MUL" else 1 / b.low
            return Range(a.low * factor, a.high * factor)
        return None
    if kind in (
        "MINIMUM",
        "MAXIMUM",
    ):  # an operand that holds a mask either replaces the other's elements or keeps them
        known = [part for part in known if max(-part.low, part.high) < _MASK] or known
    if op.INFO.same_scale and known:
        return Range(min(part.low for part in known), max(part.high for part in known))
    return None


def _difference(left: float, right: float) -> float:
    """left - right; an infinite `left` means that there is no bound, and is returned whatever `right` is."""
    return left if math.isinf(left) else left - right


def _softmax(visible: Visible, op: TflOp, index: int) -> Range:
    """Below the bound, all elements of a row together are less than half a step of the result."""
    live = visible.live(op.operands[index])
    shape = shape_of(op.operands[index].type)
    row = shape[-1] if shape and shape[-1] > 0 else _ROW
    beta = _beta(op)
    if live is None or not math.isfinite(live.low) or beta <= 0:
        return ALL
    return Range(live.low - math.log(2.0 * visible.levels * row) / beta, math.inf)


def _beta(op: TflOp) -> float:
    beta = op.properties.get("beta")
    return float(beta.value.data) if isinstance(beta, FloatAttr) else 1.0


def _largest(visible: Visible, op: TflOp, index: int) -> Range:
    live = visible.live(op.operands[index])
    if live is None or not math.isfinite(live.low):
        return ALL
    return Range(live.low - _TIE * live.width if math.isfinite(live.high) else live.low, math.inf)


def _smallest(visible: Visible, op: TflOp, index: int) -> Range:
    live = visible.live(op.operands[index])
    if live is None or not math.isfinite(live.high):
        return ALL
    return Range(-math.inf, live.high + _TIE * live.width if math.isfinite(live.low) else live.high)


def _maximum_of(visible: Visible, op: TflOp, index: int) -> Range:
    seen, result = _largest(visible, op, index), visible.of_results(op)
    return Range(max(seen.low, result.low), min(seen.high, result.high))


def _minimum_of(visible: Visible, op: TflOp, index: int) -> Range:
    seen, result = _smallest(visible, op, index), visible.of_results(op)
    return Range(max(seen.low, result.low), min(seen.high, result.high))


def _logistic(visible: Visible, op: TflOp, index: int) -> Range:
    end = math.log(2.0 * visible.levels)
    return Range(-end, end)


def _tanh(visible: Visible, op: TflOp, index: int) -> Range:
    end = math.log(2.0 * visible.levels) / 2
    return Range(-end, end)


def _exp(visible: Visible, op: TflOp, index: int) -> Range:
    high = visible.range_of(op.operands[index]).high
    return Range(high - math.log(2.0 * visible.levels), math.inf) if math.isfinite(high) else ALL


def _within(low: float, high: float) -> Callable[[Visible, TflOp, int], Range]:
    def rule(visible: Visible, op: TflOp, index: int) -> Range:
        result = visible.of_results(op)
        return Range(max(low, result.low), min(high, result.high))

    return rule


def _fixed(low: float, high: float) -> Callable[[Visible, TflOp, int], Range]:
    return lambda visible, op, index: Range(low, high)


def _add(visible: Visible, op: TflOp, index: int) -> Range:
    seen, other = visible.of_results(op), visible.other(op, index)
    return Range(_difference(seen.low, other.high), _difference(seen.high, other.low))


def _sub(visible: Visible, op: TflOp, index: int) -> Range:
    seen, other = visible.of_results(op), visible.other(op, index)
    if index == 0:
        return Range(-_difference(-seen.low, other.low), -_difference(-seen.high, other.high))
    return Range(-_difference(seen.high, other.low), -_difference(seen.low, other.high))


def _mul(visible: Visible, op: TflOp, index: int) -> Range:
    """A constant factor that scales passes the bounds on; one that makes a mask is clamped to what the mask needs."""
    seen = visible.of_results(op)
    if seen == ALL:
        return ALL
    factor = visible.splat(op.operands[1 - index])
    if factor is not None and 1 / _LARGE_FACTOR < factor < _LARGE_FACTOR:
        return Range(seen.low / factor, seen.high / factor)
    own, other, made = visible.splat(op.operands[index]), visible.other(op, index), visible.range_of(op.results[0])
    if own is None or abs(own) < _LARGE_FACTOR or not math.isfinite(other.width):
        return ALL
    ends = [min(max(end, seen.low), seen.high) for end in (made.low, made.high)]
    step = max(abs(other.low), abs(other.high)) / (visible.levels // 2)
    most = max(abs(end) for end in ends)
    return Range(-most / step, most / step) if step > 0 and math.isfinite(most) else ALL


def _div(visible: Visible, op: TflOp, index: int) -> Range:
    factor = visible.splat(op.operands[1]) if index == 0 else None
    seen = visible.of_results(op)
    if factor is None or not 1 / _LARGE_FACTOR < factor < _LARGE_FACTOR:
        return ALL
    return Range(seen.low * factor, seen.high * factor)


_VISIBLE_OPERAND: dict[str, Callable[[Visible, TflOp, int], Range]] = {
    "SOFTMAX": _softmax,
    "LOG_SOFTMAX": _softmax,
    "REDUCE_MAX": _maximum_of,
    "MAX_POOL_2D": _maximum_of,
    "ARG_MAX": _largest,
    "REDUCE_MIN": _minimum_of,
    "ARG_MIN": _smallest,
    "LOGISTIC": _logistic,
    "TANH": _tanh,
    "EXP": _exp,
    **{name: _within(*limits) for name, limits in LIMITS.items()},
    "HARD_SWISH": _fixed(-3.0, math.inf),
    "ELU": _fixed(-12.0, math.inf),
    "GELU": _fixed(-6.0, math.inf),
    "ADD": _add,
    "SUB": _sub,
    "MUL": _mul,
    "DIV": _div,
}
"""For each kind of op, the visible range of its operand at an index."""
