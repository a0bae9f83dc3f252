"""Matrix products in recurrent layers, with float weights or with integer weights and float activations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from tflir.backends.interpreter.dynamic_range import quantized_rows
from tflir.backends.interpreter.kernel import Array, has_quant, quant_of
from tflir.backends.interpreter.quantization import dequantized


@dataclass(frozen=True)
class Weights:
    """A matrix [outputs, inputs], and the scale of its integers (None for floats)."""

    matrix: Array
    scale: Array | None
    asymmetric: bool

    def product(self, rows: Array) -> Array:
        """`rows` [batch, inputs] times the transpose of the matrix; if it holds integers, each row is quantized
        separately."""
        if self.scale is None:
            return rows @ self.matrix.T
        quantized = quantized_rows(rows, asymmetric=self.asymmetric)
        return quantized.whole @ self.matrix.T * (quantized.scale * self.scale)


def weights_of(value: SSAValue, array: Array | None, *, asymmetric: bool) -> Weights | None:
    """The weights in operand `value`; None if it is absent."""
    if array is None:
        return None
    if not has_quant(value.type):
        return Weights(array, None, asymmetric)
    scale = quant_of(value.type).layout.scales.astype(np.float32)
    return Weights(array.astype(np.float32), scale, asymmetric)


def vector_of(value: SSAValue, array: Array | None) -> Array | None:
    """A vector of weights as floats; None if the operand is absent."""
    if array is None or not has_quant(value.type):
        return array
    return dequantized(array, quant_of(value.type).layout)
