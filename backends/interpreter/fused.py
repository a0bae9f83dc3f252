"""The activation that a layer applies to its result."""

from __future__ import annotations

import math

import numpy as np
from xdsl.ir import Attribute

from tflir.backends.interpreter.kernel import Array, refuse
from tflir.backends.interpreter.options import word
from tflir.ir.tfl.activations import LIMITS


def activated(array: Array, function: Attribute | None) -> Array:
    """`array` after the fused activation `function`; TANH and SIGN_BIT are refused."""
    name = word(function, "NONE")
    if name == "NONE":
        return array
    if name not in LIMITS:
        raise refuse(f"no kernel applies the fused activation {name} here", "put a tfl.tanh behind it")
    return clipped(array, name)


def clipped(array: Array, name: str) -> Array:
    """`array` after the activation `name`, one that clips; NaN and -0 are unchanged."""
    low, high = LIMITS[name]
    return clamped(array, low, high if math.isfinite(high) else None)


def clamped(array: Array, low: float, high: float | None) -> Array:
    """`array` limited to low … high; NaN and -0 are unchanged."""
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
    return activated(array, function)
