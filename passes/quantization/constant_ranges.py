"""What the constants of a function range over, each of them read once."""

from __future__ import annotations

import math

import numpy as np
from xdsl.ir import OpResult, SSAValue

from tflir.ir.statistics import Range
from tflir.passes.quantization.pairs import FloatConstant, float_constant

_FAR = -50.0
"""A row of which every element lies below this, and below half of the least of all rows, is masked as a whole."""
_MOST_READ = 1 << 24
"""Elements up to which a constant is looked at row by row."""


class ConstantRanges:
    """The ranges of float constants."""

    def __init__(self) -> None:
        self._ranges: dict[SSAValue, Range | None] = {}
        self._live: dict[SSAValue, Range | None] = {}

    def range_of(self, value: SSAValue) -> Range | None:
        """The least and the largest element, infinities too; None where `value` is no constant, or has a NaN."""
        if value not in self._ranges:
            constant = float_constant(value.op) if isinstance(value, OpResult) else None
            self._ranges[value] = None if constant is None else _extremes(constant)
        return self._ranges[value]

    def live_range(self, value: SSAValue) -> Range | None:
        """What is neither mask nor alone in being so: from the least of the rows' largest elements to the largest of
        their least. None where nothing is left, or `value` is no constant."""
        if value not in self._live:
            found = self.range_of(value)
            constant = float_constant(value.op) if isinstance(value, OpResult) else None
            self._live[value] = None if found is None or constant is None else _live(constant, found)
        return self._live[value]


def _extremes(constant: FloatConstant) -> Range | None:
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for chunk in constant.blob.chunks():
        values = chunk.view(np.float32)
        if values.size:
            low, high = np.minimum(low, values.min()), np.maximum(high, values.max())
    return None if not low <= high else Range(float(low), float(high))


def _live(constant: FloatConstant, found: Range) -> Range | None:
    """See `ConstantRanges.live_range`."""
    if math.isfinite(found.low) and found.low > _FAR and found.high < -_FAR:
        return found
    if constant.elements > _MOST_READ:
        return found
    width = constant.shape[-1] if constant.shape else 1
    rows = constant.blob.view().view(np.float32).reshape(-1, max(width, 1))
    low, high = found.low, found.high
    if found.low <= _FAR:
        peaks = rows.max(axis=1)
        peaks = peaks[peaks > max(_FAR, found.low / 2)]
        if not peaks.size:
            return None
        low = float(peaks.min())
    if found.high >= -_FAR:
        floors = rows.min(axis=1)
        floors = floors[floors < min(-_FAR, found.high / 2)]
        if not floors.size:
            return None
        high = float(floors.max())
    return Range(min(low, high), max(low, high))
