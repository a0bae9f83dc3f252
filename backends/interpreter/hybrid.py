"""Layers with float activations and integer weights: the activations are quantized as the layer runs.

Sums of products are made of the integers, and then multiplied by both scales.
"""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.dynamic_range import quantized_rows
from tflir.backends.interpreter.float_linear import (
    biased,
    conv_windows,
    convolved,
    depthwise_convolved,
    fully_connected_shape,
    require_plain_weights,
    transposed,
)
from tflir.backends.interpreter.float_transposed import scattered, transpose_windows
from tflir.backends.interpreter.fused import activated
from tflir.backends.interpreter.kernel import Array, Operands, Results, has_quant, hybrid_kernel, integers, quant_of
from tflir.backends.interpreter.options import flag
from tflir.backends.interpreter.quantization import dequantized
from tflir.ir.tfl.linear import BatchMatMulOp, Conv2DOp, DepthwiseConv2DOp, FullyConnectedOp, TransposeConvOp


@hybrid_kernel(FullyConnectedOp)
def fully_connected(op: FullyConnectedOp, operands: Operands) -> Results:
    x, weights, bias = operands
    require_plain_weights(op)
    layout = quant_of(op.filter.type).layout
    rows = x.reshape(-1, weights.shape[1])
    if layout.blocks:
        product = rows @ dequantized(weights, layout).T
    else:
        whole, scale = quantized_rows(rows, asymmetric=flag(op.asymmetric_quantize_inputs))
        product = whole @ weights.astype(np.float32).T * (scale * layout.scales.astype(np.float32))
    out = activated(biased(product, bias), op.fused_activation_function)
    return [out.reshape(fully_connected_shape(op, x.shape, weights.shape))]


def quantized_images(x: Array, *, asymmetric: bool) -> tuple[Array, Array]:
    """Each batch of `x` as integers less their zero point, and its scale in a shape that broadcasts."""
    whole, scale = quantized_rows(x.reshape(x.shape[0], -1), asymmetric=asymmetric)
    return whole.reshape(x.shape), scale.reshape(-1, *[1] * (x.ndim - 1))


@hybrid_kernel(Conv2DOp)
def conv_2d(op: Conv2DOp, operands: Operands) -> Results:
    """Weights with a scale for each channel go with asymmetric activations, others with symmetric ones."""
    x, weights, bias = operands
    layout = quant_of(op.filter.type).layout
    whole, scale = quantized_images(x, asymmetric=bool(layout.axes))
    product = convolved(whole, weights.astype(np.float32), conv_windows(op, x.shape, weights.shape[1:3]))
    product *= scale * layout.scales.astype(np.float32)
    return [activated(biased(product, bias), op.fused_activation_function)]


@hybrid_kernel(DepthwiseConv2DOp)
def depthwise_conv_2d(op: DepthwiseConv2DOp, operands: Operands) -> Results:
    x, weights, bias = operands
    layout = quant_of(op.filter.type).layout
    whole, scale = quantized_images(x, asymmetric=True)
    windows = conv_windows(op, x.shape, weights.shape[1:3])
    product = depthwise_convolved(whole, weights.astype(np.float32), windows)
    product *= scale * layout.scales.astype(np.float32)
    return [activated(biased(product, bias), op.fused_activation_function)]


@hybrid_kernel(TransposeConvOp)
def transpose_conv(op: TransposeConvOp, operands: Operands) -> Results:
    shape, weights, x, bias = operands
    layout = quant_of(op.weights.type).layout
    whole, scale = quantized_images(x, asymmetric=True)
    windows = transpose_windows(op, integers(shape), weights.shape)
    product = scattered(whole, weights.astype(np.float32).transpose(1, 2, 3, 0), windows)
    product *= scale * layout.scales.astype(np.float32)
    return [activated(biased(product, bias), op.fused_activation_function)]


@hybrid_kernel(BatchMatMulOp)
def batch_matmul(op: BatchMatMulOp, operands: Operands) -> Results:
    """Rows of the float matrix are quantized, each by itself."""
    x, y = transposed(op, *operands)
    asymmetric = flag(op.asymmetric_quantize_inputs)
    if has_quant(op.x.type):
        layout = quant_of(op.x.type).layout
        whole, scale = quantized_rows(y.swapaxes(-1, -2).reshape(-1, y.shape[-2]), asymmetric=asymmetric)
        columns = whole.reshape(y.swapaxes(-1, -2).shape).swapaxes(-1, -2)
        scale = scale.reshape(*y.shape[:-2], 1, y.shape[-1])
        return [np.matmul(x.astype(np.float32), columns) * (scale * layout.scales.astype(np.float32))]
    layout = quant_of(op.y.type).layout
    whole, scale = quantized_rows(x.reshape(-1, x.shape[-1]), asymmetric=asymmetric)
    product = np.matmul(whole.reshape(x.shape), y.astype(np.float32))
    return [product * (scale.reshape(*x.shape[:-1], 1) * layout.scales.astype(np.float32))]
