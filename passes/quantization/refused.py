"""Keeps ops float if no integer kernel supports the scales that were chosen for their values."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import KEEP_FLOAT, float_operands, is_quantizable
from tflir.passes.quantization.kernel_limits import least_scale, refused_operand
from tflir.passes.quantization.propagation import Propagation
from tflir.passes.rewriting.values import is_float

_ROUNDED = 0.99
"""A tolerance for comparisons of scales, which are rounded to float32."""


def keep_refused_float(function: FuncOp, spread: Propagation, report: PassReport) -> None:
    """Marks the ops that the runtime would refuse, or abort in, with the parameters that `spread` chose."""
    for op in function.body.block.ops:
        if not isinstance(op, TflOp) or not is_quantizable(op):
            continue
        scales = {index: _scale(spread, op.operands[index]) for index in float_operands(op)}
        why = refused_operand(op, scales)
        if why is None and op.INFO.bias is not None:
            scales.pop(op.INFO.bias[0], None)
        made = [_scale(spread, value) for value in op.results if is_float(value)]
        if why is None and any(0 < scale < _ROUNDED * least_scale(op, scales) for scale in made):
            why = "its integer kernel takes no result in steps so fine beside those of its operands"
        if why is not None:
            op.attributes[KEEP_FLOAT] = StringAttr(why)
            report.decline(why, op)


def made_too_fine(op: TflOp, wanted: UniformQuantizedType) -> bool:
    """Whether the kernel of an integer op takes no result of this type, beside its operands as they are."""
    bias = None if op.INFO.bias is None else op.INFO.bias[0]
    elements = {index: quantized_element(value) for index, value in enumerate(op.operands) if index != bias}
    scales = {index: float(np.max(one.layout.scales)) for index, one in elements.items() if one is not None}
    least = least_scale(op, scales, bits=wanted.storage.width.data)
    return float(np.max(wanted.layout.scales)) < _ROUNDED * least


def _scale(spread: Propagation, value: SSAValue) -> float:
    """The scale of a value as its own op makes it: the largest one if there are several, 0 if none is known."""
    state = spread.states.get(value)
    params = state.replaced_by if state is not None and state.replaced_by is not None else spread.params(value)
    return 0.0 if params is None else float(np.max(params.layout.scales))
