"""Integer arithmetic of quantized kernels: products with a real number, given as a 32-bit multiplier and a shift.

A real multiplier m is q * 2^(shift - 31) with 2^30 <= q < 2^31. LiteRT's kernels multiply in one of two ways:

- `doubled` (gemmlowp's): the high half of the doubled product, rounded, then a rounding shift to the right;
- `single`: the whole 64-bit product, rounded once.

All arrays are int64; results that exceed int32 saturate if those of the kernels do.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array

INT32_MAX, INT32_MIN = (1 << 31) - 1, -(1 << 31)


def multiplier_of(real: float) -> tuple[int, int]:
    """The multiplier and the shift of a real number; 0 and 0 if it is too small to have an effect."""
    if real == 0:
        return 0, 0
    fraction, shift = math.frexp(real)
    whole = math.floor(fraction * (1 << 31) + 0.5)
    if whole == 1 << 31:
        whole, shift = whole // 2, shift + 1
    if shift < -31:
        return 0, 0
    return (INT32_MAX, 30) if shift > 30 else (whole, shift)


def multipliers_of(reals: Any) -> tuple[Array, Array]:
    """Multipliers and shifts of several real numbers, of the same shape."""
    values = np.asarray(reals, np.float64)
    pairs = [multiplier_of(float(real)) for real in values.reshape(-1)]
    whole, shifts = (np.array(part, np.int64).reshape(values.shape) for part in zip(*pairs, strict=True))
    return whole, shifts


def doubled_high(x: Any, y: Any) -> Array:
    """The high 32 bits of 2xy, rounded to nearest: gemmlowp's SaturatingRoundingDoublingHighMul."""
    product = np.asarray(x, np.int64) * np.asarray(y, np.int64)
    nudged = product + np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.minimum(high, INT32_MAX)


def rounded_shift(x: Any, exponent: Any) -> Array:
    """x / 2^exponent to the nearest integer, halves away from zero: gemmlowp's RoundingDivideByPOT."""
    values, exponents = np.asarray(x, np.int64), np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponents) - 1
    remainder = values & mask
    return (values >> exponents) + (remainder > (mask >> 1) + (values < 0))


def doubled(x: Any, whole: Any, shift: Any) -> Array:
    """x times a multiplier, rounded twice."""
    shifts = np.asarray(shift, np.int64)
    left, right = np.maximum(shifts, 0), np.maximum(-shifts, 0)
    return rounded_shift(doubled_high(_as_int32(np.asarray(x, np.int64) << left), whole), right)


def single(x: Any, whole: Any, shift: Any) -> Array:
    """x times a multiplier, rounded once, halves up."""
    total = 31 - np.asarray(shift, np.int64)
    return (np.asarray(x, np.int64) * np.asarray(whole, np.int64) + (np.int64(1) << (total - 1))) >> total


def reduced(x: Any, whole: Any, shift: Any) -> Array:
    """A 64-bit sum times the upper 15 bits of a multiplier, rounded once, as in kernels for int16 activations.

    The result is a 32-bit number; of a larger one, the low 32 bits are kept.
    """
    wholes = np.asarray(whole, np.int64)
    kept = np.where(wholes < 0x7FFF0000, (wholes + (1 << 15)) >> 16, 0x7FFF)
    total = 15 - np.asarray(shift, np.int64)
    return _as_int32((np.asarray(x, np.int64) * kept + (np.int64(1) << (total - 1))) >> total)


def _as_int32(x: Array) -> Array:
    """The low 32 bits as a signed number, as in a C++ conversion."""
    return x.astype(np.int32).astype(np.int64)
