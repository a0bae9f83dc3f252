"""Adapts recorded ranges to the ops and kernels that use them.

Ranges are narrowed where they contain values that no op can distinguish, such as masks of -1e9, and widened where a
kernel does not support the scale that would follow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.activations import fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport
from tflir.passes.quantization.constant_ranges import ConstantRanges
from tflir.passes.quantization.facts import fixed_output, float_operands, is_same_scale
from tflir.passes.quantization.kernel_limits import bias_scale, least_scale
from tflir.passes.quantization.numerics import INT8_MOST
from tflir.passes.quantization.visible import Visible
from tflir.passes.rewriting.values import producer as producer_of

INT8_LEVELS, INT16_LEVELS = 2**8 - 1, 2**16 - 1
_MARGIN = 1.001
"""A widened range has this many times the least scale, so that the scale is not below it after rounding to float32."""
_ONE_SIDED = frozenset(("RELU", "RELU6"))


def visible_ranges(
    function: FuncOp, recorded: dict[SSAValue, Range], report: PassReport, *, levels: int = INT8_LEVELS
) -> tuple[dict[SSAValue, Range], dict[SSAValue, Range]]:
    """The recorded ranges without the values that no op can distinguish, and the ranges to clamp constants to.

    `levels` is the number of steps of the activations' integer type.
    """
    ranges, clamped = Visible(function, recorded, ConstantRanges(), levels).narrowed()
    for value, narrow in ranges.items():
        if narrow != recorded[value]:
            was = recorded[value]
            report.decline(
                f"its range {was.low:g} to {was.high:g} ends at {narrow.low:g} and {narrow.high:g}: "
                "nothing can tell what lies beyond",
                producer_of(value),
            )
    return ranges, clamped


def widened_ranges(
    function: FuncOp, narrowed: Mapping[SSAValue, Range], clamped: Mapping[SSAValue, Range]
) -> dict[SSAValue, Range]:
    """The ranges, widened where the int8 scale of a result would be finer than its kernel supports."""
    ranges, scales = dict(narrowed), _Scales(narrowed, clamped)
    for op in function.body.block.ops:
        if not isinstance(op, TflOp):
            continue
        known = {index: scales.of_operand(op, index) for index in float_operands(op)}
        fixed = fixed_output(op)
        least = least_scale(op, known) * _MARGIN
        for value in op.results:
            if fixed is not None:
                scales.known[value] = fixed[0]
            elif is_same_scale(op) and len(known) == 1:
                scales.known[value] = next(iter(known.values()))
            elif value in ranges:
                if _scale(ranges[value]) < least:
                    ranges[value] = _widened(op, ranges[value], least)
                scales.known[value] = _scale(ranges[value])
    return ranges


class _Scales:
    """The int8 scales that values will have, as far as they follow from ranges and constants."""

    def __init__(self, ranges: Mapping[SSAValue, Range], clamped: Mapping[SSAValue, Range]) -> None:
        self._ranges = ranges
        self._clamped = clamped
        self._constants = ConstantRanges()
        self.known: dict[SSAValue, float] = {}

    def of_operand(self, op: TflOp, index: int) -> float:
        """The scale to give `least_scale` for an op's operand; 0 if it is not known."""
        value = op.operands[index]
        constant = self._constants.range_of(value)
        if constant is not None:
            if is_same_scale(op):
                return 0.0  # the constant takes the scale of the result
            most = max(abs(constant.low), abs(constant.high))
            if op.INFO.bias is not None and op.INFO.bias[0] == index:
                return bias_scale(most)
            if op.INFO.weight is not None and op.INFO.weight[0] == index:
                return most / INT8_MOST
        if value not in self.known:
            element = quantized_element(value)
            bounds = self._clamped.get(value) or self._ranges.get(value) or constant
            self.known[value] = float(np.max(element.layout.scales)) if element is not None else _scale(bounds)
        return self.known[value]


def _scale(bounds: Range | None) -> float:
    """The int8 scale of a range, extended to contain 0; 0 if there is no range."""
    return 0.0 if bounds is None else bounds.with_zero().width / INT8_LEVELS


def _widened(op: TflOp, bounds: Range, scale: float) -> Range:
    """The range, extended to contain 0, multiplied to have this int8 scale.

    A range of only 0 is widened upwards if the op has no negative results, else in both directions.
    """
    spread = scale * INT8_LEVELS
    whole = bounds.with_zero()
    if whole.width > 0:
        return Range(whole.low * spread / whole.width, whole.high * spread / whole.width)
    one_sided = op.INFO.builtin in _ONE_SIDED or fused_activation(op) in _ONE_SIDED
    return Range(0.0, spread) if one_sided else Range(-spread / 2, spread / 2)
