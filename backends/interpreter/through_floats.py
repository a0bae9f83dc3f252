"""Integer ops without an integer kernel: dequantized, computed in float32, and quantized again.

The results differ by at most a step or two from LiteRT's, whose kernels also round in between.
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
    """A kernel for quantized operands and results that computes with `float_kernel`."""

    def kernel(op: Any, operands: Operands) -> Results:
        values = [_real(x, value) for x, value in zip(operands, op.operands, strict=True)]
        with np.errstate(all="ignore"):
            results = float_kernel(op, values)
        return [_whole(result, value) for result, value in zip(results, _results(op), strict=True)]

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
