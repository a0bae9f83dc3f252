"""Symmetric weight quantization, streamed over blocks of a constant so that no copy of it is made.

For weights v of one tensor or channel, with M = max|v|:

    scale = 2 M / 254            (at least 1e-6 / 254)
    q     = clamp(round(v / scale), -127, 127), ties away from zero

in double precision, as TensorFlow's dynamic-range quantizer computes it (specification, 3.4 D).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import Blob, DeferredBlob

Float64 = npt.NDArray[np.float64]

_LEVELS = 254
_LEAST_RANGE = 1e-6
_BLOCK = 1 << 16
"""Elements that are worked on at once: a block and its temporaries stay in the cache."""
_READ = 1 << 20
"""Elements read from a constant at a time."""
_NEAR_TIE = 0.4999
"""|t - round(t)| above this may round otherwise in double precision than in single: decided exactly."""


@dataclass(frozen=True)
class Rows:
    """A constant as rows of float32 with a channel for each row, for each column, or one for all.

    `channels` is "rows", "columns" or "one".
    """

    blob: Blob
    shape: tuple[int, ...]
    channels: str
    columns: int

    @staticmethod
    def of(blob: Blob, shape: tuple[int, ...], axis: int | None) -> Rows | None:
        """The view of a constant for quantization along `axis` (None: per tensor); None for an axis inside."""
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
        """max|v| of each channel, shape `(channels,)`; NaN or infinity where a channel holds one."""
        if self.channels == "rows":
            parts = [np.maximum(b.max(axis=1), -b.min(axis=1)) for b in self.blocks()]
            return np.concatenate(parts).astype(np.float64)
        axis = None if self.channels == "one" else 0
        most: Any = np.float32(0)
        for block in self.blocks():
            most = np.maximum(most, np.maximum(block.max(axis=axis), -block.min(axis=axis)))
        return np.atleast_1d(np.asarray(most, np.float64))


def symmetric_scales(magnitudes: Float64) -> Float64:
    """Scales of narrow-range int8 for channels of the given max|v|."""
    spread = 2 * magnitudes
    return np.where(spread <= _LEAST_RANGE, np.maximum(spread, _LEAST_RANGE), spread) / _LEVELS


def quantized_blob(rows: Rows, scales: Float64) -> Blob:
    """The int8 values of a constant, made when they are written."""
    elements = rows.blob.nbytes // 4
    key = ("int8", rows.blob, rows.channels, rows.columns, scales.tobytes())
    return DeferredBlob(elements, key, lambda: _quantize(rows, scales))


def _quantize(rows: Rows, scales: Float64) -> Iterator[npt.NDArray[np.int8]]:
    at = 0
    for block in rows.blocks():
        if rows.channels == "rows":
            part: Any = scales[at : at + len(block), None]
        else:
            part = scales[None, :] if rows.channels == "columns" else scales[0]
        out = np.empty(block.shape, np.int8)
        for piece, target, scale in _pieces(block, out, part):
            quantize_block(piece, scale, target)
        at += len(block)
        yield out


def _pieces(block: npt.NDArray[Any], out: npt.NDArray[Any], scale: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Parts of a block that fit the cache, each with where it goes and its scales."""
    rows, columns = block.shape
    if rows == 1:
        for start in range(0, columns, _BLOCK):
            part = slice(start, start + _BLOCK)
            here = scale[:, part] if np.ndim(scale) == 2 and scale.shape[1] > 1 else scale
            yield block[:, part], out[:, part], here
        return
    step = max(1, _BLOCK // max(1, columns))
    for start in range(0, rows, step):
        part = slice(start, start + step)
        here = scale[part] if np.ndim(scale) == 2 and scale.shape[0] > 1 else scale
        yield block[part], out[part], here


def quantize_block(values: npt.NDArray[np.float32], scale: Any, out: npt.NDArray[np.int8]) -> None:
    """q = round(v / scale), ties away from zero, exactly as in double precision, for |v| / scale <= 127.

    Single precision decides all but the near ties, which are few and decided in double.
    """
    inverse = (1.0 / np.asarray(scale, np.float64)).astype(np.float32)
    t = values * inverse
    rounded = np.rint(t)
    t -= rounded
    np.abs(t, out=t)
    np.copyto(out, rounded, casting="unsafe")
    near = np.flatnonzero(t > _NEAR_TIE)
    if near.size:
        wide = np.broadcast_to(np.asarray(scale, np.float64), values.shape).reshape(-1)[near]
        exact = values.reshape(-1)[near].astype(np.float64) / wide
        out.reshape(-1)[near] = np.clip(round_half_away(exact), -127, 127).astype(np.int8)


def round_half_away(values: Float64) -> Float64:
    """Rounds to the nearest integer, ties away from zero."""
    whole = np.trunc(values)
    return np.where(np.abs(values - whole) >= 0.5, whole + np.copysign(1.0, values), whole)


def float16_blob(blob: Blob) -> Blob:
    """float32 bytes as float16, clamped to its range, to nearest even; made when written."""

    def make() -> Iterator[npt.NDArray[np.float16]]:
        limit = np.float32(65504)
        for chunk in blob.chunks(4 * _READ):
            values = chunk.view(np.float32)
            out = np.empty(values.size, np.float16)
            for start in range(0, values.size, _BLOCK):
                part = slice(start, start + _BLOCK)
                np.copyto(out[part], np.clip(values[part], -limit, limit), casting="unsafe")
            yield out

    return DeferredBlob(blob.nbytes // 2, ("float16", blob), make)


def float32_blob(blob: Blob) -> Blob:
    """float16 bytes as float32; exact."""

    def make() -> Iterator[npt.NDArray[np.float32]]:
        for chunk in blob.chunks(2 * _READ):
            yield chunk.view(np.float16).astype(np.float32)

    return DeferredBlob(blob.nbytes * 2, ("float32", blob), make)
