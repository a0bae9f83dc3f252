"""Which elements of a value the ops that read it can tell apart, and ranges without those that they can't.

A mask of -1e9 that is added before a softmax, a pad value of -inf before a max pooling: beyond some bound every number
gives the same result. A range that holds them leaves no steps to the others, so it ends at that bound; what lies
beyond is rounded to it, in constants too.

From first op to last goes what the *other* elements range over (`live`), from last to first what is told apart
(`visible`): a softmax sees down to some distance below the least of the live elements, for each row has one of them;
a sum passes its result's bounds on to each operand, less what the other operand can add; an op that moves elements
passes them on as they are. See docs/semantics.md, Limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from xdsl.dialects.builtin import FloatAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import shape_of
from tflir.passes.quantization.constant_ranges import ConstantRanges
from tflir.passes.quantization.facts import float_operands, is_quantizable
from tflir.passes.rewriting.values import is_float

ALL = Range(-math.inf, math.inf)
_WORTH_IT = 4.0
"""A range is narrowed where it is more than this many times as wide as what is visible of it."""
_MASK = 1000.0
"""A computed value that goes down to -1000 or less, and not to a hundredth of that above 0, is a mask."""
_MASK_SHARE = 100.0
_LARGE_FACTOR = 1000.0
"""A constant factor from here on makes a mask of ones and zeros; a smaller one scales logits."""
_MOST_STEPS = 2.0**30
_ROW = 4096
"""Elements in a row of which the model does not say the length."""
_TIE = 0.05
"""Of the live spread, how far below it a masked element must stay so that it wins no comparison."""


class Visible:
    """What is live and visible of a function's values, for activations of `levels` steps."""

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
                held = self._visible.get(value)
                self._visible[value] = seen if held is None else held.union(seen)

    def narrowed(self) -> tuple[dict[SSAValue, Range], dict[SSAValue, Range]]:
        """The recorded ranges, and those of the constants that are to be clamped, without what nothing can tell."""
        ranges = {value: self._narrow(value, found) for value, found in self._ranges.items()}
        clamped: dict[SSAValue, Range] = {}
        for value in self._visible:
            found = self._constants.range_of(value)
            if found is not None and (narrow := self._narrow(value, found)) != found:
                clamped[value] = narrow
        return ranges, clamped

    def _narrow(self, value: SSAValue, found: Range) -> Range:
        seen = self._visible.get(value, ALL)
        low, high = (min(max(end, seen.low), seen.high) for end in (found.low, found.high))
        if not (math.isfinite(low) and math.isfinite(high)):
            return found
        if not (isinstance(value, OpResult) and is_quantizable(value.op)) and self._constants.range_of(value) is None:
            low, high = self._within_reach(found, low, high)
        spread = max(high, 0.0) - min(low, 0.0)
        whole = max(found.high, 0.0) - min(found.low, 0.0)
        return Range(low, high) if whole > _WORTH_IT * spread else found

    def _within_reach(self, found: Range, low: float, high: float) -> tuple[float, float]:
        """The range stretched until a QUANTIZE that reads `found` computes with no more than 2^30 steps.

        The runtime's kernel takes what is beyond int32 for the least number, which is right below a zero point of 0
        and more alone.
        """
        spread = max(high, 0.0) - min(low, 0.0)
        far = found.high if -low >= high else max(found.high, -found.low)
        needed = far * self.levels / _MOST_STEPS
        stretch = max(1.0, needed / spread) if spread > 0 else 1.0
        return low * stretch, high * stretch

    # ------------------------------------------------------------------------------------------ forward

    def range_of(self, value: SSAValue) -> Range:
        """What a value or constant ranges over, masks included; all numbers where that is not known."""
        return self._ranges.get(value) or self._constants.range_of(value) or ALL

    def live(self, value: SSAValue) -> Range | None:
        """What the elements of a value range over that are no masks; None where all of them are."""
        if value in self._live:
            return self._live[value]
        constant = self._constants.live_range(value)
        return constant if constant is not None or self._constants.range_of(value) else _unmasked(self.range_of(value))

    def _live_result(self, op: TflOp, value: SSAValue) -> Range | None:
        recorded = self.range_of(value)
        parts = [self.live(op.operands[index]) for index in float_operands(op)]
        found = _combined(op, parts)
        if found is None:
            return _unmasked(recorded)
        low, high = (min(max(end, recorded.low), recorded.high) for end in (found.low, found.high))
        return Range(low, high)

    # ------------------------------------------------------------------------------------------ backward

    def _seen(self, op: Operation, index: int) -> Range:
        """What `op` can tell apart of its operand `index`."""
        if not isinstance(op, TflOp):
            return ALL
        rule = _READERS.get(op.INFO.builtin)
        if rule is not None:
            return rule(self, op, index)
        if op.INFO.same_scale and op.INFO.builtin not in _NOT_PASSED_ON:
            return self.of_results(op)
        return ALL

    def of_results(self, op: TflOp) -> Range:
        """What is visible of an op's results, through the activation that the op ends with."""
        seen = [self._visible.get(value, ALL) for value in op.results if is_float(value)]
        whole = Range(min(one.low for one in seen), max(one.high for one in seen)) if seen else ALL
        fused = op.properties.get("fused_activation_function")
        within = _ACTIVATIONS.get(str(getattr(fused, "data", "")), ALL)
        return Range(max(whole.low, within.low), min(whole.high, within.high))

    def other(self, op: TflOp, index: int) -> Range:
        """The range of the other operand of two."""
        return self.range_of(op.operands[1 - index])

    def splat(self, value: SSAValue) -> float | None:
        """The number that all elements of a constant are."""
        found = self._constants.range_of(value)
        return found.low if found is not None and found.low == found.high else None


