"""Pooling and reductions of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, integers, quantized_kernel
from tflir.backends.interpreter.options import flag
from tflir.backends.interpreter.pooling import pool_windows, pooled, window_sizes
from tflir.backends.interpreter.quantized import activation_range, centred, quantization, stored
from tflir.backends.interpreter.requantize import doubled, multiplier_of
from tflir.ir.tfl.reduction import MeanOp, ReduceProdOp, SumOp
from tflir.ir.tfl.spatial import AveragePool2DOp, MaxPool2DOp


@quantized_kernel(AveragePool2DOp)
def average_pool_2d(op: AveragePool2DOp, operands: Operands) -> Results:
    """The sum is divided by the count, halves away from zero."""
    x = operands[0].astype(np.int64)
    windows = pool_windows(op, x.shape)
    total, count = pooled(x, windows, np.add, 0), window_sizes(windows)
    mean = np.sign(total) * ((np.abs(total) + count // 2) // count)
    return [
        np.clip(mean, *activation_range(op.fused_activation_function, quantization(op.output))).astype(
            operands[0].dtype
        )
    ]


@quantized_kernel(MaxPool2DOp, exact=True)
def max_pool_2d(op: MaxPool2DOp, operands: Operands) -> Results:
    x = operands[0]
    found = pooled(x, pool_windows(op, x.shape), np.maximum, np.iinfo(x.dtype).min)
    return [np.clip(found, *activation_range(op.fused_activation_function, quantization(op.output))).astype(x.dtype)]


def _axes(x: Array, axes: Any) -> tuple[int, ...]:
    return tuple(sorted({axis % x.ndim for axis in integers(axes)}))


@quantized_kernel(MeanOp)
def mean(op: MeanOp, operands: Operands) -> Results:
    """The division by the count is part of the multiplier."""
    x, y = quantization(op.input), quantization(op.output)
    axes = _axes(operands[0], operands[1])
    count = int(np.prod([operands[0].shape[axis] for axis in axes], dtype=np.int64))
    total = centred(operands[0], x).sum(axes, keepdims=flag(op.keep_dims))
    whole, shift = multiplier_of(float(x.scale) / float(y.scale))
    bits = min(count.bit_length() - 1, 32, 31 + shift)
    return [stored(doubled(total, (whole << bits) // count, shift - bits), op.output)]


@quantized_kernel(SumOp)
def total(op: SumOp, operands: Operands) -> Results:
    x, y = quantization(op.input), quantization(op.output)
    axes = _axes(operands[0], operands[1])
    sums = centred(operands[0], x).sum(axes, keepdims=flag(op.keep_dims))
    return [stored(doubled(sums, *multiplier_of(float(x.scale) / float(y.scale))), op.output)]


@quantized_kernel(ReduceProdOp)
def product(op: ReduceProdOp, operands: Operands) -> Results:
    """Rescaled to the scale of the result after each factor."""
    x, y = quantization(op.input), quantization(op.output)
    axes = _axes(operands[0], operands[1])
    values = np.moveaxis(centred(operands[0], x), axes, tuple(range(len(axes))))
    factors = values.reshape(-1, *values.shape[len(axes) :])
    count = len(factors)
    whole, shift = multiplier_of(float(x.scale) / float(y.scale) ** (1 / count)) if count else (0, 0)
    total = doubled(factors[0], whole, shift) if count else np.ones(factors.shape[1:], np.int64)
    for factor in factors[1:]:
        total = doubled(total * factor, whole, shift)
    if flag(op.keep_dims):
        total = np.expand_dims(total, axes)
    return [stored(total, op.output)]
