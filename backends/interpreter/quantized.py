"""Helpers for integer kernels: scale and zero point of a tensor, storage limits, the range of an activation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import Attribute, SSAValue

from tflir.backends.interpreter.kernel import Array, dtype_of, quant_of, refuse
from tflir.backends.interpreter.options import word
from tflir.backends.interpreter.rounding import round_away
from tflir.ir.tfl.activations import LIMITS


@dataclass(frozen=True)
class Quantization:
    """The quantization of a tensor: an integer q represents (q - point) * scale."""

    scale: np.float32
    """The scale of the tensor; the first if it has several."""
    point: int
    scales: Array
    """float32, a single scale or one for each channel."""
    points: Array
    low: int
    """The smallest integer of the storage type."""
    high: int

    def nearest(self, real: float) -> int:
        """The integer that represents a number, in float32 as the kernels compute it, without limits."""
        return self.point + int(round_away(np.float32(real) / self.scale))


def quantization(value: SSAValue) -> Quantization:
    """The quantization of a quantized tensor."""
    element, dtype = quant_of(value.type), dtype_of(value.type)
    scales = element.layout.scales.astype(np.float32).reshape(-1)
    points = element.layout.zero_points.reshape(-1)
    bounds = np.iinfo(dtype)
    return Quantization(scales[0], int(points[0]), scales, points, int(bounds.min), int(bounds.max))


def centred(x: Array, how: Quantization) -> Array:
    """int64 differences from the zero point."""
    return x.astype(np.int64) - how.point


def activation_range(function: Attribute | None, result: Quantization) -> tuple[int, int]:
    """The smallest and the largest integer after a fused activation."""
    name = word(function, "NONE")
    if name == "NONE":
        return result.low, result.high
    if name not in LIMITS:
        raise refuse(f"no integer kernel applies the fused activation {name}", "put the activation behind it")
    return clipped_range(name, result)


def clipped_range(name: str, result: Quantization) -> tuple[int, int]:
    """The smallest and the largest integer after a clipping activation."""
    least, most = LIMITS[name]
    high = min(result.high, result.nearest(most)) if math.isfinite(most) else result.high
    return max(result.low, result.nearest(least)), high


def stored(sums: Any, value: SSAValue, function: Attribute | None = None) -> Array:
    """Integers without zero point as the result `value` stores them: plus zero point, within the activation's range."""
    result = quantization(value)
    low, high = activation_range(function, result)
    return np.clip(np.asarray(sums) + result.point, low, high).astype(dtype_of(value.type))
