"""Integers divided by their Euclidean norm, and the logarithm of their softmax."""

from __future__ import annotations

import math

import numpy as np

from tflir.backends.interpreter.fixed_point import exp_of_negative, log_of_more_than_one
from tflir.backends.interpreter.kernel import Array, Operands, Results, dtype_of, quantized_kernel
from tflir.backends.interpreter.quantized import centred, quantization, stored
from tflir.backends.interpreter.quantized_functions import inverse_root
from tflir.backends.interpreter.requantize import INT32_MAX, INT32_MIN, doubled, multiplier_of, rounded_shift
from tflir.ir.tfl.activations import L2NormalizationOp, LogSoftmaxOp

_BEFORE_POINT = 5
"""Integer bits of differences from the largest element."""
_OF_SUM = 12
"""Integer bits of the sum of exponentials."""
_OF_RESULT = 4


@quantized_kernel(L2NormalizationOp)
def l2_normalization(op: L2NormalizationOp, operands: Operands) -> Results:
    """The inverse norm of each row is a multiplier; the result has 7 fractional bits."""
    x = centred(operands[0], quantization(op.input))
    sums, places = np.unique(np.square(x).sum(-1, keepdims=True), return_inverse=True)
    pairs = [inverse_root(int(value)) for value in sums]
    whole, shift = (np.array(part, np.int64)[places.reshape(*x.shape[:-1], 1)] for part in zip(*pairs, strict=True))
    if operands[0].dtype == np.uint8:
        return [stored(doubled(x * 128, whole, shift), op.output)]
    return [stored(doubled(x, whole, shift + 7), op.output)]


@quantized_kernel(LogSoftmaxOp)
def log_softmax(op: LogSoftmaxOp, operands: Operands) -> Results:
    x = operands[0].astype(np.int64)
    step = float(quantization(op.input).scale) * (1 << (31 - _BEFORE_POINT))
    whole, shift = multiplier_of(min(step, (1 << 31) - 1.0))
    least = -math.floor(((1 << _BEFORE_POINT) - 1) * (1 << (31 - _BEFORE_POINT)) / (1 << shift))
    difference = x - x.max(-1, keepdims=True)
    logarithm, counted = _log_of_sum(difference, whole, shift, least)
    reach = doubled(logarithm + INT32_MIN, *multiplier_of((1 << (31 - shift)) / whole))
    kept = difference > np.maximum(least - 1, reach)
    scaled = doubled(np.where(kept & counted, difference, 0), whole, shift)
    dtype = dtype_of(op.output.type)
    bounds = np.iinfo(dtype)
    found = rounded_shift(scaled - logarithm, 31 - _BEFORE_POINT - _OF_RESULT) + bounds.max
    return [np.where(kept, np.clip(found, bounds.min, bounds.max), bounds.min).astype(dtype)]


def _log_of_sum(difference: Array, whole: int, shift: int, least: int) -> tuple[Array, Array]:
    """The logarithm of the sum of the exponentials of each row, and which elements it includes: those >= `least`."""
    counted = difference >= least
    exponentials = exp_of_negative(doubled(np.where(counted, difference, 0), whole, shift))
    total = np.where(counted, rounded_shift(exponentials, _OF_SUM), 0).sum(-1, keepdims=True)
    return log_of_more_than_one(np.minimum(total, INT32_MAX), _OF_SUM, _BEFORE_POINT), counted
