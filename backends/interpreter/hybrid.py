"""Layers with float activations and integer weights: the activations are quantized when the layer runs.

Products of the integers are summed, and the sums are multiplied by both scales.
"""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.dynamic_range import quantized_rows, times_blocks
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
from tflir.backends.interpreter.kernel import Array, Operands, Results, hybrid_kernel, integers, quant_of
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
        product = times_blocks(rows, dequantized(weights, layout))
    else:
        quantized = quantized_rows(rows, asymmetric=flag(op.asymmetric_quantize_inputs))
        product = quantized.whole @ weights.astype(np.float32).T
        product *= quantized.scale * layout.scales.astype(np.float32)
    out = activated(biased(product, bias), op.fused_activation_function)
    return [out.reshape(fully_connected_shape(op, x.shape, weights.shape))]


def quantized_images(x: Array, *, asymmetric: bool) -> tuple[Array, Array]:
    """Each batch of `x` as integers minus their zero point, and its scale in a shape that broadcasts."""
    rows = quantized_rows(x.reshape(x.shape[0], -1), asymmetric=asymmetric)
    return rows.whole.reshape(x.shape), rows.scale.reshape(-1, *[1] * (x.ndim - 1))


@hybrid_kernel(Conv2DOp)
def conv_2d(op: Conv2DOp, operands: Operands) -> Results:
    """Activations are quantized asymmetrically if weights have a scale for each channel, else symmetrically."""
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
    """Each row of the float matrices is quantized separately."""
    x, y = transposed(op, *operands)
    weights = y.astype(np.float32)
    rows = quantized_rows(x.reshape(-1, x.shape[-1]), asymmetric=flag(op.asymmetric_quantize_inputs))
    product = np.matmul(rows.whole.reshape(x.shape), weights)
    scale, point = rows.scale.reshape(*x.shape[:-1], 1), rows.point.reshape(*x.shape[:-1], 1)
    if sum(size > 1 for size in product.shape[:-2]) > 1:
        sums = weights.sum(-2, keepdims=True)
        read_scale, read_point, read_sums = (_as_read(part, product.ndim) for part in (scale, point, sums))
        product += point * sums - read_point * read_sums
        scale = read_scale
    return [product * (scale * quant_of(op.y.type).layout.scales.astype(np.float32))]


def _as_read(batches: Array, rank: int) -> Array:
    """The value that LiteRT reads for each batch.

    With several batch dimensions, that is the value of the batch whose number is the sum of the batch's indices.
    """
    shape = (*[1] * (rank - batches.ndim), *batches.shape)
    indices = np.zeros(shape[:-2], np.int64)
    for axis, size in enumerate(shape[:-2]):
        along = [1] * (rank - 2)
        along[axis] = size
        indices = indices + np.arange(size).reshape(along)
    return batches.reshape(-1, *shape[-2:])[indices]
