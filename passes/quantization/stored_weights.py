"""Constants that a model stores as integers behind a `tfl.dequantize`: which kernels take them as they are."""

from __future__ import annotations

from xdsl.dialects.builtin import IntegerType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import bias_of, is_quantizable, is_same_scale, quantized_element, weight_axis
from tflir.passes.quantization.pairs import float_constant
from tflir.passes.rewriting.edit import erase
from tflir.passes.rewriting.values import is_float, producer

_PER_TENSOR = -1


def drop_unfit_pairs(function: FuncOp, report: PassReport) -> None:
    """Lets ops read a float constant instead of a quantize/dequantize pair on it whose parameters no kernel takes.

    Example: weights trained with a zero point. They are quantized from their values, without one.
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
    """Whether every op that reads the dequantized constant has a kernel for the integers as they are stored."""
    params = quantized_element(dequantize.operands[0])
    if params is None:
        return False
    return all(_takes(use.operation, use.index, params) for use in dequantize.results[0].uses)


def stores_int8(value: SSAValue) -> bool:
    """Whether a quantized constant has signed elements of 8 bits, and no scales by blocks."""
    params = quantized_element(value)
    return params is not None and params.storage.width.data == 8 and not params.is_unsigned and not params.layout.blocks


def _takes(op: Operation, index: int, params: UniformQuantizedType) -> bool:
    layout = params.layout
    if not is_quantizable(op) and not is_same_scale(op):
        return True  # it stays float
    if (bias := bias_of(op)) is not None and bias[0] == index:
        return params.storage.width.data > 8
    if params.storage.width.data != 8 or params.is_unsigned or layout.blocks:
        return False
    axis = weight_axis(op, index)
    if axis is None:
        return not layout.axes
    if layout.zero_points.any():
        return False
    return layout.axes in ((), (axis,)) if axis != _PER_TENSOR else not layout.axes


def reads_stored_weights(op: Operation) -> bool:
    """Whether an op computes in float with weights that are stored as integers (int4 by blocks included)."""
    if (
        not isinstance(op, TflOp)
        or isinstance(op, QuantizeOp | DequantizeOp)
        or not any(is_float(value) for value in op.results)
    ):
        return False
    weight = () if op.INFO.weight is None else (op.INFO.weight[0],)
    positions = {*op.INFO.dynamic_range, *weight}
    return any(index in positions and _is_stored_integer(value) for index, value in enumerate(op.operands))


def _is_stored_integer(value: SSAValue) -> bool:
    if not is_constant(value):
        return False
    return quantized_element(value) is not None or isinstance(element_of(value.type), IntegerType)
