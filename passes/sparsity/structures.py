"""Pruning structures: how a weight is divided into units, and which units have the least magnitude.

The score of a unit is the sum of the squares of its elements. For single elements that is magnitude pruning (Han et
al., arXiv:1506.02626; n:m as in Mishra et al., arXiv:2104.08378). Blocks and channels are ordered by their norm (Wen
et al., arXiv:1608.03665), so that the change of the weight has the least norm of all choices of as many units. Among
units with equal scores the first ones are pruned. Scores of groups are float64, added in a fixed order, so that they
are equal on all machines.
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

from tflir.ir.errors import USAGE, Error

Magnitudes = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_LARGEST_BLOCK = 64
_CHUNK = 1 << 18
"""Elements that are squared at a time, which bounds the memory in use."""


@dataclass(frozen=True)
class Structure(ABC):
    """A way to divide a weight into units, each of which is pruned or kept as a whole."""

    @abstractmethod
    def misfit(self, shape: tuple[int, ...], axis: int) -> str:
        """Why a weight of `shape`, with output channels along `axis`, can't be divided so; '' if it can."""

    @abstractmethod
    def units(self, values: npt.NDArray[Any], axis: int) -> npt.NDArray[Any]:
        """A view of contiguous `values`: the first dimensions select a unit, the others an element within it."""

    @abstractmethod
    def least(self, magnitudes: Magnitudes, axis: int, share: float) -> Mask:
        """A mask of the units with the least scores: round(share x units) of them, halves to even.

        `magnitudes` are the absolute values of the elements.
        """

    def clear(self, values: npt.NDArray[Any], axis: int, marked: Mask) -> None:
        """Sets the marked units of contiguous `values` to 0, in place."""
        units = self.units(values, axis)
        inside = (1,) * (units.ndim - marked.ndim)
        np.copyto(units, 0, where=marked.reshape(marked.shape + inside))  # indexing by a mask takes 8 bytes an index

    @property
    def implied(self) -> float | None:
        """The share of elements that the structure itself sets to 0, such as 0.5 for 2:4; None if it does not say."""
        return None


class _Whole(Structure):
    """Structures whose units are compared with all other units of the weight."""

    unit_dimensions: ClassVar[int]

    def least(self, magnitudes: Magnitudes, axis: int, share: float) -> Mask:
        units = self.units(magnitudes, axis)
        shape = units.shape[: self.unit_dimensions]
        scores = magnitudes.reshape(shape) if math.prod(shape) == units.size else _sums_of_squares(units, shape)
        return _mark_least(scores.reshape(-1), round(share * scores.size)).reshape(shape)


@dataclass(frozen=True)
class Blocks(_Whole):
    """Blocks of `rows` output channels (axis 0) by `columns` inputs (the last axis)."""

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
    """n:m sparsity: at most `most` nonzero elements among each `among` consecutive ones along the last axis."""

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
    """The structure with the name `text`. Raises `Error` (status 2) if there is none."""
    for pattern, make in _SPELLED:
        match = re.fullmatch(pattern, text, re.ASCII)
        made = make(*map(int, match.groups())) if match else None
        if made is not None:
            return made
    raise Error(
        f"'{text}' is no structure",
        hint=f"use unstructured, channel, blocks of powers of two up to {_LARGEST_BLOCK} such as 1x4, "
        f"or n:m with n below m such as 2:4",
        status=USAGE,
    )


def _mark_least(scores: npt.NDArray[Any], count: int) -> Mask:
    """Marks the `count` least elements of a 1-D array of scores; among equal ones the first."""
    if count == 0:
        return np.zeros(scores.size, np.bool_)
    limit = np.partition(scores, count - 1)[count - 1]
    marked = scores < limit
    equal = np.flatnonzero(scores == limit)
    marked[equal[: count - np.count_nonzero(marked)]] = True
    return marked


def _sums_of_squares(units: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The score of each unit: the squares are added pairwise, half to half, until one is left.

    Elementwise sums are rounded in the same way on all machines, while the order of `np.sum` depends on the machine.
    """
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
