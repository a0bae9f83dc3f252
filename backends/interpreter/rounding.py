"""Rounding: floats to integers as C++ rounds, and integers times a scale in fixed point as gemmlowp does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array


def round_away(x: Any) -> Array:
    """The nearest integers, as float64; halves are rounded away from zero."""
    wide = np.asarray(x, np.float64)
    return np.trunc(wide + np.copysign(0.5, wide))


def fixed_point(scale: float) -> tuple[int, int]:
    """A scale as a 31-bit multiplier and a power of two: scale is about multiplier * 2 ** (exponent - 31)."""
    fraction, exponent = math.frexp(scale)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    if multiplier == 1 << 31:
        multiplier, exponent = multiplier // 2, exponent + 1
    return (0, 0) if exponent < -31 else (multiplier, exponent)


def scaled(x: Array, scale: float) -> Array:
    """`x`, 32-bit integers, times `scale` in fixed point, rounded twice: the product, and its shift to the right."""
    multiplier, exponent = fixed_point(scale)
    shifted = x.astype(np.int64) << max(exponent, 0)
    product = shifted * multiplier
    total = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.sign(total) * (np.abs(total) >> 31)
    right = max(-exponent, 0)
    if not right:
        return high
    rest, half = high & ((1 << right) - 1), (((1 << right) - 1) >> 1) + (high < 0)
    return (high >> right) + (rest > half)
