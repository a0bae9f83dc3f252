"""Which elements of a weight may go together, and which of these units are the least.

A unit's score is the sum of its elements' squares. For single elements that is magnitude pruning (Han et al.,
arXiv:1506.02626; n:m as in Mishra et al., arXiv:2104.08378); for blocks and channels it orders by the norm of the group
(Wen et al., arXiv:1608.03665), so that of all choices of as many units the least is taken from the weight. Of equal
units the first ones go. Scores of groups are float64, added in an order that no machine changes.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tflir.ir.errors import Error

Magnitudes = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_LARGEST_BLOCK = 64
_CHUNK = 1 << 18
"""Elements that are squared at once."""


@dataclass(frozen=True)
class Structure(ABC):
    """A way to part a weight into units."""

    @abstractmethod
    def misfit(self, shape: tuple[int, ...], axis: int) -> str:
        """Why a weight of `shape` with its output channels along `axis` has no such units; '' where it has."""

    @abstractmethod
    def units(self, values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        """A view of contiguous `values` whose first dimensions tell the units apart."""

    @abstractmethod
    def least(self, magnitudes: Magnitudes, axis: int, share: float) -> Mask:
        """Marks the least units: `share` of them, rounded to the nearest whole number, halves to even."""

    def clear(self, values: npt.NDArray[Any], axis: int, marked: Mask) -> None:
        """Puts 0 in the marked units of contiguous `values`."""
        units = self.units(values, axis)
        inside = (1,) * (units.ndim - marked.ndim)
        np.copyto(units, 0, where=marked.reshape(marked.shape + inside))  # indexing by a mask takes 8 bytes an index

    @property
    def implied(self) -> float | None:
        """The share of elements that go, where the structure itself says it."""
        return None


class _Whole(Structure):
    """Units that are kept or go as a whole, each against all others."""

    unit_dimensions: ClassVar[int]

    def least(self, magnitudes: Magnitudes, axis: int, share: float) -> Mask:
        units = self.units(magnitudes, axis)
        shape = units.shape[: self.unit_dimensions]
        scores = magnitudes.reshape(shape) if math.prod(shape) == units.size else _sums_of_squares(units, shape)
        return _mark_least(scores.reshape(-1), round(share * scores.size)).reshape(shape)


@dataclass(frozen=True)
class Blocks(_Whole):
    """Blocks of so many output channels (axis 0) by so many inputs (the last axis)."""

    unit_dimensions = 3
    rows: int
    columns: int

    def misfit(self, shape: tuple[int, ...], axis: int) -> str:
        for size, block, which in ((shape[0], self.rows, "first"), (shape[-1], self.columns, "last")):
            if size % block:
                return f"blocks of {self.rows}x{self.columns} do not divide its {which} axis of {size}"
        return ""

    def units(self, values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        shape, rows, columns = values.shape, self.rows, self.columns
        parts = (shape[0] // rows, rows, math.prod(shape[1:-1]), shape[-1] // columns, columns)
        return values.reshape(parts).transpose(0, 2, 3, 1, 4)


@dataclass(frozen=True)
class Channels(_Whole):
    """Whole output channels."""

    unit_dimensions = 1

    def misfit(self, shape: tuple[int, ...], axis: int) -> str:
        return ""

    def units(self, values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        return np.moveaxis(values, axis, 0)


@dataclass(frozen=True)
class Fine(Structure):
    """At most `most` elements that are not 0 among each `among` consecutive ones along the last axis."""

    most: int
    among: int

    def misfit(self, shape: tuple[int, ...], axis: int) -> str:
        return f"groups of {self.among} do not divide its last axis of {shape[-1]}" if shape[-1] % self.among else ""

    def units(self, values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        return values.reshape(-1, self.among)

    def least(self, magnitudes: Magnitudes, axis: int, share: float) -> Mask:
        left = self.units(magnitudes, axis).copy()
        rows = np.arange(len(left))
        for _ in range(self.among - self.most):
            left[rows, left.argmin(axis=1)] = np.inf
        return np.isinf(left)

    @property
    def implied(self) -> float:
        return 1 - self.most / self.among


def _blocks(rows: int, columns: int) -> Structure | None:
    known = all(1 <= size <= _LARGEST_BLOCK and size & (size - 1) == 0 for size in (rows, columns))
    return Blocks(rows, columns) if known else None


def _fine(most: int, among: int) -> Structure | None:
    return Fine(most, among) if 0 < most < among <= _LARGEST_BLOCK else None


_SPELLED: tuple[tuple[str, Callable[..., Structure | None]], ...] = (
    ("unstructured", lambda: Blocks(1, 1)),
    ("channel", Channels),
    (r"(\d{1,4})x(\d{1,4})", _blocks),
    (r"(\d{1,4}):(\d{1,4})", _fine),
)


def parse_structure(text: str) -> Structure:
    """The structure that `text` spells. Raises `Error` (status 2) where it spells none."""
    for pattern, make in _SPELLED:
        match = re.fullmatch(pattern, text, re.ASCII)
        made = make(*map(int, match.groups())) if match else None
        if made is not None:
            return made
    raise Error(
        f"'{text}' is no structure",
        hint=f"use unstructured, channel, blocks of powers of two up to {_LARGEST_BLOCK} such as 1x4, "
        f"or n:m with n below m such as 2:4",
        status=2,
    )


def _mark_least(scores: npt.NDArray[Any], count: int) -> Mask:
    """Marks the `count` least of one row of scores, of equal ones the first."""
    if count == 0:
        return np.zeros(scores.size, np.bool_)
    limit = np.partition(scores, count - 1)[count - 1]
    marked = scores < limit
    equal = np.flatnonzero(scores == limit)
    marked[equal[: count - np.count_nonzero(marked)]] = True
    return marked


def _sums_of_squares(units: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The score of each unit, by halves: elementwise sums round the same everywhere, unlike `sum`."""
    scores = np.empty((shape[0], math.prod(shape[1:])))
    step = max(1, _CHUNK * shape[0] // units.size)
    for start in range(0, shape[0], step):
        part = units[start : start + step]
        columns = part.reshape(len(part) * scores.shape[1], -1).T
        squares = np.square(np.ascontiguousarray(columns, np.float64))
        left = len(squares)
        while left > 1:
            half = left // 2
            squares[:half] += squares[left - half : left]
            left -= half
        scores[start : start + step] = squares[0].reshape(len(part), -1)
    return scores
