"""Quantizes constants in the arithmetic of TensorFlow's post-training quantizer, at the time they are written.

Values are rounded to the nearest integer, ties away from zero. Symmetric quantization multiplies by the inverse of the
scale in single precision; asymmetric quantization divides in double precision (docs/semantics.md, Constants).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import Blob, DeferredBlob
from tflir.passes.quantization.numerics import Float64, Rows, round_half_away

_BLOCK = 1 << 16
_CLAMPED = (-512.0, 512.0)
"""Scaled values are clamped to these bounds, far outside int8, before they are rounded, so that none is infinite."""


def symmetric_blob(
    rows: Rows,
    inverses: npt.NDArray[np.float32],
    limit: int,
    dtype: type[np.signedinteger[Any]],
    *,
    least: int | None = None,
) -> Blob:
    """clamp(round(f32(v · inverse)), least, limit) as `dtype`, with one inverse scale for each channel of `rows`.

    `least` defaults to -limit.
    """
    bounds = (-limit if least is None else least, limit)
    key = ("symmetric", rows.blob, rows.channels, rows.columns, inverses.tobytes(), bounds, np.dtype(dtype).str)
    count = rows.blob.nbytes // 4
    return DeferredBlob(count * np.dtype(dtype).itemsize, key, lambda: _symmetric(rows, inverses, bounds, dtype))


def _symmetric(
    rows: Rows, inverses: npt.NDArray[np.float32], bounds: tuple[int, int], dtype: type[np.signedinteger[Any]]
) -> Iterator[npt.NDArray[Any]]:
    at = 0
    for block in rows.blocks(_BLOCK):
        inverse: Any = inverses[0]
        if rows.channels == "rows":
            inverse = inverses[at : at + len(block), None]
        elif rows.channels == "columns":
            inverse = inverses[None, :]
        at += len(block)
        with np.errstate(over="ignore", invalid="ignore"):  # infinity is clamped
            rounded = _half_away_in_place(block * inverse)
        if bounds[1] > 1 << 24:  # float32 can't hold the limit: clamp in double
            yield np.clip(rounded.astype(np.float64), *bounds).astype(dtype)
        else:
            yield np.clip(rounded, *bounds, out=rounded).astype(dtype)


def _half_away_in_place(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rounds float32 to the nearest integer, ties away from zero; overwrites `values`."""
    rounded = np.rint(values)
    np.subtract(values, rounded, out=values)  # exact; ±0.5 where the tie went to an even neighbour
    ties = np.abs(values) == np.float32(0.5)
    if ties.any():
        rest = values[ties]
        whole = rounded[ties]
        inward = np.copysign(1, rest) == np.copysign(1, whole + rest)
        rounded[ties] = np.where(inward, whole + 2 * rest, whole)
    return rounded


def scaled_blob(rows: Rows, scale: float, zero_point: int, bounds: tuple[int, int]) -> Blob:
    """clamp(round(v / scale + zero_point), *bounds) as int8, in double precision, with one scale for all elements."""
    key = ("scaled", rows.blob, scale, zero_point, bounds)
    return DeferredBlob(rows.blob.nbytes // 4, key, lambda: _scaled(rows, scale, zero_point, bounds))


def _scaled(rows: Rows, scale: float, zero_point: int, bounds: tuple[int, int]) -> Iterator[npt.NDArray[np.int8]]:
    for block in rows.blocks(_BLOCK):
        exact = block.astype(np.float64) / scale + zero_point
        yield np.clip(round_half_away(np.clip(exact, *_CLAMPED)), *bounds).astype(np.int8)


def inverse_of(scales: Float64 | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """f32(1 / scale), the division in double precision; 0 for a scale of 0."""
    exact = np.atleast_1d(scales).astype(np.float64)
    return np.divide(1.0, exact, out=np.zeros_like(exact), where=exact != 0).astype(np.float32)


def extremes(rows: Rows) -> tuple[float, float]:
    """The smallest and the largest element; NaN if an element is NaN, and (inf, -inf) if there are no elements."""
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for block in rows.blocks():
        if block.size:
            low, high = np.minimum(low, block.min()), np.maximum(high, block.max())
    return float(low), float(high)
