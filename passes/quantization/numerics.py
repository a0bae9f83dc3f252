"""Symmetric weight quantization, block by block, so that no copy of a whole constant is made.

For weights v of one tensor or channel, with M = max|v|:

    scale = 2 M / 254            (at least 1e-6 / 254, or less where all weights are tiny)
    q     = clamp(round(v / scale), -127, 127), ties away from zero

in double precision, as TensorFlow's dynamic-range quantizer computes it (docs/semantics.md, Dynamic range).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.quant import Layout
from tflir.passes.quantization.half import HalfCast

Float64 = npt.NDArray[np.float64]

INT8_MOST, INT16_MOST, INT32_MOST = 2**7 - 1, 2**15 - 1, 2**31 - 1
"""The largest integers of these widths; symmetric quantization goes as far below 0."""
NARROW_LEVELS = 2 * INT8_MOST
"""The steps from the smallest to the largest integer of symmetric int8."""
LEAST_SPREAD = 1e-6
"""Numbers that differ by less are quantized with the scale of a range of this width."""
_LEAST_WIDTH = 1e-24
"""The least width of a range of activations of which scales, and their products with those of weights, are normal
float32 numbers, as the default delegate wants them."""
_PART, _TINY = 1e-3, 1e-30
"""The least width of a range as a part of the largest weight, and one whose products float32 still holds."""
_BLOCK = 1 << 16
"""The number of elements that are processed at once, so that a block and its temporaries fit the cache."""
_READ = 1 << 20
"""Elements read from a constant at a time."""
_NEAR_TIE = 0.4999
"""If |t - round(t)| is above this, single and double precision may round t differently, so double precision decides."""


@dataclass(frozen=True)
class Rows:
    """A constant as rows of float32, where each row is a channel, each column is one, or there is one channel in all.

    `channels` is "rows", "columns" or "one".
    """

    blob: Blob
    shape: tuple[int, ...]
    channels: str
    columns: int

    @staticmethod
    def of(blob: Blob, shape: tuple[int, ...], axis: int | None) -> Rows | None:
        """The view of a constant for quantization along `axis` (None: per tensor).

        None if `axis` is neither the first nor the last axis: such channels are neither rows nor columns.
        """
        if axis is None or shape[axis] == 1:
            return Rows(blob, shape, "one", math.prod(shape))
        if axis == 0:
            return Rows(blob, shape, "rows", math.prod(shape[1:]))
        if axis == len(shape) - 1:
            return Rows(blob, shape, "columns", shape[-1])
        return None

    def blocks(self, elements: int = _READ) -> Iterator[npt.NDArray[np.float32]]:
        """Consecutive rows as 2-D arrays of about `elements` elements."""
        if self.channels == "one":
            for chunk in self.blob.chunks(4 * elements):
                yield chunk.view(np.float32).reshape(1, -1)
            return
        rows = max(1, elements // max(1, self.columns))
        for chunk in self.blob.chunks(4 * rows * max(1, self.columns)):
            yield chunk.view(np.float32).reshape(-1, self.columns)

    def magnitudes(self) -> Float64:
        """max|v| of each channel, shape `(channels,)`; NaN or infinite for a channel that holds such an element.

        0 if the constant has no elements.
        """
        if not math.prod(self.shape):
            return np.zeros({"rows": self.shape[:1], "columns": self.shape[-1:], "one": (1,)}[self.channels])
        if self.channels == "rows":
            parts = [np.maximum(b.max(axis=1), -b.min(axis=1)) for b in self.blocks()]
            with np.errstate(invalid="ignore"):  # callers check for NaN
                return np.concatenate(parts).astype(np.float64)
        axis = None if self.channels == "one" else 0
        most: Any = np.float32(0)
        for block in self.blocks():
            most = np.maximum(most, np.maximum(block.max(axis=axis), -block.min(axis=axis)))
        with np.errstate(invalid="ignore"):
            return np.atleast_1d(np.asarray(most, np.float64))


def least_spread(magnitudes: Float64) -> float:
    """The least width of a range for weights whose max|v| is given for each channel: at most a thousandth of the
    largest, so that weights which are all tiny do not become 0.
    """
    largest = float(np.max(magnitudes, initial=0.0))
    return min(max(largest * _PART, _TINY), LEAST_SPREAD) if largest > 0 else LEAST_SPREAD


def narrowest(width: float, *, tf_compat: bool = False) -> float:
    """The least width of a range for values whose own range is `width` wide: values that are all tiny do not become 0,
    except with `tf_compat`.
    """
    return LEAST_SPREAD if tf_compat or not width else min(max(width, _LEAST_WIDTH), LEAST_SPREAD)


def symmetric_spreads(magnitudes: Float64, *, tf_compat: bool = False) -> Float64:
    """The widths of the ranges that narrow-range int8 covers for channels whose max|v| is given; with `tf_compat` none
    is below `LEAST_SPREAD`.
    """
    return np.maximum(2 * magnitudes, LEAST_SPREAD if tf_compat else least_spread(magnitudes))


def symmetric_scales(magnitudes: Float64, *, tf_compat: bool = False) -> Float64:
    """Scales of narrow-range int8 for channels whose max|v| is given, shape `(channels,)`."""
    return symmetric_spreads(magnitudes, tf_compat=tf_compat) / NARROW_LEVELS


def quantized_blob(rows: Rows, scales: Float64) -> Blob:
    """The int8 values of a constant, computed when they are written; `scales` has shape `(channels,)`."""
    elements = rows.blob.nbytes // 4
    key = ("int8", rows.blob, rows.channels, rows.columns, scales.tobytes())
    return DeferredBlob(elements, key, lambda: _quantize(rows, scales))


def _quantize(rows: Rows, scales: Float64) -> Iterator[npt.NDArray[np.int8]]:
    first_row = 0
    scratch = Scratch()
    for block in rows.blocks():
        if rows.channels == "rows":
            block_scales: Any = scales[first_row : first_row + len(block), None]
        else:
            block_scales = scales[None, :] if rows.channels == "columns" else scales[0]
        first_row += len(block)
        yield scratch.quantize(block, block_scales)


Piece = tuple[slice, slice]
"""A part of a 2-D block: its rows and its columns."""


def _pieces(shape: tuple[int, ...]) -> Iterator[Piece]:
    """Splits a 2-D block into parts that fit the cache."""
    rows, columns = shape
    if rows == 1:
        for start in range(0, columns, _BLOCK):
            yield slice(None), slice(start, start + _BLOCK)
        return
    step = max(1, _BLOCK // max(1, columns))
    for start in range(0, rows, step):
        yield slice(start, start + step), slice(None)


def _within(piece: Piece, scale: npt.NDArray[Any]) -> tuple[slice, ...]:
    """The index of a piece's scales in `scale`, which broadcasts to the block: along an axis of length 1, all of it."""
    return tuple(part if size > 1 else slice(None) for part, size in zip(piece[: scale.ndim], scale.shape, strict=True))


