"""Recorded ranges as kernels can take them: without what no op can tell apart, and none too narrow for a kernel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.passes.base import PassReport
from tflir.passes.quantization.constant_ranges import ConstantRanges
from tflir.passes.quantization.facts import fixed_output, float_operands, is_same_scale, quantized_element
from tflir.passes.quantization.kernel_limits import bias_scale, least_scale
from tflir.passes.quantization.visible import Visible
from tflir.passes.rewriting.values import producer as producer_of

INT8_LEVELS = 255
_MARGIN = 1.001
"""Over the least scale, so that rounding to float32 does not fall below it."""
_WEIGHT_LEVELS = 127
_ONE_SIDED = frozenset(("RELU", "RELU6"))


def visible_ranges(
    function: FuncOp, recorded: dict[SSAValue, Range], report: PassReport, *, levels: int = INT8_LEVELS
) -> tuple[dict[SSAValue, Range], dict[SSAValue, Range]]:
    """Ranges that end where no op can tell what lies beyond, and those that constants are to be clamped to."""
    ranges, clamped = Visible(function, recorded, ConstantRanges(), levels).narrowed()
    for value, found in ranges.items():
        if found != recorded[value]:
            was = recorded[value]
            report.decline(
                f"its range {was.low:g} to {was.high:g} ends at {found.low:g} and {found.high:g}: "
                "nothing can tell what lies beyond",
                producer_of(value),
            )
    return ranges, clamped


def widened_ranges(
    function: FuncOp, found: Mapping[SSAValue, Range], clamped: Mapping[SSAValue, Range]
) -> dict[SSAValue, Range]:
    """int8 ranges that give no result a scale finer than its kernel takes."""
    ranges, scales = dict(found), _Scales(found, clamped)
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
    """The int8 scales that values will have, as far as ranges and constants say."""

    def __init__(self, ranges: Mapping[SSAValue, Range], clamped: Mapping[SSAValue, Range]) -> None:
        self._ranges = ranges
        self._clamped = clamped
        self._constants = ConstantRanges()
        self.known: dict[SSAValue, float] = {}

    def of_operand(self, op: TflOp, index: int) -> float:
        """What `least_scale` asks of an op's operand; 0 where it is not known."""
        value = op.operands[index]
        constant = self._constants.range_of(value)
        if constant is not None:
            if is_same_scale(op):
                return 0.0  # it follows the result
            most = max(abs(constant.low), abs(constant.high))
            if op.INFO.bias is not None and op.INFO.bias[0] == index:
                return bias_scale(most)
            if op.INFO.weight is not None and op.INFO.weight[0] == index:
                return most / _WEIGHT_LEVELS
        if value not in self.known:
            element = quantized_element(value)
            found = self._clamped.get(value) or self._ranges.get(value) or constant
            self.known[value] = float(np.max(element.layout.scales)) if element is not None else _scale(found)
        return self.known[value]


def _scale(found: Range | None) -> float:
    return 0.0 if found is None else (max(found.high, 0.0) - min(found.low, 0.0)) / INT8_LEVELS


def _widened(op: TflOp, found: Range, scale: float) -> Range:
    """The range stretched to this scale: to the side on which it lies, to both where it is 0."""
    spread = scale * INT8_LEVELS
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    if high > low:
        return Range(low * spread / (high - low), high * spread / (high - low))
    fused = op.properties.get("fused_activation_function")
    one_sided = op.INFO.builtin in _ONE_SIDED or str(getattr(fused, "data", "")) in _ONE_SIDED
    return Range(0.0, spread) if one_sided else Range(-spread / 2, spread / 2)
