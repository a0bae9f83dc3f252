"""Elementwise StableHLO operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tflir.backends.interpreter.float_activations import sigmoid
from tflir.backends.interpreter.float_arithmetic import divided
from tflir.backends.interpreter.float_elementwise import reciprocal_root
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, picked, result_dtype
from tflir.backends.interpreter.options import option, word
from tflir.ir.tfl import stablehlo_elementwise as ops
from tflir.ir.tfl.variadic import VariadicOp


def _elementwise(op: type[VariadicOp], function: Callable[..., Any], *, exact: bool = False) -> None:
    """Registers a numpy function of all operands as the kernel of `op`."""

    def run(op: VariadicOp, operands: Operands) -> Results:
        return [np.asarray(function(*operands), result_dtype(op))]

    float_kernel(op, exact=exact)(run)


def _shifted_left(x: Array, by: Array) -> Array:
    return picked((by < 0) | (by >= x.dtype.itemsize * 8), 0, x << by)


def _limited(low: Array, x: Array, high: Array) -> Array:
    return np.minimum(np.maximum(x, low), high)


_elementwise(ops.StablehloAddOp, np.add, exact=True)
_elementwise(ops.StablehloSubtractOp, np.subtract, exact=True)
_elementwise(ops.StablehloMultiplyOp, np.multiply, exact=True)
_elementwise(ops.StablehloDivideOp, divided, exact=True)
_elementwise(ops.StablehloMaximumOp, np.maximum, exact=True)
_elementwise(ops.StablehloMinimumOp, np.minimum, exact=True)
_elementwise(ops.StablehloRemainderOp, np.fmod)
_elementwise(ops.StablehloPowerOp, np.power)
_elementwise(ops.StablehloClampOp, _limited, exact=True)
_elementwise(ops.StablehloAbsOp, np.abs, exact=True)
_elementwise(ops.StablehloNegateOp, np.negative, exact=True)
_elementwise(ops.StablehloAndOp, np.bitwise_and)
_elementwise(ops.StablehloOrOp, np.bitwise_or)
_elementwise(ops.StablehloShiftLeftOp, _shifted_left)
_elementwise(ops.StablehloLogisticOp, sigmoid)
_elementwise(ops.StablehloTanhOp, np.tanh)
_elementwise(ops.StablehloCosineOp, np.cos)
_elementwise(ops.StablehloExponentialOp, np.exp)
_elementwise(ops.StablehloLogOp, np.log)
_elementwise(ops.StablehloFloorOp, np.floor, exact=True)
_elementwise(ops.StablehloRsqrtOp, reciprocal_root)
_elementwise(ops.StablehloCbrtOp, np.cbrt)
_elementwise(ops.StablehloConvertOp, np.asarray)
_elementwise(ops.StablehloSelectOp, np.where, exact=True)

_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "STABLEHLO_COMPARISON_DIRECTION_EQ": np.equal,
    "STABLEHLO_COMPARISON_DIRECTION_NE": np.not_equal,
    "STABLEHLO_COMPARISON_DIRECTION_GE": np.greater_equal,
    "STABLEHLO_COMPARISON_DIRECTION_GT": np.greater,
    "STABLEHLO_COMPARISON_DIRECTION_LE": np.less_equal,
    "STABLEHLO_COMPARISON_DIRECTION_LT": np.less,
}


@float_kernel(ops.StablehloCompareOp)
def compare(op: VariadicOp, operands: Operands) -> Results:
    direction = word(option(op, "comparison_direction"), "STABLEHLO_COMPARISON_DIRECTION_EQ")
    return [np.asarray(_COMPARED[direction](*operands), np.bool_)]
