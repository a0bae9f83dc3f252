"""int8 weights and wide biases of the layers that compute in int16.

The scales of the weights follow from their elements, and from the bias where a finer scale would let sums overflow; the
scale of the bias follows from those of input and weights. See docs/semantics.md, 16x8 scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, Float32Type, IntegerType, StringAttr, UnitAttr
from xdsl.ir import Operation

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import from_blob
from tflir.ir.errors import USAGE, Error
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.records import record_to_attribute
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import FALSE, TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import quantized_element, tensor_type
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import STORED_WEIGHTS
from tflir.passes.quantization.int16_facts import (
    activations,
    chooses_bias_type,
    is_linear,
    stored_weight,
)
from tflir.passes.quantization.int16_numerics import Float32, bias_blob, weight_blob, weight_magnitudes
from tflir.passes.quantization.numerics import INT8_MOST, Rows
from tflir.passes.quantization.pairs import FloatConstant, name_of_twin, stored_constant
from tflir.passes.rewriting.edit import insert_after
from tflir.passes.rewriting.values import const_op, qconst_op


def check_bias_bits(bits: int) -> None:
    """Raises `Error` (status 2) if no kernel has biases of so many bits."""
    if bits not in (32, 64):
        raise Error(f"bias_bits={bits}: biases of 16x8 models have 32 or 64 bits", status=USAGE)


def store_weights(
    op: TflOp, input_scale: float, output_scale: float, *, per_channel: bool, bits: int, report: PassReport
) -> None:
    """Stores the weights of a layer as int8, unless a pass chose their integers before, and notes the bias's bits."""
    assert op.INFO.weight is not None
    if chooses_bias_type(op):
        op.properties["quantized_bias_type"] = StringAttr(f"INT{bits}")
    position, axis = op.INFO.weight
    weight = stored_constant(op.operands[position])
    if stored_weight(op) is not None or weight is None:
        return
    bias = bias_of_layer(op)
    sums = None if bias is None else bias.blob.view().view(np.float32)
    rows = Rows.of(weight.blob, weight.shape, axis if per_channel else None)
    assert rows is not None
    magnitudes = weight_magnitudes(rows, sums, bits if chooses_bias_type(op) else 64, input_scale, output_scale)
    scales = magnitudes / np.float32(INT8_MOST)
    stored = integer_constant(weight.shape, weight_blob(rows, magnitudes), IntegerType(8), scales, axis)
    stored.location = names.named(_name(weight, "int8"))
    dequantize = DequantizeOp.create(operands=stored.results, result_types=[weight.value.type])
    dequantize.attributes[STORED_WEIGHTS] = UnitAttr()
    insert_after(weight.source, stored, dequantize)
    op.operands[position] = dequantize.results[0]
    report.count("quantized constants")


def finish_int16(op: TflOp, report: PassReport) -> None:
    """Gives an op that has become int16 the options that its kernel wants, and a layer the integers of its bias."""
    if isinstance(op, AddOp | SubOp):
        op.properties["pot_scale_int16"] = FALSE
    bias = bias_of_layer(op)
    if bias is None or op.INFO.bias is None or op.INFO.weight is None:
        return
    read, weight = (quantized_element(op.operands[at]) for at in (activations(op)[0], op.INFO.weight[0]))
    assert read is not None
    assert weight is not None
    scales = np.float32(read.layout.scales) * weight.layout.scales.astype(np.float32).reshape(-1)
    noted = op.properties.get("quantized_bias_type")
    bits = 32 if isinstance(noted, StringAttr) and noted.data == "INT32" else 64
    made = integer_constant(bias.shape, bias_blob(bias.blob, scales, bits), IntegerType(bits), scales, 0)
    made.location = names.named(_name(bias, f"int{bits}"))
    insert_after(bias.source, made)
    op.operands[op.INFO.bias[0]] = made.results[0]
    report.count("quantized constants")


def integer_constant(
    shape: Sequence[int], blob: Blob, storage: IntegerType, scales: Float32, axis: int | None
) -> ConstOp | QConstOp:
    """A constant of these integers, with a scale for each index along `axis` or one; it is not inserted into a block.

    The scales are in its type, or in an attribute if no type can represent them: those of 64-bit integers, or of 0.
    """
    value = from_blob(blob, tuple(shape), storage)
    if storage.width.data <= 32 and (scales > 0).all():
        layout = Layout(scales, 0, (axis,)) if len(scales) > 1 and axis is not None else Layout(scales[0])
        element = UniformQuantizedType.get(storage, Float32Type(), layout, narrow=storage.width.data == 8)
        return qconst_op(tensor_type(tuple(shape), element), value)
    record: dict[str, Any] = {"scale": scales, "zero_point": np.zeros(len(scales), np.int64)}
    if axis:
        record["quantized_dimension"] = axis
    op = const_op(value)
    quantization = record_to_attribute("QuantizationParameters", record)
    op.attributes[names.TENSOR] = DictionaryAttr({"quantization": quantization})
    return op


def bias_position(op: Operation) -> int | None:
    """The position of the bias of a layer that has one; None for other ops."""
    if not isinstance(op, TflOp) or not is_linear(op) or op.INFO.bias is None:
        return None
    return op.INFO.bias[0] if op.INFO.bias[0] < len(op.operands) else None


def bias_of_layer(op: TflOp) -> FloatConstant | None:
    """The constant bias of a layer; None if it has none."""
    position = bias_position(op)
    return None if position is None else stored_constant(op.operands[position])


def _name(constant: FloatConstant, kind: str) -> str | None:
    return name_of_twin(constant, kind, replaces=not constant.value.has_more_than_one_use())
