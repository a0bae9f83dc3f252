"""Quotients of integers, by reciprocals in fixed point."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.fixed_point import reciprocal_of_one_plus, spare_bits
from tflir.backends.interpreter.kernel import Operands, Results, quantized_kernel, refuse
from tflir.backends.interpreter.quantized import centred, quantization, stored
from tflir.backends.interpreter.requantize import doubled_high, multiplier_of, rounded_shift
from tflir.ir.tfl.arithmetic import DivOp


@quantized_kernel(DivOp)
def div(op: DivOp, operands: Operands) -> Results:
    """The dividend, shifted as far as 32 bits allow, times the reciprocal of the divisor, then scaled."""
    left, right, result = (quantization(value) for value in (*op.operands, op.output))
    x, y = np.broadcast_arrays(centred(operands[0], left), centred(operands[1], right))
    if not y.all():
        raise refuse("a number is divided by 0", "give the divisor a range without 0")
    x, y = np.where(y < 0, -x, x), np.abs(y)
    reciprocal_bits, dividend_bits = spare_bits(y), spare_bits(np.where(x < 0, ~x, x))
    reciprocal = reciprocal_of_one_plus((y << (reciprocal_bits + 1)) - (1 << 31))
    quotient = doubled_high(x << dividend_bits, reciprocal)
    whole, shift = multiplier_of(float(left.scale / (right.scale * result.scale)))
    right_shift = 30 - reciprocal_bits + dividend_bits - shift
    scaled = doubled_high(quotient << np.maximum(-right_shift, 0), whole)
    return [stored(rounded_shift(scaled, np.maximum(right_shift, 0)), op.output, op.fused_activation_function)]
