"""Integer ops that have no kernel of their own: computed in float32 between a dequantize and a quantize.

The results are within a step or so of LiteRT's, whose kernels round in between.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import Operation, SSAValue

from tflir.backends.interpreter.kernel import Array, Kernel, Operands, Results, has_quant, quant_of
from tflir.backends.interpreter.quantization import dequantized
from tflir.backends.interpreter.quantized import quantization, stored
from tflir.backends.interpreter.rounding import round_away


def through_floats(float_kernel: Kernel) -> Kernel:
    """The kernel of quantized operands and results that `float_kernel` gives."""

    def kernel(op: Any, operands: Operands) -> Results:
        values = [_real(x, value) for x, value in zip(operands, op.operands, strict=True)]
        with np.errstate(all="ignore"):
            found = float_kernel(op, values)
        return [_whole(result, value) for result, value in zip(found, _results(op), strict=True)]

    return kernel


def _results(op: Operation) -> list[SSAValue]:
    return list(op.results)


def _real(x: Any, value: SSAValue) -> Any:
    if x is None or not has_quant(value.type):
        return x
    return dequantized(x, quant_of(value.type).layout)


def _whole(x: Array, value: SSAValue) -> Array:
    if not has_quant(value.type):
        return x
    steps = round_away(x / quantization(value).scale)
    return stored(np.nan_to_num(steps).astype(np.int64), value)
