"""Exponential and reciprocal of 32-bit fixed-point numbers, as gemmlowp computes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array
from tflir.backends.interpreter.requantize import INT32_MAX, INT32_MIN, doubled_high, rounded_shift

BARREL = (
    (-2, 1672461947),
    (-1, 1302514674),
    (0, 790015084),
    (1, 290630308),
    (2, 39332535),
    (3, 720401),
    (4, 242),
)
"""Exponents p, each with exp(-2^p) as a number with 31 fractional bits."""


def shifted(x: Any, bits: int) -> Array:
    """x * 2^bits, saturated, or rounded where `bits` is below 0."""
    values = np.asarray(x, np.int64)
    return rounded_shift(values, -bits) if bits < 0 else np.clip(values << bits, INT32_MIN, INT32_MAX)


def exp_of_negative(x: Array, whole_bits: int = 5) -> Array:
    """exp(x) with 31 fractional bits, for x <= 0 with `whole_bits` integer bits."""
    fraction = 31 - whole_bits
    quarter = 1 << (fraction - 2)
    part = (x & (quarter - 1)) - quarter
    result = _exp_near_zero(shifted(part, whole_bits))
    rest = part - x
    for power, factor in BARREL:
        if whole_bits > power:
            bit = 1 << (fraction + power)
            result = np.where(rest & bit, doubled_high(result, factor), result)
    return np.where(x == 0, INT32_MAX, result)


def _exp_near_zero(a: Array) -> Array:
    """exp(a) for -1/4 <= a < 0, by a polynomial around -1/8."""
    at_eighth, third = 1895147668, 715827883
    x = a + (1 << 28)
    x2 = doubled_high(x, x)
    x3, x4 = doubled_high(x2, x), doubled_high(x2, x2)
    inner = doubled_high(shifted(x4, -2) + x3, third) + x2
    return at_eighth + doubled_high(at_eighth, x + shifted(inner, -1))


def reciprocal_of_one_plus(a: Array) -> Array:
    """1 / (1 + a) for 0 <= a < 1, with 31 fractional bits: three steps of Newton's iteration."""
    total = a + INT32_MAX
    half = np.where(total >= 0, (total + 1) // 2, -((-total + 1) // 2))
    x = 1515870810 + doubled_high(half, -1010580540)
    for _ in range(3):
        error = (1 << 29) - doubled_high(half, x)
        x = x + shifted(doubled_high(x, error), 2)
    return shifted(x, 1)


def log_of_more_than_one(x: Array, whole_bits: int, result_bits: int) -> Array:
    """The natural logarithm of x >= 1, which has `whole_bits` integer bits; the result has `result_bits`.

    With x = r * 2^z, r between about 0.6 and 1, log r is a rational function around the fourth root of a half.
    """
    wide = result_bits + 1
    quarter = (1 << 29) >> wide
    spare = spare_bits(x)
    r_a = shifted(doubled_high(_shifted_each(x, spare), _ROOT_OF_HALF), 1)
    power_a = np.minimum(shifted(whole_bits - spare - 1, 31 - wide) + quarter, INT32_MAX)
    spare = spare_bits(doubled_high(x, _ROOT_OF_HALF))
    power_b = np.maximum(shifted(whole_bits - spare, 31 - wide) - quarter, INT32_MIN)
    r, power = np.minimum(r_a, _shifted_each(x, spare)), np.maximum(power_a, power_b)
    total = r + _FOURTH_ROOT_OF_HALF
    p, q = (total + 1) // 2, 2 * (r - _FOURTH_ROOT_OF_HALF)
    square = doubled_high(q, q)
    numerator = doubled_high(q, r) + doubled_high(doubled_high(q, square), 117049297)
    inner = 1057819769 + q + doubled_high(127690142, square)
    denominator = doubled_high(p, inner) + doubled_high(638450708, q)
    fraction = doubled_high(rounded_shift(numerator, wide), reciprocal_of_one_plus(denominator))
    return shifted(doubled_high(power, _LOG_OF_TWO) + fraction, 1)


_ROOT_OF_HALF, _FOURTH_ROOT_OF_HALF, _LOG_OF_TWO = 1518500250, 1805811301, 1488522236
"""With 31 fractional bits."""


def spare_bits(x: Array) -> Array:
    """By how many bits 32-bit numbers >= 0 can be shifted to the left and remain below 2^31."""
    return 31 - np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _shifted_each(x: Array, bits: Array) -> Array:
    """x * 2^bits element by element, saturated to 32 bits."""
    return np.minimum(x << bits, INT32_MAX)
