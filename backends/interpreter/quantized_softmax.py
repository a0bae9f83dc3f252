"""Softmax of integers in fixed point."""

from __future__ import annotations

from functools import cache

import numpy as np

from tflir.backends.interpreter.fixed_point import exp_of_negative, reciprocal_of_one_plus
from tflir.backends.interpreter.interpolation import interpolated, wide_table
from tflir.backends.interpreter.kernel import Array, Operands, Results, dtype_of, quantized_kernel
from tflir.backends.interpreter.options import real
from tflir.backends.interpreter.quantized import quantization
from tflir.backends.interpreter.requantize import doubled, doubled_high, multiplier_of, rounded_shift
from tflir.ir.tfl.activations import SoftmaxOp

_BEFORE_POINT = 5
"""Integer bits of differences from the largest element."""
_OF_SUM = 12
"""Integer bits of the sum of exponentials."""


@quantized_kernel(SoftmaxOp)
def softmax(op: SoftmaxOp, operands: Operands) -> Results:
    x, how = operands[0].astype(np.int64), quantization(op.input)
    dtype = dtype_of(op.output.type)
    if operands[0].dtype.itemsize > 1:
        return [_of_int16(x, float(how.scale) * real(op.beta, 1.0)).astype(dtype)]
    scale = min(real(op.beta, 1.0) * float(how.scale) * (1 << (31 - _BEFORE_POINT)), (1 << 31) - 1.0)
    whole, shift = multiplier_of(scale)
    least = -int(((1 << _BEFORE_POINT) - 1) * (1 << (31 - _BEFORE_POINT)) / (1 << shift))
    difference = x - x.max(-1, keepdims=True)
    counted = difference >= least
    scaled = doubled_high(np.where(counted, difference, 0) << shift, whole)
    exponentials = np.where(counted, exp_of_negative(scaled), 0)
    total = np.where(counted, rounded_shift(exponentials, _OF_SUM), 0).sum(-1, keepdims=True)
    scale_of, bits = _reciprocal(total)
    width = 8 * dtype.itemsize
    quotient = rounded_shift(doubled_high(scale_of, exponentials), bits + 31 - width)
    bounds = np.iinfo(dtype)
    return [np.where(counted, np.clip(quotient + bounds.min, bounds.min, bounds.max), bounds.min).astype(dtype)]


def _reciprocal(total: Array) -> tuple[Array, Array]:
    """1 / total with 31 fractional bits, and the number of bits that it is shifted by."""
    zeros = 32 - np.floor(np.log2(total)).astype(np.int64) - 1
    return reciprocal_of_one_plus((total << zeros) - (1 << 31)), _OF_SUM - zeros


_RANGE = (1 << 16) - 1
"""Steps between the smallest int16 number and the largest."""
_LEAST = -10.0
"""The exponential of smaller numbers is taken as that of this one."""


@cache
def _tables() -> tuple[Array, Array]:
    """exp(x) for x from -10 to 0, and 1 / (1 + x) for x from 0 to 1, as int16 numbers with 15 fractional bits."""
    result = (2.0 / _RANGE, 0)
    exponential = wide_table(np.exp, (-_LEAST / _RANGE, (1 << 15) - 1), result, np.float64)
    return exponential, wide_table(lambda x: 1.0 / (1.0 + x), (1.0 / _RANGE, -(1 << 15)), result, np.float64)


def _of_int16(x: Array, scale: float) -> Array:
    exponential, reciprocal = _tables()
    difference = x - x.max(-1, keepdims=True)
    scaled = doubled(difference, *multiplier_of(scale / (-_LEAST / _RANGE)))
    found = interpolated(exponential, np.maximum(scaled + (1 << 15) - 1, -(1 << 15)))
    total = found.sum(-1, keepdims=True)
    bits = np.frexp(total.astype(np.float64))[1].astype(np.int64)
    rest = (((total << (31 - bits)) + (1 << 13)) >> 14) - ((1 << 15) + (1 << 16))
    factor = interpolated(reciprocal, np.clip(rest, -(1 << 15), (1 << 15) - 1))
    right = bits - 1
    return np.clip((found * factor + (np.int64(1) << (right - 1))) >> right, 0, (1 << 15) - 1)
