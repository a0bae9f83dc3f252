"""The scales of 16x8 quantization, all of them computed in single precision as TensorFlow does.

With M the largest magnitude of a tensor or a channel, `f32` the rounding to float32, and ties away from zero:

    activation   scale = f32(M / 32767), with the range extended to contain 0; with b bits of headroom
                 f32(M / (2^(15 - b) - 1)), so that values of up to 2^b times the range are not clipped
    int16        q = round(f32(v * f32(1 / scale))), at most 32767 in magnitude
    weight       scale = f32(M / 127), q = round(f32(v * f32(127 / M))), at most 127 in magnitude
    bias         scale = f32(input scale * weight scale), q = round(f32(v * f32(1 / scale)))

See docs/semantics.md, 16x8 scales.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import Blob
from tflir.ir.statistics import Range
from tflir.passes.quantization.integers import extremes, inverse_of, symmetric_blob
from tflir.passes.quantization.numerics import INT8_MOST, INT16_MOST, INT32_MOST, Rows

Float32 = npt.NDArray[np.float32]

FIXED_SCALE = 2.0**-15
"""The scale of results that always lie in [-1, 1], such as those of SOFTMAX: their kernels support no other."""
NO_SCALE = 2.0**-149
"""Used in place of TensorFlow's scale of 0, which types can't represent."""
_OF_ZERO = 2.0**-27
"""The scale of values that are always 0."""
_LEAST_SCALE = 2.0**-94
"""The least scale of others, whose products with those of weights are normal float32 numbers."""
_LEAST_RATIO = 2.0**-30
"""The least ratio of input scale times weight scale to output scale. For a ratio below 2**-31, the kernels compute 0,
even if there is a bias.
"""
_LIMITS = {64: 2**47, 32: INT32_MOST}
"""The largest magnitude that the kernels' accumulators may have before they are rescaled, by their bits."""
_MOST = {64: 2**63 - 1024, 32: INT32_MOST}
"""The largest integer of so many bits that float64 represents."""


def activation_scale(bounds: Range, headroom: int = 0) -> float:
    """The scale of an int16 activation with this range; 0 if the range is only 0.

    The end of the range is `headroom` bits below the largest integer: with one bit it becomes 16383.
    """
    most = np.float32(max(abs(min(bounds.low, 0.0)), abs(max(bounds.high, 0.0))))
    return float(most / np.float32(INT16_MOST >> headroom))


def sound_scale(bounds: Range, headroom: int) -> float:
    """The scale of an int16 activation, and a least scale for values that are always, or almost, 0."""
    scale = activation_scale(bounds, headroom)
    return max(scale, _LEAST_SCALE) if scale else _OF_ZERO


def constant_scale(bounds: Range) -> float:
    """The scale of an int16 constant whose elements have this range."""
    return activation_scale(bounds) or 1.0 / INT16_MOST


def constant_range(blob: Blob) -> Range:
    """The range of a float32 constant's elements, extended to contain 0."""
    low, high = extremes(Rows(blob, (), "one", blob.nbytes // 4))
    return Range(min(low, 0.0), max(high, 0.0))


def weight_scale(blob: Blob) -> float:
    """The largest scale of the channels of a weight."""
    bounds = constant_range(blob)
    return max(-bounds.low, bounds.high) / INT8_MOST


def weight_magnitudes(rows: Rows, bias: Float32 | None, bits: int, input_scale: float, output_scale: float) -> Float32:
    """The real magnitude that the integer 127 stands for in each channel of the weights, shape `(channels,)`.

    It is the largest magnitude of the channel's weights, or more if the accumulator of so many bits or the kernel needs
    a coarser scale. `bias` has one element for each channel.
    """
    magnitudes = rows.magnitudes().astype(np.float32)
    sums = np.zeros(len(magnitudes), np.float32) if bias is None else bias
    magnitudes = np.maximum(magnitudes, np.float32(INT8_MOST * _LEAST_RATIO * output_scale / input_scale))
    if bits == 32:
        sums = np.maximum(np.abs(sums), INT16_MOST * output_scale)
    return bias_magnitudes(magnitudes, sums, input_scale, _LIMITS[bits])


def bias_magnitudes(magnitudes: Float32, biases: Float32, input_scale: float, limit: int) -> Float32:
    """The magnitudes of channels, larger where the bias in steps of the accumulator would exceed half of `limit`."""
    scale = magnitudes / np.float32(INT8_MOST)
    reach = np.abs(biases) if len(magnitudes) > 1 else np.abs(biases).max(keepdims=True, initial=0)
    tight = reach >= 0.5 * input_scale * scale.astype(np.float64) * limit
    needed = 2.0 * reach.astype(np.float64) / limit * float(np.float32(INT8_MOST) / np.float32(input_scale))
    return np.where(tight & (reach > 0), needed, magnitudes).astype(np.float32)


def weight_blob(rows: Rows, magnitudes: Float32) -> Blob:
    """float32 weights quantized to int8, where 127 stands for the given magnitude of the channel."""
    nonzero = np.where(magnitudes == 0, np.float32(1), magnitudes)
    inverses = np.where(magnitudes == 0, np.float32(0), np.float32(INT8_MOST) / nonzero)
    return symmetric_blob(rows, inverses, INT8_MOST, np.int8)


def int16_blob(blob: Blob, scale: float) -> Blob:
    """float32 bytes quantized to int16 with this scale."""
    return symmetric_blob(
        Rows(blob, (), "one", blob.nbytes // 4), inverse_of(np.array([scale], np.float32)), INT16_MOST, np.int16
    )


def bias_blob(blob: Blob, scales: Float32, bits: int) -> Blob:
    """float32 biases quantized to integers of `bits` bits, with a scale for each or one for all."""
    rows = Rows(blob, (), "one" if len(scales) == 1 else "rows", 1)
    return symmetric_blob(rows, inverse_of(scales), _MOST[bits], np.int64 if bits == 64 else np.int32)
