"""Transposes arrays tile by tile, which is several times as fast as numpy for small elements and long rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_TILE = 128
_RECORDS = {2: np.dtype(np.uint16), 4: np.dtype(np.uint32), 8: np.dtype(np.uint64), 16: np.dtype(np.complex128)}
"""By number of bytes, a type whose elements numpy copies as a whole."""


def transposed(array: Array, axes: Sequence[int]) -> Array:
    """A contiguous copy of `array.transpose(axes)`."""
    shape = tuple(array.shape[axis] for axis in axes)
    runs = _runs(array.shape, axes)
    sizes = [math.prod(array.shape[axis] for axis in run) for run in sorted(runs)]
    order = [sorted(runs).index(run) for run in runs]
    merged = np.ascontiguousarray(array).reshape(sizes)
    if order == [1, 0]:
        return _swapped(merged).reshape(shape)
    record = _RECORDS.get(sizes[-1] * array.dtype.itemsize) if order == [1, 0, 2] else None
    if record is not None:
        swapped = _swapped(merged.view(record)[..., 0])
        return swapped[..., None].view(array.dtype).reshape(shape)
    return np.ascontiguousarray(merged.transpose(order)).reshape(shape)


def _runs(shape: Sequence[int], axes: Sequence[int]) -> list[tuple[int, ...]]:
    """Groups of axes that are adjacent before and after the transposition; axes of size 1 are ignored.

    For shape (2, 3, 4) and axes (1, 2, 0) the groups are (1, 2) and (0,), so that a 2-D transposition suffices.
    """
    runs: list[tuple[int, ...]] = []
    for axis in (axis for axis in axes if shape[axis] != 1):
        if runs and not any(shape[between] != 1 for between in range(runs[-1][-1] + 1, axis)) and axis > runs[-1][-1]:
            runs[-1] = (*runs[-1], axis)
        else:
            runs.append((axis,))
    return runs


def _swapped(array: Array) -> Array:
    """A contiguous copy of the transpose of a 2-D array."""
    rows, columns = array.shape
    out = np.empty((columns, rows), array.dtype)
    for top in range(0, rows, _TILE):
        for left in range(0, columns, _TILE):
            out[left : left + _TILE, top : top + _TILE] = array[top : top + _TILE, left : left + _TILE].T
    return out
