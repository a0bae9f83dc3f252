"""The arithmetic of 16x8 quantization, all of it in single precision as TensorFlow computes it.

With M the largest magnitude of a tensor or a channel, `f32` the rounding to float32, and ties away from zero:

    activation   scale = f32(M / 32767), with the range extended to contain 0
    int16        q = round(f32(v * f32(1 / scale))), at most 32767 in magnitude
    weight       scale = f32(M / 127), q = round(f32(v * f32(127 / M))), at most 127 in magnitude
    bias         scale = f32(input scale * weight scale), q = round(f32(v * f32(1 / scale)))

Constants are quantized while they are written: the blobs made here hold no arrays. See docs/semantics.md, 16x8 scales.
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
"""The scale of results that always lie in [-1, 1], such as those of SOFTMAX: their kernels support no other."""
NO_SCALE = 2.0**-149
"""Used in place of a scale of 0, which types can't represent."""


def activation_scale(bounds: Range) -> float:
    """The scale of an int16 activation with this range; 0 if the range is only 0."""
    most = np.float32(max(abs(min(bounds.low, 0.0)), abs(max(bounds.high, 0.0))))
    return float(most / np.float32(INT16_MOST))


def constant_range(blob: Blob) -> Range:
    """The range of a float32 constant's elements, extended to contain 0."""
    low = high = np.float32(0)
    for chunk in blob.chunks():
        values = chunk.view(np.float32)
        low, high = np.minimum(low, values.min(initial=0)), np.maximum(high, values.max(initial=0))
    return Range(float(low), float(high))


def int16_blob(blob: Blob, scale: float) -> Blob:
    """float32 bytes quantized to int16 with this scale."""
    inverse = _inverse(np.float32(scale))
    end = np.float32(2 * INT16_MOST * scale)

    def make() -> Iterator[npt.NDArray[np.int16]]:
        for chunk in blob.chunks():
            yield _rounded(np.clip(chunk.view(np.float32), -end, end) * inverse, INT16_MOST).astype(np.int16)

    return DeferredBlob(blob.nbytes // 2, ("int16", blob, scale), make)


def rescaled_blob(blob: Blob, scale: float, rescaled: float) -> Blob:
    """float32 bytes quantized to int16 with scale `scale` and then requantized to scale `rescaled`."""
    inverse, step = _inverse(np.float32(rescaled)), np.float32(scale)
    first = int16_blob(blob, scale)

    def make() -> Iterator[npt.NDArray[np.int16]]:
        for chunk in first.chunks():
            yield _rounded(chunk.view(np.int16) * step * inverse, INT16_MOST).astype(np.int16)

    return DeferredBlob(first.nbytes, ("rescaled", first, rescaled), make)


def weight_blob(rows: Rows, magnitudes: Float32) -> Blob:
    """float32 weights quantized to int8, where 127 stands for the given magnitude of the channel."""
    nonzero = np.where(magnitudes == 0, np.float32(1), magnitudes)
    inverses = np.where(magnitudes == 0, np.float32(0), np.float32(INT8_MOST) / nonzero)

    def make() -> Iterator[npt.NDArray[np.int8]]:
        first_row = 0
        for block in rows.blocks():
            if rows.channels == "rows":
                block_inverses: Any = inverses[first_row : first_row + len(block), None]
            else:
                block_inverses = inverses
            first_row += len(block)
            yield _rounded(block * block_inverses, INT8_MOST).astype(np.int8)

    key = ("16x8", rows.blob, rows.channels, rows.columns, inverses.tobytes())
    return DeferredBlob(rows.blob.nbytes // 4, key, make)


def bias_blob(blob: Blob, scales: Float32, bits: int) -> Blob:
    """float32 biases quantized to integers of `bits` bits, with a scale for each or one for all."""
    inverses = np.array([_inverse(scale) for scale in scales], np.float32)
    kind = np.dtype(f"int{bits}")
    most = np.iinfo(kind).max

    def make() -> Iterator[npt.NDArray[Any]]:
        exact = _rounded(blob.view().view(np.float32) * inverses, np.inf).astype(np.float64)
        # float64 can't represent the largest integer: values that reach it are replaced after the cast.
        limited = np.where(np.abs(exact) < most, exact, 0).astype(kind)
        yield np.where(np.abs(exact) < most, limited, np.where(exact < 0, -most, most)).astype(kind)

    return DeferredBlob(blob.nbytes // 4 * kind.itemsize, ("bias", bits, blob, scales.tobytes()), make)


def bias_magnitudes(magnitudes: Float32, biases: Float32, input_scale: float, limit: int) -> Float32:
    """The magnitudes of channels, larger where the bias in steps of the accumulator would exceed half of `limit`."""
    scale = magnitudes / np.float32(INT8_MOST)
    reach = np.abs(biases) if len(magnitudes) > 1 else np.abs(biases).max(keepdims=True, initial=0)
    tight = reach >= 0.5 * input_scale * scale.astype(np.float64) * limit
    needed = 2.0 * reach.astype(np.float64) / limit * float(np.float32(INT8_MOST) / np.float32(input_scale))
    return np.where(tight & (reach > 0), needed, magnitudes).astype(np.float32)


def _inverse(scale: np.float32) -> np.float32:
    return np.float32(0 if scale == 0 else 1.0 / float(scale))


def _rounded(values: Float32, most: float) -> Float32:
    """Rounds to the nearest integer, ties away from zero, and clamps to [-most, most]."""
    whole = np.trunc(values)
    rest = values - whole
    whole += rest >= 0.5
    whole -= rest <= -0.5
    return np.clip(whole, -most, most)
