"""Scales and zero points from ranges, in the arithmetic of TensorFlow's post-training quantizer.

All of it is affine quantization, r = scale (q - zero_point) (Jacob et al., arXiv:1712.05877, equation 1). TensorFlow
stores and computes scales in single precision here; which operation rounds where decides the last bit of every
constant, so each formula says it (docs/semantics.md, Activations). f32(x) means x rounded to float32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import Float32Type, IntegerType

from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.statistics import Range

I8, I16, I32 = IntegerType(8), IntegerType(16), IntegerType(32)
F32 = Float32Type()
Float64 = npt.NDArray[np.float64]

_LEAST_SPREAD = 1e-6
_QMIN, _QMAX = -128, 127
_NARROW_LEVELS = 254
_MOST_BIAS = (1 << 31) // 2 - 1
"""Half of what int32 holds: a bias above it leaves the accumulator no room."""


def _asymmetric(low: float, high: float) -> UniformQuantizedType:
    """int8 in [-128, 127] for values in [low, high], which holds 0:

    scale = f32(f32(f32(high) - f32(low)) / 255),  zero_point = round(f32(-128 - low / scale))
    """
    scale = np.float32(np.float32(high) - np.float32(low)) / np.float32(_QMAX - _QMIN)
    with np.errstate(over="ignore"):
        point = float(np.float32(_QMIN - low / float(scale)))
    return per_tensor(I8, float(scale), int(np.clip(_half_away(point), _QMIN, _QMAX)))


def _half_away(value: float) -> float:
    return float(np.copysign(np.floor(abs(value) + 0.5), value))


def per_tensor(
    storage: IntegerType, scale: float, zero_point: int = 0, *, narrow: bool = False
) -> UniformQuantizedType:
    """The quantized type of one scale."""
    return UniformQuantizedType.get(storage, F32, Layout(scale, zero_point), narrow=narrow)


def has_scale(found: Range) -> bool:
    """Whether float32 can hold the spread of a range."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.float32(found.high) - np.float32(found.low)))


def activation_type(found: Range) -> UniformQuantizedType:
    """int8 for an activation of this range, extended to hold 0; a spread under 1e-6 is widened by that on each side."""
    low, high = min(found.low, 0.0), max(found.high, 0.0)
    if high - low < _LEAST_SPREAD:
        low, high = low - _LEAST_SPREAD, high + _LEAST_SPREAD
    return _asymmetric(low, high)


def centred_type(found: Range) -> UniformQuantizedType:
    """int8 with zero point 0 for an activation of this range: scale = f32(max|range| / 127)."""
    most = max(abs(found.low), abs(found.high), _LEAST_SPREAD)
    return per_tensor(I8, float(np.float32(np.float32(most) / np.float32(_QMAX))))


def constant_type(low: float, high: float) -> UniformQuantizedType:
    """int8 for a constant operand whose elements lie in [low, high]: asymmetric, all of [-128, 127]."""
    return _asymmetric(*_spread(min(low, 0.0), max(high, 0.0)))


def _spread(low: float, high: float) -> tuple[float, float]:
    if high - low <= _LEAST_SPREAD:
        return min(low, -_LEAST_SPREAD / 2), max(high, _LEAST_SPREAD / 2)
    return low, high


def weight_scales(magnitudes: Float64) -> Float64:
    """Scales of symmetric int8 in [-127, 127] for channels of the given max|v|: f32(f32(2 max|v|) / 254)."""
    spread = np.where(2 * magnitudes <= _LEAST_SPREAD, np.maximum(2 * magnitudes, _LEAST_SPREAD), 2 * magnitudes)
    return (spread.astype(np.float32) / np.float32(_NARROW_LEVELS)).astype(np.float64)


def weight_type(scales: Float64, axis: int | None) -> UniformQuantizedType:
    """Symmetric narrow-range int8 with one scale, or one for each index along `axis`."""
    layout = Layout(scales[0]) if axis is None else Layout(scales, 0, (axis,))
    return UniformQuantizedType.get(I8, F32, layout, narrow=True)


def bias_scales(source_scales: tuple[Float64, ...]) -> Float64:
    """Scale of an accumulator: f32 of the product of the scales that meet in it, per channel where one of them is."""
    product: Any = np.float64(1)
    for scales in source_scales:
        product = product * scales
    return np.asarray(np.float32(product), np.float64)


def bias_type(scales: Float64) -> UniformQuantizedType:
    """int32 for a bias, one scale or one for each channel."""
    return UniformQuantizedType.get(I32, F32, Layout(scales, 0, (0,) if scales.ndim else ()))


@dataclass(frozen=True)
class BiasFit:
    """Scales of a bias and of its weight that keep the bias within half of int32."""

    bias: Float64
    weight: Float64
    changed: bool


def fit_bias(most: Float64, input_scale: float, weight: Float64, bias: Float64) -> BiasFit:
    """Coarser scales where |bias| / scale would not fit: s_b = |b| / (2^30 - 1), s_w = s_b / s_in.

    `most` is |b|, for each channel or the largest of all.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        over = np.abs(most / bias) > _MOST_BIAS
    if not over.any():
        return BiasFit(bias, weight, False)
    coarser = np.where(over, most / _MOST_BIAS, bias)
    return BiasFit(coarser, np.where(over, coarser / input_scale, weight), True)


def fixed_type(scale: float, zero_point: int) -> UniformQuantizedType:
    """int8 of a result whose range the op's definition fixes."""
    return per_tensor(I8, scale, zero_point)


def power_of_two_scale(found: Range) -> float:
    """2^ceil(log2(max|range|)) / 32768: the cell state of an LSTM is a fixed-point number."""
    most = max(abs(found.low), abs(found.high))
    return float(2.0 ** np.ceil(np.log2(most)) / 32768) if most > 0 else 1 / 32768


def symmetric_int16(most: float, levels: int = 32767) -> UniformQuantizedType:
    """int16 in [-32767, 32767] around 0 for values up to `most` in magnitude: scale = f32(max / levels)."""
    most = max(most, _LEAST_SPREAD / 2)
    return per_tensor(I16, float(np.float32(np.float32(most) / np.float32(levels))), narrow=True)
