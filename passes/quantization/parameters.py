"""Computes scales and zero points from ranges, in the arithmetic of TensorFlow's post-training quantizer.

This is affine quantization, r = scale (q - zero_point) (Jacob et al., arXiv:1712.05877, equation 1). TensorFlow stores
and computes scales in single precision here. The last bit of every constant depends on where a result is rounded, so
each formula states it: f32(x) means x rounded to float32 (docs/semantics.md, Activations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import Float32Type, IntegerType

from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.passes.quantization.numerics import LEAST_SPREAD, NARROW_LEVELS, half_away, narrowest, symmetric_spreads

I8, I16, I32 = IntegerType(8), IntegerType(16), IntegerType(32)
F32 = Float32Type()
Float64 = npt.NDArray[np.float64]

_QMIN, _QMAX = -128, 127
_MOST_BIAS = (1 << 31) // 2 - 1
"""Half of the int32 range: with a larger bias, the accumulator could overflow."""


def _asymmetric(low: float, high: float) -> UniformQuantizedType:
    """int8 in [-128, 127] for values in [low, high], a range that contains 0:

    scale = f32(f32(f32(high) - f32(low)) / 255),  zero_point = round(f32(-128 - low / scale))
    """
    scale = np.float32(np.float32(high) - np.float32(low)) / np.float32(_QMAX - _QMIN)
    with np.errstate(over="ignore"):
        point = float(np.float32(_QMIN - low / float(scale)))
    return per_tensor(I8, float(scale), int(np.clip(half_away(point), _QMIN, _QMAX)))


def per_tensor(
    storage: IntegerType, scale: float, zero_point: int = 0, *, narrow: bool = False
) -> UniformQuantizedType:
    """The quantized type with one scale for the whole tensor; `narrow` leaves the least integer out."""
    return UniformQuantizedType.get(storage, F32, Layout(scale, zero_point), narrow=narrow)


def has_scale(bounds: Range) -> bool:
    """Whether the width of a range is finite in float32, so that a scale can be computed from it."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.float32(bounds.high) - np.float32(bounds.low)))


def activation_type(bounds: Range, *, tf_compat: bool = False) -> UniformQuantizedType:
    """int8 for an activation of this range, extended to contain 0, and by the least width on each side if narrower."""
    low, high = min(bounds.low, 0.0), max(bounds.high, 0.0)
    least = narrowest(high - low, tf_compat=tf_compat)
    if high - low < least:
        low, high = low - least, high + least
    return _asymmetric(low, high)


def centred_type(bounds: Range) -> UniformQuantizedType:
    """int8 with zero point 0 for an activation of this range: scale = f32(max|range| / 127)."""
    most = max(abs(bounds.low), abs(bounds.high))
    most = max(most, narrowest(most))
    return per_tensor(I8, float(np.float32(np.float32(most) / np.float32(_QMAX))))


def constant_type(low: float, high: float, *, tf_compat: bool = False) -> UniformQuantizedType:
    """int8 for a constant operand whose elements lie in [low, high]: asymmetric, with all integers of [-128, 127]."""
    low, high = min(low, 0.0), max(high, 0.0)
    least = narrowest(high - low, tf_compat=tf_compat)
    if high - low < least or high - low == LEAST_SPREAD:
        low, high = min(low, -least / 2), max(high, least / 2)
    return _asymmetric(low, high)


def weight_scales(magnitudes: Float64, *, tf_compat: bool = False) -> Float64:
    """Scales of symmetric int8 in [-127, 127] for channels whose max|v| is given: f32(f32(2 max|v|) / 254)."""
    spreads = symmetric_spreads(magnitudes, tf_compat=tf_compat)
    return (spreads.astype(np.float32) / np.float32(NARROW_LEVELS)).astype(np.float64)


def weight_type(scales: Float64, axis: int | None) -> UniformQuantizedType:
    """Symmetric narrow-range int8 with one scale, or one for each index along `axis`."""
    layout = Layout(scales[0]) if axis is None else Layout(scales, 0, (axis,))
    return UniformQuantizedType.get(I8, F32, layout, narrow=True)


def bias_scales(source_scales: tuple[Float64, ...]) -> Float64:
    """Scale of a bias: f32 of the product of the scales of input and weight; per channel if one of them is."""
    product: Any = np.float64(1)
    for scales in source_scales:
        product = product * scales
    return np.asarray(np.float32(product), np.float64)


def bias_type(scales: Float64) -> UniformQuantizedType:
    """int32 for a bias, with one scale or one for each channel."""
    return UniformQuantizedType.get(I32, F32, Layout(scales, 0, (0,) if scales.ndim else ()))


@dataclass(frozen=True)
class BiasFit:
    """Scales of a bias and of its weight with which the bias fits half of the int32 range."""

    bias: Float64
    weight: Float64
    changed: bool
    """Whether the scales are coarser than those given."""


def fit_bias(most: Float64, input_scale: float, weight: Float64, bias: Float64) -> BiasFit:
    """Scales that are coarser for each channel whose bias would not fit: s_b = |b| / (2^30 - 1), s_w = s_b / s_in.

    `most` is |b| for each channel, or the largest |b| if `bias` is one scale.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        over = np.abs(most / bias) > _MOST_BIAS
    if not over.any():
        return BiasFit(bias, weight, False)
    coarser = np.where(over, most / _MOST_BIAS, bias)
    return BiasFit(coarser, np.where(over, coarser / input_scale, weight), True)


def fixed_type(scale: float, zero_point: int) -> UniformQuantizedType:
    """int8 for a result whose range the op's definition fixes."""
    return per_tensor(I8, scale, zero_point)


def power_of_two_scale(bounds: Range) -> float:
    """2^ceil(log2(max|range|)) / 32768, for the cell state of an LSTM, which is a fixed-point number."""
    most = max(abs(bounds.low), abs(bounds.high))
    return float(2.0 ** np.ceil(np.log2(most)) / 32768) if most > 0 else 1 / 32768


def symmetric_int16(most: float, levels: int = 32767) -> UniformQuantizedType:
    """int16 in [-32767, 32767] with zero point 0 for values up to `most` in magnitude: scale = f32(most / levels)."""
    most = max(most, LEAST_SPREAD / 2)
    return per_tensor(I16, float(np.float32(np.float32(most) / np.float32(levels))), narrow=True)


def int16_type(scale: float) -> UniformQuantizedType:
    """int16 with zero point 0 for an activation of a 16x8 model."""
    return per_tensor(I16, scale)
