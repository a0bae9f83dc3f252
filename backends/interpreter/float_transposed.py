"""Transposed convolutions of floats: each input element adds a filter to the output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tflir.backends.interpreter.float_linear import biased
from tflir.backends.interpreter.fused import activated
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, integers
from tflir.backends.interpreter.options import number, word
from tflir.backends.interpreter.windows import Window, window
from tflir.ir.tfl.linear import Conv3DTransposeOp, TransposeConvOp


@float_kernel(TransposeConvOp)
def transpose_conv(op: TransposeConvOp, operands: Operands) -> Results:
    shape, weights, x, bias = operands
    windows = transpose_windows(op, integers(shape), weights.shape)
    out = scattered(x, weights.transpose(1, 2, 3, 0), windows)
    return [activated(biased(out, bias), op.fused_activation_function)]


def transpose_windows(op: TransposeConvOp, output: Sequence[int], weights: Sequence[int]) -> list[Window]:
    """The windows that the convolution, of which this op is the transpose, reads of the output."""
    padding = word(op.padding)
    return [
        window(output[1], weights[1], number(op.stride_h), 1, padding),
        window(output[2], weights[2], number(op.stride_w), 1, padding),
    ]


@float_kernel(Conv3DTransposeOp)
def conv_3d_transpose(op: Conv3DTransposeOp, operands: Operands) -> Results:
    shape, weights, x, bias = operands
    padding, output = word(op.padding), integers(shape)
    windows = [
        window(output[1], weights.shape[0], number(op.stride_d), number(op.dilation_d_factor, 1), padding),
        window(output[2], weights.shape[1], number(op.stride_h), number(op.dilation_h_factor, 1), padding),
        window(output[3], weights.shape[2], number(op.stride_w), number(op.dilation_w_factor, 1), padding),
    ]
    out = scattered(x, weights.swapaxes(-1, -2), windows)
    return [activated(biased(out, bias), op.fused_activation_function)]


def scattered(x: Array, weights: Array, windows: Sequence[Window], dtype: type[np.generic] | None = None) -> Array:
    """The sums of products of `x` and a filter [taps…, input channels, output channels], in the output's shape."""
    counts = x.shape[1:-1]
    canvas_shape = [
        max((count - 1) * w.stride + w.extent, w.before + w.size) for count, w in zip(counts, windows, strict=True)
    ]
    canvas = np.zeros((x.shape[0], *canvas_shape, weights.shape[-1]), dtype or x.dtype)
    for taps in np.ndindex(*(w.taps for w in windows)):
        places = [slice(None)]
        for tap, count, w in zip(taps, counts, windows, strict=True):
            first = tap * w.dilation
            places.append(slice(first, first + (count - 1) * w.stride + 1, w.stride))
        canvas[tuple(places)] += x @ weights[taps]
    crop = tuple(slice(w.before, w.before + w.size) for w in windows)
    return canvas[(slice(None), *crop)]
