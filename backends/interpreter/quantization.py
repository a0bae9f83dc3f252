"""Conversion between floats and quantized integers."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import (
    Array,
    Operands,
    Results,
    float_kernel,
    has_quant,
    quant_of,
    quantized_kernel,
    result_dtype,
)
from tflir.backends.interpreter.options import flag, number, real
from tflir.backends.interpreter.quantized import centred, quantization, stored
from tflir.backends.interpreter.requantize import doubled, multiplier_of
from tflir.backends.interpreter.rounding import round_away
from tflir.ir.quant import Layout
from tflir.ir.tfl.constants import NumericVerifyOp
from tflir.ir.tfl.quantization import DequantizeOp, FakeQuantOp, QuantizeOp


@float_kernel(DequantizeOp, exact=True)
def widen(op: DequantizeOp, operands: Operands) -> Results:
    """float16 to float32."""
    return [operands[0].astype(result_dtype(op))]


@quantized_kernel(DequantizeOp, exact=True)
def dequantize(op: DequantizeOp, operands: Operands) -> Results:
    return [dequantized(operands[0], quant_of(op.input.type).layout).astype(result_dtype(op))]


def dequantized(x: Array, layout: Layout) -> Array:
    """(x - zero point) * scale in float32."""
    scales, points = (spread(values, layout, x.ndim) for values in (layout.scales, layout.zero_points))
    for axis, block in zip(layout.axes, layout.blocks, strict=False):
        kept = range(x.shape[axis])
        scales, points = (np.repeat(values, block, axis).take(kept, axis) for values in (scales, points))
    return (x.astype(np.int64) - points).astype(np.float32) * scales.astype(np.float32)


def spread(values: Array, layout: Layout, rank: int) -> Array:
    """A value per tensor, or a value per channel, in a shape that broadcasts against a tensor of `rank`."""
    if layout.axes and not layout.blocks:
        along = [1] * rank
        along[layout.axes[0]] = -1
        return values.reshape(along)
    return values


@quantized_kernel(QuantizeOp)
def quantize(op: QuantizeOp, operands: Operands) -> Results:
    """Floats are divided by the scale and rounded; integers are converted from one scale to another in fixed point."""
    x, layout, result = operands[0], quant_of(op.output.type).layout, quantization(op.output)
    if has_quant(op.input.type):
        source = quantization(op.input)
        ratio = float(source.scale) / float(result.scale)
        return [stored(doubled(centred(x, source), *multiplier_of(ratio)), op.output)]
    scales, points = spread(layout.scales, layout, x.ndim), spread(layout.zero_points, layout, x.ndim)
    whole = round_away(x.astype(np.float32) / scales.astype(np.float32)) + points
    return [np.clip(whole, result.low, result.high).astype(result_dtype(op))]


@quantized_kernel(NumericVerifyOp)
def numeric_verify(op: NumericVerifyOp, operands: Operands) -> Results:
    """The difference between the dequantized input and the reference."""
    return [dequantized(operands[0], quant_of(op.input.type).layout) - operands[1]]


@float_kernel(FakeQuantOp)
def fake_quant(op: FakeQuantOp, operands: Operands) -> Results:
    """The range is shifted so that 0 is exactly representable."""
    lowest, highest = int(flag(op.narrow_range)), (1 << number(op.num_bits, 8)) - 1
    low, high = np.float32(real(op.min)), np.float32(real(op.max))
    step = (high - low) / np.float32(highest - lowest)
    point = np.float32(np.clip(round_away(np.float32(lowest) - low / step), lowest, highest))
    bottom, top = (np.float32(lowest) - point) * step, (np.float32(highest) - point) * step
    inside = np.minimum(np.maximum(operands[0], bottom), top) - bottom
    return [round_away(inside * (np.float32(1) / step)).astype(np.float32) * step + bottom]
