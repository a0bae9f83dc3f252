"""The functions of ops that have no integer kernel, and helpers to tabulate them for all integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.quant import UniformQuantizedType
from tflir.passes.quantization.numerics import round_half_away

Array = npt.NDArray[Any]
LEVELS = 256
"""The number of integers with 8 bits."""
UNARY: dict[str, Callable[[Array], Array]] = {
    "CEIL": np.ceil,
    "COS": np.cos,
    "FLOOR": np.floor,
    "ROUND": np.rint,
    "SIGN": np.sign,
    "SIN": np.sin,
}
BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "ATAN2": np.arctan2,
    "FLOOR_DIV": lambda a, b: np.floor(a / b),
    "FLOOR_MOD": np.mod,
    "POW": np.power,
}


def levels(params: UniformQuantizedType) -> Array:
    """The real numbers that the integers of an int8 type stand for, from the lowest to the highest."""
    return (np.arange(-128, 128) - int(params.layout.zero_points)) * float(params.layout.scales)


def answers(values: Array, params: UniformQuantizedType) -> npt.NDArray[np.int8]:
    """The values quantized to a type: infinities saturate, and NaN becomes 0."""
    with np.errstate(all="ignore"):
        steps = round_half_away(np.where(np.isnan(values), 0.0, values) / params.layout.scales)
    return np.clip(steps + int(params.layout.zero_points), *params.range.data).astype(np.int8)
