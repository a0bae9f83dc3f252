"""Histograms of float32 elements by exponent: exact counts, which merge in any order, for values of any size.

A bin is named by the leading bits of the elements in it. Bin n >= 0 holds the elements x with edge(n) <= x < edge(n+1),
where edge(n) is the float32 whose bits are n << 19: sign, exponent and four bits of the mantissa, so that an octave has
16 bins of the same width. Bin -1-n holds the elements whose negatives are in bin n. Zeros are counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

_SHIFT = 19
_SIDE = 1 << 12
"""The number of bins on each side of zero, those of infinities and NaN included."""
FINITE = 255 << 4
"""The number of bins on each side of zero that hold finite elements."""
_MINUS_ZERO = 0x80000000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Histogram:
    """How many elements of a tensor lie in each bin; bins without elements are left out."""

    zeros: int
    """How many elements are 0 or -0."""
    bins: tuple[int, ...] = ()
    """The numbers of the bins, ascending, which is the order of their elements."""
    counts: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """The number of all elements."""
        return self.zeros + sum(self.counts)

    def merged(self, other: Histogram) -> Histogram:
        """The histogram of the elements of both."""
        counts = dict(zip(self.bins, self.counts, strict=True))
        for number, count in zip(other.bins, other.counts, strict=True):
            counts[number] = counts.get(number, 0) + count
        bins = tuple(sorted(counts))
        return Histogram(self.zeros + other.zeros, bins, tuple(counts[number] for number in bins))

    @cached_property
    def edges(self) -> tuple[Floats, Floats]:
        """The lower and the upper edge of each bin, shape `(bins,)`."""
        numbers = np.array(self.bins, np.int64)
        magnitudes = np.where(numbers < 0, -1 - numbers, numbers)
        near, far = _edge(magnitudes), _edge(magnitudes + 1)
        return np.where(numbers < 0, -far, near), np.where(numbers < 0, -near, far)

    @cached_property
    def weights(self) -> Floats:
        """The counts as floats."""
        return np.array(self.counts, np.float64)


class Counter:
    """Counts the elements of arrays, one after another."""

    def __init__(self) -> None:
        self._counts = np.zeros(2 * _SIDE, np.int64)
        self._zeros = 0

    def add(self, values: npt.NDArray[Any]) -> None:
        """Counts the elements of a float32 array of any shape."""
        bits = np.ascontiguousarray(values, np.float32).reshape(-1).view(np.uint32)
        self._counts += np.bincount((bits >> _SHIFT).astype(np.intp), minlength=2 * _SIDE)
        for first, zero in ((0, 0), (_SIDE, _MINUS_ZERO)):
            zeros = int(np.count_nonzero(bits == zero))
            self._counts[first] -= zeros
            self._zeros += zeros

    def histogram(self) -> Histogram:
        """The counts. Infinities count as the largest finite number, as in masks; NaN does not count."""
        positive, negative = self._counts[:_SIDE].copy(), self._counts[_SIDE:].copy()
        for side in (positive, negative):
            side[FINITE - 1] += side[FINITE]
        both = np.concatenate([negative[:FINITE][::-1], positive[:FINITE]])
        (held,) = np.nonzero(both)
        return Histogram(self._zeros, tuple((held - FINITE).tolist()), tuple(both[held].tolist()))


def _edge(numbers: npt.NDArray[np.int64]) -> Floats:
    """The float whose leading bits are those of a bin >= 0; the largest finite one where that would be infinite."""
    last = np.float64(np.finfo(np.float32).max)
    floats = (np.minimum(numbers, FINITE - 1) << _SHIFT).astype(np.uint32).view(np.float32).astype(np.float64)
    return np.where(numbers >= FINITE, last, floats)
