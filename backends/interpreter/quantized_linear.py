"""Convolutions and matrix products of integers.

Sums of products are exact in float64: its 53 bits are enough for the sums of 8-bit and 16-bit products in a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

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

Sums = Callable[[Any, Operands], "Layer"]


@dataclass(frozen=True)
class Layer:
    """The sums of products of a layer, before they are rescaled."""

    x: SSAValue
    weights: SSAValue
    sums: Array
    """Sums of products, float64."""
    bias: Array | None = None


def _layer(kind: type[Operation], *, once: bool = False, xnnpack: bool = True) -> Callable[[Sums], Sums]:
    """Registers two kernels of a layer from the function that computes its sums: one that rounds as LiteRT's reference
    kernel, and one that rounds as XNNPACK.

    `once`: the reference kernel rounds once, not twice. XNNPACK has no kernels for int16 activations.
    """

    def register(sums: Sums) -> Sums:
        @quantized_kernel(kind)
        def reference(op: Any, operands: Operands) -> Results:
            return [_by_integers(op, sums(op, operands), once=once)]

        if xnnpack:

            @quantized_kernel(kind, rounding="xnnpack")
            def in_float32(op: Any, operands: Operands) -> Results:
                if operands[0].dtype == np.int16:
                    return reference(op, operands)
                return [_by_float32(op, sums(op, operands))]

        return sums

    return register


@_layer(Conv2DOp)
def conv_2d(op: Conv2DOp, operands: Operands) -> Layer:
    x, weights, bias = operands
    windows = conv_windows(op, x.shape, weights.shape[1:3])
    return Layer(op.input, op.filter, convolved(_exact(x, op.input), _exact(weights, op.filter), windows), bias)


@_layer(DepthwiseConv2DOp)
def depthwise_conv_2d(op: DepthwiseConv2DOp, operands: Operands) -> Layer:
    x, weights, bias = operands
    windows = conv_windows(op, x.shape, weights.shape[1:3])
    sums = depthwise_convolved(_exact(x, op.input), _exact(weights, op.filter), windows)
    return Layer(op.input, op.filter, sums, bias)


@_layer(TransposeConvOp, xnnpack=False)
def transpose_conv(op: TransposeConvOp, operands: Operands) -> Layer:
    shape, weights, x, bias = operands
    windows = transpose_windows(op, integers(shape), weights.shape)
    sums = scattered(_exact(x, op.input), _exact(weights, op.weights).transpose(1, 2, 3, 0), windows)
    return Layer(op.input, op.weights, sums, bias)


@_layer(FullyConnectedOp, once=True)
def fully_connected(op: FullyConnectedOp, operands: Operands) -> Layer:
    x, weights, bias = operands
    require_plain_weights(op)
    sums = _exact(x, op.input).reshape(-1, weights.shape[1]) @ _exact(weights, op.filter).T
    return Layer(op.input, op.filter, sums.reshape(fully_connected_shape(op, x.shape, weights.shape)), bias)


@_layer(BatchMatMulOp, xnnpack=False)
def batch_matmul(op: BatchMatMulOp, operands: Operands) -> Layer:
    x, y = transposed(op, *operands)
    return Layer(op.x, op.y, np.matmul(_exact(x, op.x), _exact(y, op.y)))


def _exact(x: Array, value: SSAValue) -> Array:
    """Differences from the zero point as float64, so that products are exact."""
    return centred(x, quantization(value)).astype(np.float64)


def _totals(layer: Layer) -> Array:
    totals = np.rint(layer.sums).astype(np.int64)
    return totals if layer.bias is None else totals + layer.bias.astype(np.int64)


def _by_integers(op: Any, layer: Layer, *, once: bool) -> Array:
    """Rescales the sums as the reference kernels do: by an integer multiplier and a shift."""
    result = op.results[0]
    scales = quantization(layer.x).scale.astype(np.float64) * quantization(layer.weights).scales.astype(np.float64)
    whole, shift = multipliers_of(scales / np.float64(quantization(result).scale))
    wide = dtype_of(layer.x.type) == np.int16 and (layer.bias is None or layer.bias.dtype == np.int64)
    rescaled = single if once else reduced if wide else doubled
    return stored(rescaled(_totals(layer), whole, shift), result, op.properties.get("fused_activation_function"))


def _by_float32(op: Any, layer: Layer) -> Array:
    """Rescales the sums as XNNPACK does: by a float32 factor, halves rounded to even."""
    result = op.results[0]
    scales = quantization(layer.x).scale * quantization(layer.weights).scales / quantization(result).scale
    scaled = np.rint(_totals(layer).astype(np.float32) * scales).astype(np.int64)
    return stored(scaled, result, op.properties.get("fused_activation_function"))
