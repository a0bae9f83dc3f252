"""What the gates of recurrent layers are made of: products with weights that are floats, or integers beside floats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from tflir.backends.interpreter.dynamic_range import quantized_rows
from tflir.backends.interpreter.kernel import Array, has_quant, quant_of
from tflir.backends.interpreter.quantization import dequantized


@dataclass(frozen=True)
class Weights:
    """A matrix [outputs, inputs], and the scale of its integers; None where it holds floats."""

    matrix: Array
    scale: Array | None
    asymmetric: bool

    def product(self, rows: Array) -> Array:
        """`rows` [batch, inputs] times the transpose of the matrix; for integers the rows are quantized, each alone."""
        if self.scale is None:
            return rows @ self.matrix.T
        quantized = quantized_rows(rows, asymmetric=self.asymmetric)
        return quantized.whole @ self.matrix.T * (quantized.scale * self.scale)


def weights_of(value: SSAValue, array: Array | None, *, asymmetric: bool) -> Weights | None:
    """The weights that operand `value` holds; None where it is absent."""
    if array is None:
        return None
    if not has_quant(value.type):
        return Weights(array, None, asymmetric)
    scale = quant_of(value.type).layout.scales.astype(np.float32)
    return Weights(array.astype(np.float32), scale, asymmetric)


def vector_of(value: SSAValue, array: Array | None) -> Array | None:
    """A vector of weights as floats; None where the operand is absent."""
    if array is None or not has_quant(value.type):
        return array
    return dequantized(array, quant_of(value.type).layout)
