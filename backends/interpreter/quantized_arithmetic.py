"""Sums, products and comparisons of integers of different scales."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from tflir.backends.interpreter.kernel import Array, Operands, Results, dtype_of, quantized_kernel
from tflir.backends.interpreter.options import flag
from tflir.backends.interpreter.quantized import centred, quantization, stored
from tflir.backends.interpreter.requantize import doubled, multiplier_of, rounded_shift
from tflir.ir.tfl.arithmetic import AddOp, MulOp, SquaredDifferenceOp, SubOp
from tflir.ir.tfl.comparison import EqualOp, GreaterEqualOp, GreaterOp, LessEqualOp, LessOp, NotEqualOp

_LEFT_SHIFT = {1: 20, 2: 15}
"""By bytes of an element: the bits by which operands are shifted left before they are rescaled to a common scale."""


@quantized_kernel(AddOp)
def add(op: AddOp, operands: Operands) -> Results:
    return [_sum(op, operands, 1)]


@quantized_kernel(SubOp)
def sub(op: SubOp, operands: Operands) -> Results:
    return [_sum(op, operands, -1)]


def _sum(op: AddOp | SubOp, operands: Operands, sign: int) -> Array:
    left, right, result = (quantization(value) for value in (*op.operands, op.results[0]))
    dtype = dtype_of(op.results[0].type)
    scales = [float(how.scale) for how in (left, right, result)]
    if dtype == np.int16 and flag(op.properties.get("pot_scale_int16")) and all(map(_is_power_of_two, scales)):
        return _sum_of_powers(op, operands, scales, sign)
    shift = _LEFT_SHIFT[dtype.itemsize]
    common = 2 * max(scales[0], scales[1])
    parts: list[Array] = []
    for x, how, factor in zip(operands, (left, right), (1, sign), strict=True):
        whole, exponent = multiplier_of(float(how.scale) / common)
        parts.append(doubled(centred(x, how) << shift, factor * whole, exponent))
    total = parts[0] + parts[1]
    scaled = doubled(total, *multiplier_of(common / ((1 << shift) * scales[2])))
    return stored(scaled, op.results[0], op.fused_activation_function)


def _is_power_of_two(scale: float) -> bool:
    return np.frexp(scale)[0] == 0.5


def _sum_of_powers(op: Any, operands: Operands, scales: list[float], sign: int) -> Array:
    """int16 sums whose scales are powers of two: rescaled by shifts instead of multiplications."""
    exponents = [int(np.frexp(scale)[1]) for scale in scales]
    parts = [
        rounded_shift(x.astype(np.int64), exponents[2] - exponent)
        for x, exponent in zip(operands, exponents[:2], strict=True)
    ]
    bounds = np.iinfo(np.int16)
    return stored(
        np.clip(parts[0] + sign * parts[1], bounds.min, bounds.max), op.results[0], op.fused_activation_function
    )


@quantized_kernel(MulOp)
def mul(op: MulOp, operands: Operands) -> Results:
    left, right, result = (quantization(value) for value in (*op.operands, op.output))
    product = centred(operands[0], left) * centred(operands[1], right)
    scaled = doubled(product, *multiplier_of(float(left.scale * right.scale / result.scale)))
    return [stored(scaled, op.output, op.fused_activation_function)]


@quantized_kernel(MulOp, rounding="xnnpack")
def mul_xnnpack(op: MulOp, operands: Operands) -> Results:
    """int8 products as in XNNPACK: rescaled by a float32 factor, halves rounded to even."""
    left, right, result = (quantization(value) for value in (*op.operands, op.output))
    if operands[0].dtype.itemsize > 1:
        return mul(op, operands)
    product = (centred(operands[0], left) * centred(operands[1], right)).astype(np.float32)
    scaled = np.rint(product * (left.scale * right.scale / result.scale)).astype(np.int64)
    return [stored(scaled, op.output, op.fused_activation_function)]


@quantized_kernel(SquaredDifferenceOp)
def squared_difference(op: SquaredDifferenceOp, operands: Operands) -> Results:
    left, right, result = (quantization(value) for value in (*op.operands, op.output))
    shift = 7
    common = 2 * max(float(left.scale), float(right.scale))
    parts = [
        doubled(centred(x, how) << shift, *multiplier_of(float(how.scale) / common))
        for x, how in zip(operands, (left, right), strict=True)
    ]
    square = (parts[0] - parts[1]) ** 2
    scaled = doubled(square, *multiplier_of(common * common / ((1 << (2 * shift)) * float(result.scale))))
    return [stored(scaled, op.output)]


_COMPARED: dict[type[Operation], Callable[[Any, Any], Array]] = {
    EqualOp: np.equal,
    NotEqualOp: np.not_equal,
    LessOp: np.less,
    LessEqualOp: np.less_equal,
    GreaterOp: np.greater,
    GreaterEqualOp: np.greater_equal,
}


@quantized_kernel(*_COMPARED)
def compare(op: Operation, operands: Operands) -> Results:
    """Both operands are rescaled to a common scale with 8 fractional bits, rounded, and compared."""
    parts = [_comparable(x, value) for x, value in zip(operands, op.operands, strict=True)]
    return [_COMPARED[type(op)](*parts)]


def _comparable(x: Array, value: SSAValue) -> Array:
    how = quantization(value)
    return doubled(centred(x, how) << 8, *multiplier_of(float(how.scale)))
