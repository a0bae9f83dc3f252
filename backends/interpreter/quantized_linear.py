"""Convolutions and matrix products of integers.

Sums of products are exact in float64, whose 53 bits hold every sum of 8-bit and 16-bit products that a layer has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from tflir.backends.interpreter.float_linear import (
    conv_windows,
    convolved,
    depthwise_convolved,
    fully_connected_shape,
    require_plain_weights,
    transposed,
)
from tflir.backends.interpreter.float_transposed import scattered, transpose_windows
from tflir.backends.interpreter.kernel import Array, Operands, Results, dtype_of, integers, quantized_kernel
from tflir.backends.interpreter.quantized import centred, quantization, stored
from tflir.backends.interpreter.requantize import doubled, multipliers_of, reduced, single
from tflir.ir.tfl.linear import BatchMatMulOp, Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp, TransposeConvOp


@quantized_kernel(Conv2DOp)
def conv_2d(op: Conv2DOp, operands: Operands) -> Results:
    return [_layer(op, op.input, op.filter, _conv_sums(op, operands), operands[2])]


@quantized_kernel(Conv2DOp, rounding="xnnpack")
def conv_2d_xnnpack(op: Conv2DOp, operands: Operands) -> Results:
    return [_layer(op, op.input, op.filter, _conv_sums(op, operands), operands[2], rounding="xnnpack")]


def _conv_sums(op: Conv2DOp, operands: Operands) -> Array:
    x, weights, _ = operands
    windows = conv_windows(op, x.shape, weights.shape[1:3])
    return convolved(_exact(x, op.input), _exact(weights, op.filter), windows)


@quantized_kernel(DepthwiseConv2DOp)
def depthwise_conv_2d(op: DepthwiseConv2DOp, operands: Operands) -> Results:
    return [_layer(op, op.input, op.filter, _depthwise_sums(op, operands), operands[2])]


@quantized_kernel(DepthwiseConv2DOp, rounding="xnnpack")
def depthwise_conv_2d_xnnpack(op: DepthwiseConv2DOp, operands: Operands) -> Results:
    return [_layer(op, op.input, op.filter, _depthwise_sums(op, operands), operands[2], rounding="xnnpack")]


def _depthwise_sums(op: DepthwiseConv2DOp, operands: Operands) -> Array:
    x, weights, _ = operands
    windows = conv_windows(op, x.shape, weights.shape[1:3])
    return depthwise_convolved(_exact(x, op.input), _exact(weights, op.filter), windows)


@quantized_kernel(TransposeConvOp)
def transpose_conv(op: TransposeConvOp, operands: Operands) -> Results:
    shape, weights, x, bias = operands
    windows = transpose_windows(op, integers(shape), weights.shape)
    sums = scattered(_exact(x, op.input), _exact(weights, op.weights).transpose(1, 2, 3, 0), windows)
    return [_layer(op, op.input, op.weights, sums, bias)]


@quantized_kernel(FullyConnectedOp)
def fully_connected(op: FullyConnectedOp, operands: Operands) -> Results:
    return [_fully_connected(op, operands, "single")]


@quantized_kernel(FullyConnectedOp, rounding="xnnpack")
def fully_connected_xnnpack(op: FullyConnectedOp, operands: Operands) -> Results:
    return [_fully_connected(op, operands, "xnnpack")]


def _fully_connected(op: FullyConnectedOp, operands: Operands, rounding: str) -> Array:
    x, weights, bias = operands
    require_plain_weights(op)
    sums = _exact(x, op.input).reshape(-1, weights.shape[1]) @ _exact(weights, op.filter).T
    out = _layer(op, op.input, op.filter, sums, bias, rounding=rounding)
    return out.reshape(fully_connected_shape(op, x.shape, weights.shape))


@quantized_kernel(BatchMatMulOp)
def batch_matmul(op: BatchMatMulOp, operands: Operands) -> Results:
    x, y = transposed(op, *operands)
    sums = np.matmul(_exact(x, op.x), _exact(y, op.y))
    return [_layer(op, op.x, op.y, sums, None)]


def _exact(x: Array, value: SSAValue) -> Array:
    """Differences from the zero point as float64, for exact products."""
    return centred(x, quantization(value)).astype(np.float64)


def _layer(
    op: Any, x: SSAValue, weights: SSAValue, sums: Array, bias: Array | None, *, rounding: str = "double"
) -> Array:
    """Sums of products plus bias, in the scale of the result.

    `rounding`: `double` or `single` for the reference kernels, which multiply by integers; `xnnpack` multiplies by a
    float32 and rounds halves to even.
    """
    totals = np.rint(sums).astype(np.int64)
    if bias is not None:
        totals += bias.astype(np.int64)
    result = op.results[0]
    wide = dtype_of(x.type) == np.int16
    if rounding == "xnnpack" and not wide:
        scales = quantization(x).scale * quantization(weights).scales / quantization(result).scale
        scaled = np.rint(totals.astype(np.float32) * scales).astype(np.int64)
    else:
        scales = quantization(x).scale.astype(np.float64) * quantization(weights).scales.astype(np.float64)
        whole, shift = multipliers_of(scales / np.float64(quantization(result).scale))
        once = rounding in ("single", "xnnpack") and not (wide and isinstance(op, Conv2DOp | DepthwiseConv2DOp))
        if wide and not once and (bias is None or bias.dtype == np.int64):
            scaled = reduced(totals, whole, shift)
        else:
            scaled = (single if once else doubled)(totals, whole, shift)
    return stored(scaled, result, op.properties.get("fused_activation_function"))