class Scratch:
    """Buffers that are reused when one block is quantized after the other."""

    def __init__(self) -> None:
        self._scaled = np.empty(0, np.float32)
        self._rounded = np.empty(0, np.float32)
        self._near = np.empty(0, np.bool_)
        self._out = np.empty(0, np.int8)

    def quantize(self, values: npt.NDArray[np.float32], scale: Any) -> npt.NDArray[np.int8]:
        """round(v / scale), ties away from zero, exactly as in double precision; results saturate at ±127.

        `scale` is float64 and broadcasts to the 2-D `values`. Single precision is enough except for near ties; these
        are few and computed in double precision. The result is a buffer that the next call overwrites.
        """
        if values.size > self._near.size:
            self._near = np.zeros(-(-values.size // 8) * 8, np.bool_)
            self._out = np.empty(values.size, np.int8)
        self._near[values.size :] = False
        near = self._near[: values.size].reshape(values.shape)
        out = self._out[: values.size].reshape(values.shape)
        inverse = (1.0 / np.asarray(scale, np.float64)).astype(np.float32)
        for piece in _pieces(values.shape):
            self._round(values[piece], inverse[_within(piece, inverse)], out[piece], near[piece])
        near_ties = _nonzero(self._near[: -(-values.size // 8) * 8])
        if near_ties.size:
            index = np.unravel_index(near_ties, values.shape)
            exact = values[index].astype(np.float64) / np.broadcast_to(scale, values.shape)[index]
            out[index] = np.clip(round_half_away(exact), -INT8_MOST, INT8_MOST).astype(np.int8)
        return out

    def _round(self, values: Any, inverse: Any, out: Any, near: Any) -> None:
        """Rounds one piece to `out` in single precision, and sets `near` for the elements that are near a tie."""
        if values.size > self._scaled.size:
            self._scaled, self._rounded = np.empty(values.size, np.float32), np.empty(values.size, np.float32)
        scaled = self._scaled[: values.size].reshape(values.shape)
        rounded = self._rounded[: values.size].reshape(values.shape)
        np.multiply(values, inverse, out=scaled)
        np.rint(scaled, out=rounded)
        np.subtract(scaled, rounded, out=scaled)
        np.clip(rounded, -INT8_MOST, INT8_MOST, out=rounded)
        np.copyto(out, rounded, casting="unsafe")
        np.abs(scaled, out=scaled)
        np.greater(scaled, _NEAR_TIE, out=near)


def _nonzero(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Positions of the few true flags. Eight flags are tested at a time, as one uint64."""
    words = np.flatnonzero(flags.view(np.uint64))
    rows, columns = np.nonzero(flags.reshape(-1, 8)[words])
    return words[rows] * 8 + columns


def round_half_away(values: Float64) -> Float64:
    """Rounds to the nearest integer, ties away from zero."""
    whole = np.trunc(values)
    return np.where(np.abs(values - whole) >= 0.5, whole + np.copysign(1.0, values), whole)


def half_away(value: float) -> float:
    """One number, rounded to the nearest integer, ties away from zero."""
    return float(np.copysign(np.floor(abs(value) + 0.5), value))


def float16_blob(blob: Blob, *, clamp: bool = False) -> Blob:
    """float32 bytes cast to float16, ties to even, when they are written; `clamp` limits values to ±65504."""

    def make() -> Iterator[npt.NDArray[np.float16]]:
        limit = np.float32(65504)
        out = np.empty(min(_READ, blob.nbytes // 4), np.float16)
        half = HalfCast()
        for chunk in blob.chunks(4 * _READ):
            values = chunk.view(np.float32)
            narrow = out[: values.size]
            for start in range(0, values.size, _BLOCK):
                part = slice(start, start + _BLOCK)
                piece = np.clip(values[part], -limit, limit) if clamp else values[part]
                half.cast(piece, narrow[part])
            yield narrow

    return DeferredBlob(blob.nbytes // 2, ("float16", clamp, blob), make)


def float32_blob(blob: Blob) -> Blob:
    """float16 bytes cast to float32, which is exact."""

    def make() -> Iterator[npt.NDArray[np.float32]]:
        for chunk in blob.chunks(2 * _READ):
            yield chunk.view(np.float16).astype(np.float32)

    return DeferredBlob(blob.nbytes * 2, ("float32", blob), make)


def dequantized_int8_blob(blob: Blob, shape: tuple[int, ...], layout: Layout) -> Blob:
    """int8 bytes dequantized to float32 when they are read: scale (q - zero_point), per tensor or per channel."""
    elements = blob.nbytes
    dims = [-1 if axis in layout.axes else 1 for axis in range(len(shape))]
    scales = layout.scales.astype(np.float32).reshape(dims)
    points = layout.zero_points.astype(np.float32).reshape(dims)
    row = max(1, math.prod(shape[1:]))

    def make() -> Iterator[npt.NDArray[np.float32]]:
        if not shape:
            yield (blob.view().view(np.int8).astype(np.float32) - points) * scales
            return
        first_row = 0
        for chunk in blob.chunks(row * max(1, _READ // row)):
            integers = chunk.view(np.int8).reshape(-1, *shape[1:])
            rows = slice(first_row, first_row + len(integers)) if scales.shape[0] > 1 else slice(None)
            first_row += len(integers)
            yield (integers.astype(np.float32) - points[rows]) * scales[rows]

    return DeferredBlob(4 * elements, ("dequantized", blob, shape, layout), make)
