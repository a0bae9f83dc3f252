"""What the page says of constants: bytes, zeros, and a histogram of the values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation

from tflir.inspected_constants import count_zeros, stored_elements, zero_of
from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.types import element_of, numpy_dtype, shape_of

_BINS = 32
_SAMPLE = 1 << 17
"""Elements that a histogram is made of: of more, every n-th."""


@dataclass(frozen=True)
class ConstantFacts:
    """One constant."""

    bytes: int
    """Bytes as stored in the file."""
    elements: int
    sparse: bool
    zeros: int | None
    """Elements that represent 0; None if elements are not numbers."""
    least: float | None
    """The least value of the histogram; None if there are no finite numbers."""
    most: float | None
    counts: list[int]
    """Values in each of equal steps from `least` to `most`."""
    as_stored: bool
    """Whether the histogram is of stored integers, whose scales differ, and not of the values that they stand for."""


class ConstantTable:
    """The constants of a model; operators share those with the same data and type."""

    def __init__(self) -> None:
        self.facts: list[ConstantFacts] = []
        self._known: dict[tuple[int, object], int] = {}
        self._kept: list[Blob] = []

    def add(self, op: Operation) -> int | None:
        """The number of a constant's facts; None if its data is not in the file."""
        value = stored_elements(op)
        if value is None or names.NO_DATA in op.attributes:
            return None
        key = (id(value.blob), op.results[0].type)
        if key not in self._known:
            self._known[key] = len(self.facts)
            self._kept.append(value.blob)  # so that no other object gets its id
            self.facts.append(_facts(op, value))
        return self._known[key]


def _facts(op: Operation, value: ArrayElementsAttr) -> ConstantFacts:
    shape = shape_of(op.results[0].type) or ()
    elements = math.prod(shape)
    zeros = count_zeros(value, zero_of(op.results[0].type))
    sparse = elements > value.size
    if zeros is not None:
        zeros += max(0, elements - value.size)
    sample = _sample(value)
    element = element_of(op.results[0].type)
    as_stored = False
    if isinstance(element, UniformQuantizedType):
        if element.layout.scales.ndim:
            as_stored = True
        else:
            sample = (sample - float(element.layout.zero_points)) * float(element.layout.scales)
            sample = sample[np.isfinite(sample)]
    least, most, counts = _histogram(sample, whole=as_stored)
    return ConstantFacts(value.blob.nbytes, elements, sparse, zeros, least, most, counts, as_stored)


def _sample(value: ArrayElementsAttr) -> npt.NDArray[np.float64]:
    """Finite values of a constant, in order; none if its elements are no real numbers."""
    dtype = numpy_dtype(value.element_name)
    if dtype is None or dtype.kind == "c" or not value.size:
        return np.zeros(0)
    flat = as_numpy(value).reshape(-1)
    taken: npt.NDArray[Any] = flat[:: -(-flat.size // _SAMPLE)]
    with np.errstate(invalid="ignore"):
        numbers = taken.astype(np.float64)
    return numbers[np.isfinite(numbers)]


def _histogram(sample: npt.NDArray[np.float64], *, whole: bool) -> tuple[float | None, float | None, list[int]]:
    """The ends and the counts of a histogram; one of whole numbers has no step below 1."""
    if not sample.size:
        return None, None, []
    least, most = float(sample.min()), float(sample.max())
    if least == most or not math.isfinite(most - least):
        return least, most, [sample.size]
    bins = min(_BINS, int(most - least) + 1) if whole else _BINS
    counts, _ = np.histogram(sample, bins, (least, most))
    return least, most, counts.tolist()
