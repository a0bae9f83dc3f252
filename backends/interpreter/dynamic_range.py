"""Activations quantized as the model runs: what LiteRT's kernels of float inputs and integer weights do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflir.backends.interpreter.kernel import Array
from tflir.backends.interpreter.rounding import round_away

_HIGHEST = 127
_LOWEST = -128


@dataclass(frozen=True)
class QuantizedRows:
    """Rows of integers that, times their scales, are about the rows of floats that they were made from."""

    whole: Array
    """The integers less their zero point, in float32."""
    scale: Array
    """Of each row, in a column."""
    point: Array
    """The zero point of each row, in a column."""


def quantized_rows(rows: Array, *, asymmetric: bool) -> QuantizedRows:
    """Each row by itself: symmetric integers are -127 to 127, asymmetric ones cover the range in 256 steps."""
    return _asymmetric(rows) if asymmetric else _symmetric(rows)


def _symmetric(rows: Array) -> QuantizedRows:
    largest = np.abs(rows).max(1, keepdims=True, initial=0)
    scale = np.where(largest == 0, np.float32(1), largest / np.float32(_HIGHEST)).astype(np.float32)
    inverse = np.where(largest == 0, np.float32(0), np.float32(_HIGHEST) / largest)
    whole = np.clip(round_away(rows * inverse), -_HIGHEST, _HIGHEST)
    return QuantizedRows(whole.astype(np.float32), scale, np.zeros_like(scale))


def _asymmetric(rows: Array) -> QuantizedRows:
    low = np.minimum(rows.min(1, keepdims=True, initial=0), 0).astype(np.float64)
    high = np.maximum(rows.max(1, keepdims=True, initial=0), 0).astype(np.float64)
    empty = low == high
    step = np.where(empty, 1, (high - low) / (_HIGHEST - _LOWEST))
    from_low, from_high = _LOWEST - low / step, _HIGHEST - high / step
    error_low, error_high = abs(_LOWEST) + np.abs(low / step), abs(_HIGHEST) + np.abs(high / step)
    point = np.clip(round_away(np.where(error_low < error_high, from_low, from_high)), _LOWEST, _HIGHEST)
    point = np.where(empty, 0, point)
    scale = step.astype(np.float32)
    whole = np.clip(round_away(point.astype(np.float32) + rows * (np.float32(1) / scale)), _LOWEST, _HIGHEST)
    return QuantizedRows(np.where(empty, 0, whole - point).astype(np.float32), scale, point.astype(np.float32))


def times_blocks(rows: Array, weights: Array) -> Array:
    """The product with weights that have scales for blocks: the rows are quantized asymmetrically in any case."""
    quantized = quantized_rows(rows, asymmetric=True)
    return quantized.whole @ weights.T * quantized.scale
