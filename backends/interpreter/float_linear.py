"""Convolutions and matrix products of floats."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tflir.backends.interpreter.blockwise import block_scales, with_block_scales
from tflir.backends.interpreter.dynamic_range import times_blocks
from tflir.backends.interpreter.fused import activated
from tflir.backends.interpreter.kernel import Array, Operands, Results, dtype_of, float_kernel, integers, refuse
from tflir.backends.interpreter.options import flag, number, word
from tflir.backends.interpreter.windows import Window, padded, row_chunks, unfolded, window
from tflir.ir.tfl.linear import BatchMatMulOp, Conv2DOp, Conv3DOp, DepthwiseConv2DOp, FullyConnectedOp, RFFT2DOp


@float_kernel(Conv2DOp)
def conv_2d(op: Conv2DOp, operands: Operands) -> Results:
    x, weights, bias = operands
    out = convolved(x, weights, conv_windows(op, x.shape, weights.shape[1:3]))
    return [activated(biased(out, bias), op.fused_activation_function)]


def conv_windows(op: Conv2DOp | DepthwiseConv2DOp, shape: Sequence[int], taps: Sequence[int]) -> tuple[Window, Window]:
    """The windows of a convolution along height and width."""
    padding = word(op.padding)
    return (
        window(shape[1], taps[0], number(op.stride_h), number(op.dilation_h_factor, 1), padding),
        window(shape[2], taps[1], number(op.stride_w), number(op.dilation_w_factor, 1), padding),
    )


def convolved(x: Array, weights: Array, windows: Sequence[Window], pad_value: float = 0) -> Array:
    """The sums of products of an NHWC input and an OHWI filter; it is grouped if the filter has fewer channels.

    The type is that of the operands, so that float64 sums are those of float64 arrays.
    """
    outputs, inputs = weights.shape[0], weights.shape[-1]
    groups = x.shape[-1] // inputs
    matrix = np.ascontiguousarray(weights.reshape(groups, outputs // groups, -1).transpose(0, 2, 1))
    view = unfolded(padded(x, windows, pad_value), windows)
    out = np.empty((*view.shape[:3], outputs), x.dtype)
    for batch, rows in row_chunks(view):
        part = view[batch, rows]
        pixels = part.shape[0] * part.shape[1]
        if groups == 1:
            product = part.reshape(pixels, -1) @ matrix[0]
        else:
            split = part.reshape(pixels, -1, groups, inputs).transpose(2, 0, 1, 3).reshape(groups, pixels, -1)
            product = (split @ matrix).transpose(1, 0, 2)
        out[batch, rows] = product.reshape(*part.shape[:2], outputs)
    return out


def biased(out: Array, bias: Array | None) -> Array:
    """`out` plus a bias along its last dimension, in place."""
    if bias is not None:
        out += bias
    return out


@float_kernel(DepthwiseConv2DOp)
def depthwise_conv_2d(op: DepthwiseConv2DOp, operands: Operands) -> Results:
    x, weights, bias = operands
    out = depthwise_convolved(x, weights, conv_windows(op, x.shape, weights.shape[1:3]))
    return [activated(biased(out, bias), op.fused_activation_function)]


def depthwise_convolved(x: Array, weights: Array, windows: Sequence[Window], pad_value: float = 0) -> Array:
    """The sums of products of each channel of an NHWC input with its filters of a 1HWO filter, tap by tap."""
    height, width = windows
    channels, outputs = x.shape[-1], weights.shape[-1]
    source = padded(x, windows, pad_value)
    by_channel = weights[0].reshape(height.taps, width.taps, channels, outputs // channels)
    out = np.zeros((x.shape[0], height.count, width.count, channels, outputs // channels), x.dtype)
    for batch in range(x.shape[0]):
        for row in range(height.taps):
            for column in range(width.taps):
                part = source[batch, height.slice(row), width.slice(column), :, None]
                out[batch] += part * by_channel[row, column]
    return out.reshape(*out.shape[:3], outputs)


@float_kernel(Conv3DOp)
def conv_3d(op: Conv3DOp, operands: Operands) -> Results:
    x, weights, bias = operands
    padding = word(op.padding)
    windows = [
        window(x.shape[1], weights.shape[0], number(op.stride_d), number(op.dilation_d_factor, 1), padding),
        window(x.shape[2], weights.shape[1], number(op.stride_h), number(op.dilation_h_factor, 1), padding),
        window(x.shape[3], weights.shape[2], number(op.stride_w), number(op.dilation_w_factor, 1), padding),
    ]
    source = padded(x, windows)
    out = np.zeros((x.shape[0], *(w.count for w in windows), weights.shape[-1]), x.dtype)
    for taps in np.ndindex(*weights.shape[:3]):
        part = tuple(w.slice(tap) for w, tap in zip(windows, taps, strict=True))
        out += source[(slice(None), *part)] @ weights[taps]
    return [activated(biased(out, bias), op.fused_activation_function)]


@float_kernel(FullyConnectedOp)
def fully_connected(op: FullyConnectedOp, operands: Operands) -> Results:
    x, weights, bias = operands
    require_plain_weights(op)
    rows = x.reshape(-1, weights.shape[1])
    if weights.dtype.kind == "f":
        product = rows @ weights.T
    elif (blocks := block_scales(op.filter)) is not None:
        product = times_blocks(rows, with_block_scales(weights, *blocks))
    else:
        raise refuse(f"weights of type {weights.dtype} have no scale", "give them a !quant.uniform type")
    out = activated(biased(product, bias), op.fused_activation_function)
    return [out.reshape(fully_connected_shape(op, x.shape, weights.shape))]


def require_plain_weights(op: FullyConnectedOp) -> None:
    """Refuses weights in the shuffled order that a kernel for older ARM processors reads."""
    if word(op.weights_format, "DEFAULT") != "DEFAULT":
        raise refuse(f"weights in the format {word(op.weights_format)} can't be read", "export it with plain weights")


def fully_connected_shape(op: FullyConnectedOp, x: Sequence[int], weights: Sequence[int]) -> tuple[int, ...]:
    """The shape of the result: two dimensions, or the input's number of dimensions with `keep_num_dims`."""
    return (*x[:-1], weights[0]) if flag(op.keep_num_dims) else (-1, weights[0])


@float_kernel(BatchMatMulOp)
def batch_matmul(op: BatchMatMulOp, operands: Operands) -> Results:
    """The product of int8 matrices is int32."""
    x, y = transposed(op, *operands)
    if x.dtype.kind == "i":
        wide = dtype_of(op.output.type)
        return [np.matmul(x.astype(wide), y.astype(wide))]
    return [np.matmul(x, y)]


def transposed(op: BatchMatMulOp, x: Array, y: Array) -> tuple[Array, Array]:
    """Both matrices, transposed as the options say."""
    return (x.swapaxes(-1, -2) if flag(op.adj_x) else x, y.swapaxes(-1, -2) if flag(op.adj_y) else y)


@float_kernel(RFFT2DOp)
def rfft2d(op: RFFT2DOp, operands: Operands) -> Results:
    x, lengths = operands
    height, width = integers(lengths)
    return [np.fft.rfft2(x, (height, width)).astype(np.complex64)]
