"""The activation that a layer applies to its result."""

from __future__ import annotations

import numpy as np
from xdsl.ir import Attribute

from tflir.backends.interpreter.kernel import Array, refuse
from tflir.backends.interpreter.options import word

_LIMITS: dict[str, tuple[float | None, float | None]] = {
    "NONE": (None, None),
    "RELU": (0, None),
    "RELU_N1_TO_1": (-1, 1),
    "RELU6": (0, 6),
}


def activated(array: Array, function: Attribute | None) -> Array:
    """`array` after the fused activation `function`; TANH and SIGN_BIT are refused."""
    name = word(function, "NONE")
    if name not in _LIMITS:
        raise refuse(f"no kernel applies the fused activation {name} here", "put a tfl.tanh behind it")
    return clamped(array, *_LIMITS[name])


def clamped(array: Array, low: float | None, high: float | None) -> Array:
    """`array` limited to low … high; NaN and -0 are unchanged."""
    if low is not None:
        array = np.where(array < low, np.asarray(low, array.dtype), array)
    if high is not None:
        array = np.where(array > high, np.asarray(high, array.dtype), array)
    return array


def cell_activation(array: Array, function: Attribute | None) -> Array:
    """`array` after the activation of a recurrent layer, which may be tanh."""
    name = word(function, "NONE")
    if name == "TANH":
        return np.tanh(array)
    if name == "SIGN_BIT":
        return np.signbit(array).astype(array.dtype)
    return clamped(array, *_LIMITS[name])
