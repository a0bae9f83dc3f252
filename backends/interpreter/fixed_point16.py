"""Logistic function and hyperbolic tangent of 16-bit fixed-point numbers, as gemmlowp computes them for LSTM gates."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.fixed_point import BARREL
from tflir.backends.interpreter.kernel import Array
from tflir.backends.interpreter.requantize import rounded_shift

MAX, MIN = (1 << 15) - 1, -(1 << 15)
_CUT = -32
"""The exponential of smaller numbers is taken as 0."""


def saturated(x: Any) -> Array:
    """`x`, saturated to int16."""
    return np.clip(x, MIN, MAX)


def logistic(x: Array, whole_bits: int) -> Array:
    """The logistic function of `x`, which has `whole_bits` integer bits; the result has none."""
    positive = _reciprocal_iteration(_exp_of_negative(-np.abs(x), whole_bits))
    positive = saturated(positive << 1)
    return np.where(x == 0, 1 << 14, np.where(x > 0, positive, MAX - positive))


def tanh(x: Array, whole_bits: int) -> Array:
    """The hyperbolic tangent of `x`, which has `whole_bits` integer bits; the result has none."""
    magnitude = saturated((_reciprocal_iteration(_exp_of_negative(-np.abs(x), whole_bits + 1)) - (1 << 13)) << 2)
    return np.where(x == 0, 0, np.where(x < 0, -magnitude, magnitude))


def high(x: Any, y: Any) -> Array:
    """The high 16 bits of 2xy, rounded to nearest."""
    product = np.asarray(x, np.int64) * np.asarray(y, np.int64)
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.minimum(np.where(nudged >= 0, nudged >> 15, -((-nudged) >> 15)), MAX)


def _constant(value: int) -> int:
    """A constant with 31 fractional bits, converted to 15."""
    return int(rounded_shift(value, 16))


def _exp_of_negative(x: Array, whole_bits: int) -> Array:
    """exp(x) with 15 fractional bits, for x <= 0 with `whole_bits` integer bits."""
    fraction = 15 - whole_bits
    quarter = 1 << (fraction - 2)
    part = (x & (quarter - 1)) - quarter
    result = _exp_near_zero(saturated(part << whole_bits))
    rest = part - x
    for power, factor in BARREL:
        if whole_bits > power:
            result = np.where(rest & (1 << (fraction + power)), high(result, _constant(factor)), result)
    if whole_bits > 5:
        result = np.where(x < _CUT << fraction, 0, result)
    return np.where(x == 0, MAX, result)


def _exp_near_zero(a: Array) -> Array:
    """exp(a) for -1/4 <= a < 0, by a polynomial around -1/8."""
    at_eighth = _constant(1895147668)
    x = a + (1 << 12)
    x2 = high(x, x)
    x3, x4 = high(x2, x), high(x2, x2)
    inner = rounded_shift(high(rounded_shift(x4, 2) + x3, _constant(715827883)) + x2, 1)
    return saturated(at_eighth + high(at_eighth, x + inner))


def _reciprocal_iteration(a: Array) -> Array:
    """2 / (1 + a) with 13 fractional bits, for 0 <= a <= 1."""
    half = (a + MAX + 1) // 2
    x = _constant(1515870810) + high(half, _constant(-1010580540))
    for _ in range(3):
        error = (1 << 13) - high(half, x)
        x = x + saturated(high(x, error) << 2)
    return x