def _unmasked(found: Range) -> Range:
    """A range without the mask at its far end, where it has one."""
    low, high = found.low, found.high
    if low <= -_MASK and low <= -_MASK_SHARE * abs(high):
        return Range(-abs(high), high)
    if high >= _MASK and high >= _MASK_SHARE * abs(low):
        return Range(low, abs(low))
    return found


_ACTIVATIONS = {
    "RELU": Range(0.0, math.inf),
    "RELU6": Range(0.0, 6.0),
    "RELU_N1_TO_1": Range(-1.0, 1.0),
}
_NOT_PASSED_ON = frozenset(("AVERAGE_POOL_2D", "RESIZE_BILINEAR", "TOPK_V2", "ADD_N"))
"""Ops of one scale that mix elements, or show which are the largest however small."""


def _combined(op: TflOp, parts: list[Range | None]) -> Range | None:
    """What an op makes of live elements; None where that is not followed."""
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
    if kind in ("MINIMUM", "MAXIMUM"):  # beside numbers, one that holds a mask either covers them or leaves them be
        known = [part for part in known if max(-part.low, part.high) < _MASK] or known
    if op.INFO.same_scale and known:
        return Range(min(part.low for part in known), max(part.high for part in known))
    return None


def _difference(left: float, right: float) -> float:
    """left - right, where an infinite `left` is no bound whatever `right` is."""
    return left if math.isinf(left) else left - right


def _softmax(visible: Visible, op: TflOp, index: int) -> Range:
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
    return Range(live.low - _TIE * (live.high - live.low) if math.isfinite(live.high) else live.low, math.inf)


def _smallest(visible: Visible, op: TflOp, index: int) -> Range:
    live = visible.live(op.operands[index])
    if live is None or not math.isfinite(live.high):
        return ALL
    return Range(-math.inf, live.high + _TIE * (live.high - live.low) if math.isfinite(live.low) else live.high)


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
    """A factor that scales passes the bounds on; one that makes a mask is itself as large as the mask needs."""
    seen = visible.of_results(op)
    if seen == ALL:
        return ALL
    factor = visible.splat(op.operands[1 - index])
    if factor is not None and 1 / _LARGE_FACTOR < factor < _LARGE_FACTOR:
        return Range(seen.low / factor, seen.high / factor)
    own, other, made = visible.splat(op.operands[index]), visible.other(op, index), visible.range_of(op.results[0])
    if own is None or abs(own) < _LARGE_FACTOR or not math.isfinite(other.high - other.low):
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


_READERS: dict[str, Callable[[Visible, TflOp, int], Range]] = {
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
    "RELU": _within(0.0, math.inf),
    "RELU6": _within(0.0, 6.0),
    "RELU_0_TO_1": _within(0.0, 1.0),
    "RELU_N1_TO_1": _within(-1.0, 1.0),
    "HARD_SWISH": _fixed(-3.0, math.inf),
    "ELU": _fixed(-12.0, math.inf),
    "GELU": _fixed(-6.0, math.inf),
    "ADD": _add,
    "SUB": _sub,
    "MUL": _mul,
    "DIV": _div,
}
