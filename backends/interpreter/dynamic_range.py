"""Quantization of activations at run time, as in LiteRT's kernels for float inputs and integer weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflir.backends.interpreter.kernel import Array
from tflir.backends.interpreter.rounding import round_away

_HIGHEST = 127
_LOWEST = -128


@dataclass(frozen=True)
class QuantizedRows:
    """Rows of floats, quantized: each row is about (integers - zero point) * scale."""

    whole: Array
    """The integers minus their zero point, in float32."""
    scale: Array
    """The scale of each row, as a column."""
    point: Array
    """The zero point of each row, as a column."""


def quantized_rows(rows: Array, *, asymmetric: bool) -> QuantizedRows:
    """Quantizes each row separately: symmetrically to -127 … 127, or asymmetrically over the row's range in
    256 steps.
    """
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
    """The product with weights that have scales for blocks; the rows are always quantized asymmetrically."""
    quantized = quantized_rows(rows, asymmetric=True)
    return quantized.whole @ weights.T * quantized.scale
