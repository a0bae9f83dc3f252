"""Histograms of whole arrays, to compare others with."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from tflir.ir.histogram import Counter, Histogram


def histogram_of(values: npt.NDArray[Any]) -> Histogram:
    """The histogram of the elements of a float32 array of any shape."""
    counter = Counter()
    counter.add(values)
    return counter.histogram()
