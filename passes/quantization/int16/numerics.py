"""The arithmetic of 16x8 quantization, all of it in single precision as TensorFlow computes it.

With M the largest magnitude of a tensor or a channel, `f32` the rounding to float32, and ties away from zero:

    activation   scale = f32(M / 32767), the range made to hold 0
    int16        q = round(f32(v * f32(1 / scale))), at most 32767 in magnitude
    weight       scale = f32(M / 127), q = round(f32(v * f32(127 / M))), at most 127 in magnitude
    bias         scale = f32(input scale * weight scale), q = round(f32(v * f32(1 / scale)))

Constants are quantized while they are written: a blob made here holds no array. See docs/semantics.md, 16x8 scales.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.statistics import Range
from tflir.passes.quantization.numerics import Rows

Float32 = npt.NDArray[np.float32]

INT16_MOST = 32767
INT8_MOST = 127
FIXED_SCALE = 2.0**-15
"""The scale of results that lie in [-1, 1] whatever the data: their kernels know no other."""
NO_SCALE = 2.0**-149
"""For a scale of 0, which types can't say."""


def activation_scale(found: Range) -> float:
    """The scale of an int16 activation; 0 where nothing but 0 was recorded."""
    most = np.float32(max(abs(min(found.low, 0.0)), abs(max(found.high, 0.0))))
    return float(most / np.float32(INT16_MOST))


def constant_range(blob: Blob) -> Range:
    """The smallest and the largest element of a float32 constant, and 0."""
    low = high = np.float32(0)
    for chunk in blob.chunks():
        values = chunk.view(np.float32)
        low, high = np.minimum(low, values.min(initial=0)), np.maximum(high, values.max(initial=0))
    return Range(float(low), float(high))


def int16_blob(blob: Blob, scale: float) -> Blob:
    """float32 bytes as int16 of this scale."""
    inverse = _inverse(np.float32(scale))
    end = np.float32(2 * INT16_MOST * scale)

    def make() -> Iterator[npt.NDArray[np.int16]]:
        for chunk in blob.chunks():
            yield _rounded(np.clip(chunk.view(np.float32), -end, end) * inverse, INT16_MOST).astype(np.int16)

    return DeferredBlob(blob.nbytes // 2, ("int16", blob, scale), make)


def rescaled_blob(blob: Blob, scale: float, rescaled: float) -> Blob:
    """float32 bytes as int16 of one scale and then, from those integers, of another."""
    inverse, step = _inverse(np.float32(rescaled)), np.float32(scale)
    first = int16_blob(blob, scale)

    def make() -> Iterator[npt.NDArray[np.int16]]:
        for chunk in first.chunks():
            yield _rounded(chunk.view(np.int16) * step * inverse, INT16_MOST).astype(np.int16)

    return DeferredBlob(first.nbytes, ("rescaled", first, rescaled), make)


def weight_blob(rows: Rows, magnitudes: Float32) -> Blob:
    """float32 weights as int8 whose channels reach these magnitudes."""
    nonzero = np.where(magnitudes == 0, np.float32(1), magnitudes)
    inverses = np.where(magnitudes == 0, np.float32(0), np.float32(INT8_MOST) / nonzero)

    def make() -> Iterator[npt.NDArray[np.int8]]:
        at = 0
        for block in rows.blocks():
            if rows.channels == "rows":
                part: Any = inverses[at : at + len(block), None]
            else:
                part = inverses
            at += len(block)
            yield _rounded(block * part, INT8_MOST).astype(np.int8)

    key = ("16x8", rows.blob, rows.channels, rows.columns, inverses.tobytes())
    return DeferredBlob(rows.blob.nbytes // 4, key, make)


def bias_blob(blob: Blob, scales: Float32, bits: int) -> Blob:
    """float32 biases as integers of `bits` bits, with a scale for each or one for all."""
    inverses = np.array([_inverse(scale) for scale in scales], np.float32)
    kind = np.dtype(f"int{bits}")
    most = np.iinfo(kind).max

    def make() -> Iterator[npt.NDArray[Any]]:
        exact = _rounded(blob.view().view(np.float32) * inverses, np.inf).astype(np.float64)
        # The largest integer is no double: what would reach it is put there after the cast.
        limited = np.where(np.abs(exact) < most, exact, 0).astype(kind)
        yield np.where(np.abs(exact) < most, limited, np.where(exact < 0, -most, most)).astype(kind)

    return DeferredBlob(blob.nbytes // 4 * kind.itemsize, ("bias", bits, blob, scales.tobytes()), make)


def bias_magnitudes(magnitudes: Float32, biases: Float32, input_scale: float, limit: int) -> Float32:
    """The magnitudes that weights need for their biases to stay within the middle half of `limit`."""
    scale = magnitudes / np.float32(INT8_MOST)
    reach = np.abs(biases) if len(magnitudes) > 1 else np.abs(biases).max(keepdims=True, initial=0)
    tight = reach >= 0.5 * input_scale * scale.astype(np.float64) * limit
    needed = 2.0 * reach.astype(np.float64) / limit * float(np.float32(INT8_MOST) / np.float32(input_scale))
    return np.where(tight & (reach > 0), needed, magnitudes).astype(np.float32)


def _inverse(scale: np.float32) -> np.float32:
    return np.float32(0 if scale == 0 else 1.0 / float(scale))


def _rounded(values: Float32, most: float) -> Float32:
    """To the nearest integer, ties away from zero, at most `most` in magnitude."""
    whole = np.trunc(values)
    rest = values - whole
    whole += rest >= 0.5
    whole -= rest <= -0.5
    return np.clip(whole, -most, most)
