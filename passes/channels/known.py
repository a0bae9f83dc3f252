"""Computes the values of channels that hold one constant at every position, through the ops that read them.

Known values are a float32 vector with one element per channel; NaN marks a channel whose value is not known. For
example RELU maps [-1, NaN, 0.5] to [0, NaN, 0.5].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.tfl.activations import LIMITS
from tflir.passes.channels.channel_ids import Float32

_Unary = Callable[[Float32], npt.NDArray[np.floating[Any]]]
_Binary = Callable[[Float32, Float32], npt.NDArray[np.floating[Any]]]


def only_zeros(values: Float32) -> Float32:
    """The values that are still known after a border of zeros was added: 0 where they were 0, NaN elsewhere."""
    return np.where(values == 0, values, np.float32(np.nan))


_ACTIVATIONS: dict[str, _Unary] = {
    "NONE": lambda x: x,
    "RELU": lambda x: np.maximum(x, 0),
    "RELU6": lambda x: np.clip(x, *LIMITS["RELU6"]),
    "RELU_N1_TO_1": lambda x: np.clip(x, *LIMITS["RELU_N1_TO_1"]),
    "TANH": np.tanh,
}
UNARY: dict[str, _Unary] = {
    "ABS": np.abs,
    "ELU": lambda x: np.where(x > 0, x, np.expm1(x)),
    "EXP": np.exp,
    "GELU": only_zeros,
    "HARD_SWISH": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "LOGISTIC": lambda x: 1 / (1 + np.exp(-x)),
    "NEG": np.negative,
    "RELU": _ACTIVATIONS["RELU"],
    "RELU6": _ACTIVATIONS["RELU6"],
    "RELU_N1_TO_1": _ACTIVATIONS["RELU_N1_TO_1"],
    "RELU_0_TO_1": lambda x: np.clip(x, *LIMITS["RELU_0_TO_1"]),
    "RSQRT": lambda x: 1 / np.sqrt(x),
    "SQRT": np.sqrt,
    "SQUARE": np.square,
    "TANH": np.tanh,
}
BINARY: dict[str, _Binary] = {
    "ADD": np.add,
    "DIV": np.divide,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "MUL": lambda x, y: np.where((x == 0) | (y == 0), np.float32(0), x * y),
    "PRELU": lambda x, alpha: np.where(x >= 0, x, alpha * x),
    "SQUARED_DIFFERENCE": lambda x, y: np.square(x - y),
    "SUB": np.subtract,
}


def compute(function: Callable[..., npt.NDArray[np.floating[Any]]], *values: Float32) -> Float32:
    """Applies a function to known values in float32. Results that are not finite count as not known (NaN)."""
    with np.errstate(all="ignore"):
        made = function(*values).astype(np.float32, copy=False)
    return np.where(np.isfinite(made), made, np.float32(np.nan))


def activated(name: str, values: Float32) -> Float32:
    """Known values after the fused activation `name`; all are unknown after an activation that is not listed above."""
    function = _ACTIVATIONS.get(name)
    return unknown(values.size) if function is None else compute(function, values)


def unknown(count: int) -> Float32:
    """A vector of `count` channels of which nothing is known."""
    return np.full(count, np.nan, np.float32)


def same_in_all(rows: npt.NDArray[Any]) -> Float32:
    """For each column of a 2-D array the value that all rows hold; NaN if they differ or it is not finite."""
    first = rows[0].astype(np.float32)
    same = np.isfinite(first)
    if len(rows) > 1:
        same &= (rows == rows[0]).all(axis=0)
    return np.where(same, first, np.float32(np.nan))
