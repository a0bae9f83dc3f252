"""Logistic function and hyperbolic tangent of int16 numbers, by interpolation in a table of 256 entries."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from tflir.backends.interpreter.kernel import Array

_STEPS = 24
"""Entries of the table for each unit of the input."""
_FRACTION = 12
"""Fractional bits of an int16 input whose scale is a power of two; the kernels multiply it by 3."""


@cache
def _table() -> Array:
    """2^16 times the logistic function, corrected by half of the interpolation error at the middle of a step."""
    x = np.arange(256) / _STEPS
    at, middle, following = (_logistic(x + shift / _STEPS) for shift in (0, 0.5, 1))
    entries = np.floor(at + (middle - (at + following) / 2) / 2 + 0.5).astype(np.int64)
    entries[-1] = (1 << 16) - 1
    return entries


def _logistic(x: Array) -> Array:
    return (1 << 16) / (1 + np.exp(-x))


def logistic16(x: Array, scale: float) -> Array:
    """The logistic function of `x` times `scale`, with 15 fractional bits."""
    wide = _in_steps(x, scale, (0,))
    size = np.abs(wide)
    entry = np.minimum(size >> 9, 254)
    interpolated = (_table()[entry] << 9) + (size & 0x1FF) * (_table()[entry + 1] - _table()[entry])
    interpolated = np.where(size >> 9 >= 255, 0x7FFF << 10, interpolated)
    return np.where(wide >= 0, interpolated + (1 << 9), (1 << 25) - interpolated + (1 << 9) - 1) >> 10


def tanh16(x: Array, scale: float) -> Array:
    """The hyperbolic tangent of `x` times `scale`, with 15 fractional bits."""
    wide = _in_steps(x, scale, (0, 1))
    size = np.abs(wide)
    entry = np.minimum(size >> 8, 254)
    interpolated = (_table()[entry] << 8) + (size & 0xFF) * (_table()[entry + 1] - _table()[entry])
    interpolated = np.where(size >> 8 >= 255, 0xFFFF << 8, interpolated)
    one, half = 1 << 23, 1 << 7
    return np.where(wide >= 0, interpolated - one + half, one - interpolated + half - 1) >> 8


def _in_steps(x: Array, scale: float, direct: tuple[int, ...]) -> Array:
    """`x` in steps of 1 / (3 * 4096).

    A scale 2^n / 4096 with n in `direct` is converted exactly; other scales are applied as a multiplier of 15 bits.
    """
    fraction, exponent = math.frexp(scale)
    over = exponent - 1 + _FRACTION
    if fraction == 0.5 and over in direct:
        return x.astype(np.int64) * (3 << over)
    factor, shift = scale * 4096.0 * 3.0, 0
    while factor <= 32767.0 / 2.0 and shift <= 30:
        factor, shift = factor * 2, shift + 1
    rounding = 1 << (shift - 1) if shift else 0
    return (x.astype(np.int64) * int(factor) + rounding) >> shift
