"""Constants that a model stores as integers, with a `tfl.dequantize`: whether kernels support them as they are."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constants import as_numpy, elements
from tflir.ir.constness import is_constant
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.tfl.scale_axis import scale_axis
from tflir.ir.tfl.stored_forms import reads_form
from tflir.ir.types import element_of, quantized_element, shape_of, tensor_type
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import (
    PER_TENSOR,
    STORED_WEIGHTS,
    bias_of,
    is_quantizable,
    is_same_scale,
    weight_axis,
)
from tflir.passes.quantization.integer_kernels import spelled
from tflir.passes.quantization.pairs import float_constant
from tflir.passes.rewriting.edit import erase, insert_after
from tflir.passes.rewriting.values import is_float, producer, qconst_op


def drop_unfit_pairs(function: FuncOp, report: PassReport) -> None:
    """Removes the quantize/dequantize pairs on float constants whose parameters no kernel supports.

    For example, weights may have been trained with a zero point. Without the pair, the quantizer computes parameters
    from their elements, and these have no zero point.
    """
    for op in list(function.body.block.ops):
        quantize = producer(op.operands[0]) if isinstance(op, DequantizeOp) else None
        if not isinstance(quantize, QuantizeOp) or not is_constant(quantize.operands[0]) or fits(op):
            continue
        source = producer(quantize.operands[0])
        if source is None or float_constant(source) is None:
            continue
        op.results[0].replace_all_uses_with(quantize.operands[0])
        erase(op)
        if quantize.results[0].first_use is None:
            erase(quantize)
        report.decline("no kernel takes the scales of the pair on the constant: chosen anew", source)


def fits(dequantize: Operation) -> bool:
    """Whether every op that reads the dequantized constant has a kernel for the integers as they are stored.

    Ops that stay float count as having one, since they read the dequantized constant.
    """
    params = quantized_element(dequantize.operands[0])
    if params is None:
        return False
    return all(
        _supports(use.operation, use.index, params) or why_not_stored(use.operation, use.index, params, "int8") is None
        for use in dequantize.results[0].uses
    )


def stored_of(value: SSAValue) -> DequantizeOp | None:
    """The dequantize that makes `value`, if it is of a constant whose integers a pass of this run chose; else None."""
    op = producer(value)
    if not isinstance(op, DequantizeOp) or STORED_WEIGHTS not in op.attributes:
        return None
    return op if is_constant(op.operands[0]) and quantized_element(op.operands[0]) is not None else None


def round_stored(dequantize: DequantizeOp, element: UniformQuantizedType) -> None:
    """Rounds integers that a pass of this run chose to other, coarser scales along the same axis."""
    held = producer(dequantize.operands[0])
    old = quantized_element(dequantize.operands[0])
    assert isinstance(held, QConstOp)
    assert old is not None
    integers = as_numpy(held.value).astype(np.float64)
    ratio = old.layout.scales / element.layout.scales
    if old.layout.axes:
        ratio = ratio.reshape([-1 if axis in old.layout.axes else 1 for axis in range(integers.ndim)])
    rounded = np.rint(integers * ratio).astype(np.int8)
    made = qconst_op(tensor_type(integers.shape, element), elements(rounded, element.storage))
    made.location = held.location
    insert_after(held, made)
    dequantize.operands[0] = made.results[0]
    if held.results[0].first_use is None:
        erase(held)


def why_not_stored(op: Operation, index: int, weight: UniformQuantizedType, beside: str) -> str | None:
    """Why the kernel of `op` can't read stored weights as operand `index`; None if it can.

    `beside` is the type of the activations: `float`, `int8` or `int16`.
    """
    if not isinstance(op, TflOp) or index not in op.INFO.weight_operands or not reads_form(op.INFO, beside, weight):
        kind = " in blocks" if weight.layout.blocks else " with scales per channel" if weight.layout.axes else ""
        return f"no kernel reads {spelled(weight)} weights{kind} beside {beside} activations: weight-only instead"
    rank = len(shape_of(op.operands[index].type) or ())
    if weight.is_per_axis and weight.layout.axes != (scale_axis(op, index, rank),):
        return "the scales of the stored weights lie along another axis than the kernel's: weight-only instead"
    return None


def _supports(op: Operation, index: int, params: UniformQuantizedType) -> bool:
    """Whether the op's kernel supports a constant with these parameters as operand `index`."""
    layout = params.layout
    if not is_quantizable(op) and not is_same_scale(op):
        return True  # the op stays float
    if (bias := bias_of(op)) is not None and bias[0] == index:
        return params.storage.width.data > 8
    if params.storage.width.data != 8 or params.is_unsigned or layout.blocks:
        return False
    axis = weight_axis(op, index)
    if axis is None:
        return not layout.axes
    if layout.zero_points.any():
        return False
    return layout.axes in ((), (axis,)) if axis != PER_TENSOR else not layout.axes


def reads_stored_weights(op: Operation) -> bool:
    """Whether an op computes in float with weights that are stored as integers, such as int4 with block scales."""
    if (
        not isinstance(op, TflOp)
        or isinstance(op, QuantizeOp | DequantizeOp)
        or not any(is_float(value) for value in op.results)
    ):
        return False
    positions = op.INFO.weight_operands
    return any(index in positions and _is_stored_integer(value) for index, value in enumerate(op.operands))


def _is_stored_integer(value: SSAValue) -> bool:
    if not is_constant(value):
        return False
    return quantized_element(value) is not None or isinstance(element_of(value.type), IntegerType)
