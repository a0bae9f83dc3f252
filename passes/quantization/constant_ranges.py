"""The ranges of a function's float constants; each constant is read only once.

A constant may be a mask, as in attention: 0 where an element counts, -1e9 or -infinity where it does not. Beside its
range from the smallest to the largest element it then has a live range, that of the elements that are not masked.
"""

from __future__ import annotations

import math

import numpy as np
from xdsl.ir import SSAValue

from tflir.ir.statistics import Range
from tflir.passes.quantization.pairs import FloatConstant, constant_of

_FAR = -50.0
"""A row is masked as a whole if all its elements lie below this and below half of the constant's smallest element.

Large positive masks mirror this: all elements of the row lie above 50 and above half of the largest element.
"""
_MOST_ELEMENTS = 1 << 24
"""A constant with more elements than this is not searched for masks row by row."""


class ConstantRanges:
    """The ranges of float constants."""

    def __init__(self) -> None:
        self._ranges: dict[SSAValue, Range | None] = {}
        self._live: dict[SSAValue, Range | None] = {}

    def range_of(self, value: SSAValue) -> Range | None:
        """The smallest and the largest element, which may be infinite.

        None if `value` is not a constant, has no elements, or holds a NaN.
        """
        if value not in self._ranges:
            constant = constant_of(value)
            self._ranges[value] = None if constant is None else _extremes(constant)
        return self._ranges[value]

    def live_range(self, value: SSAValue) -> Range | None:
        """The range of the elements that are not masked.

        If there is a negative mask, the range starts at the smallest of the rows' maxima, and if there is a positive
        mask, it ends at the largest of the rows' minima; rows that are masked as a whole do not count. For example,
        the rows [0, -1e9] and [-2, -1e9] have the live range [-2, 0]. None if every row is masked as a whole, or if
        `value` is not a constant.
        """
        if value not in self._live:
            whole = self.range_of(value)
            constant = constant_of(value)
            self._live[value] = None if whole is None or constant is None else _live(constant, whole)
        return self._live[value]


def _extremes(constant: FloatConstant) -> Range | None:
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for chunk in constant.blob.chunks():
        values = chunk.view(np.float32)
        if values.size:
            low, high = np.minimum(low, values.min()), np.maximum(high, values.max())
    return None if not low <= high else Range(float(low), float(high))


def _live(constant: FloatConstant, whole: Range) -> Range | None:
    """See `ConstantRanges.live_range`; `whole` is the range of all elements."""
    if math.isfinite(whole.low) and whole.low > _FAR and whole.high < -_FAR:
        return whole
    if constant.elements > _MOST_ELEMENTS:
        return whole
    width = constant.shape[-1] if constant.shape else 1
    rows = constant.blob.view().view(np.float32).reshape(-1, max(width, 1))
    low, high = whole.low, whole.high
    if whole.low <= _FAR:
        maxima = rows.max(axis=1)
        maxima = maxima[maxima > max(_FAR, whole.low / 2)]
        if not maxima.size:
            return None
        low = float(maxima.min())
    if whole.high >= -_FAR:
        minima = rows.min(axis=1)
        minima = minima[minima < min(-_FAR, whole.high / 2)]
        if not minima.size:
            return None
        high = float(minima.max())
    return Range(min(low, high), max(low, high))
