"""Functions of int16 numbers by interpolation between the entries of a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array
from tflir.backends.interpreter.quantized import Quantization
from tflir.backends.interpreter.rounding import round_away

Function = Callable[[Array], Array]

_STEPS = 512
_LOW, _HIGH = -(1 << 15), (1 << 15) - 1


def table_between(x: Quantization, y: Quantization, function: Function) -> Array:
    """The table of `function` from one quantization to another, computed in float32."""
    return wide_table(function, (x.scale, x.point), (y.scale, y.point), np.float32)


def wide_table(
    function: Function, source: tuple[Any, int], result: tuple[Any, int], real: type[np.floating[Any]]
) -> Array:
    """513 results for inputs from -32768 to 32767, given scales and zero points, computed in the type `real`.

    Each entry is corrected by half of the error that interpolation has at the middle of the step that follows.
    """
    limits = np.array([_LOW, _HIGH])
    (input_low, input_high), (output_low, output_high) = (
        real(scale) * (limits - point).astype(real) for scale, point in (source, result)
    )
    step = (input_high - input_low) / real(_STEPS)
    inverse = real(_HIGH - _LOW + 1) / (output_high - output_low)
    at = input_low + np.arange(_STEPS + 1, dtype=real) * step
    with np.errstate(all="ignore"):
        values, middles = function(at) * inverse, function(at[:-1] + step / real(2)) * inverse
        sample = round_away(values[:-1])
        between = round_away((values[1:] + sample.astype(real)) / real(2))
        error = round_away((between - round_away(middles)) / 2)
        last = round_away(function(np.array([input_high])) * inverse)
    entries = np.clip(np.concatenate([sample - error, last]), _LOW, _HIGH)
    return np.nan_to_num(entries, nan=_LOW).astype(np.int64)


def interpolated(entries: Array, x: Array) -> Array:
    """The results for `x`, int16 numbers, by the table `entries`."""
    wide = x.astype(np.int64)
    index, offset = (wide + (1 << 15)) >> 7, wide & 0x7F
    slope = entries[index + 1] - entries[index]
    return entries[index] + ((slope * offset + 64) >> 7)
