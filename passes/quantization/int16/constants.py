"""Constants of 16x8 models: int8 weights, int16 operands, wide biases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, Float32Type, IntegerType
from xdsl.ir import SSAValue

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import from_blob
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.records import record_to_attribute
from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.types import element_of, tensor_type
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import quantized_element
from tflir.passes.quantization.int16.facts import chooses_bias_type, constant_of, stored_weight
from tflir.passes.quantization.int16.numerics import (
    INT8_MOST,
    INT16_MOST,
    NO_SCALE,
    Float32,
    activation_scale,
    bias_blob,
    bias_magnitudes,
    constant_range,
    int16_blob,
    rescaled_blob,
    weight_blob,
)
from tflir.passes.quantization.numerics import Rows
from tflir.passes.quantization.pairs import FloatConstant, name_of_twin
from tflir.passes.rewriting.edit import insert_after
from tflir.passes.rewriting.values import const_op, qconst_op

INT16 = IntegerType(16)
_LEAST_RATIO = 2.0**-30
"""The least ratio of input scale times weight scale to output scale. For a ratio below 2**-31, the kernels compute 0,
even if there is a bias.
"""
_INT64_LIMIT = 2**47
"""The largest magnitude that the kernels' 64-bit accumulators may have before they are rescaled."""
_INT32_LIMIT = 2**31 - 1


def int16_type(scale: float) -> UniformQuantizedType:
    """int16 elements of this scale."""
    return UniformQuantizedType.get(INT16, Float32Type(), Layout(scale or NO_SCALE))


def weight_scale(weight: FloatConstant) -> float:
    """The largest scale of the channels of a weight."""
    bounds = constant_range(weight.blob)
    return max(-bounds.low, bounds.high) / INT8_MOST


def scale_of(value: SSAValue) -> float:
    """The scale of an int16 value; 0 if it has none in its type, which can't represent TensorFlow's scale of 0."""
    element = element_of(value.type)
    return float(element.layout.scales) if isinstance(element, UniformQuantizedType) else 0.0


class Constants:
    """Makes the quantized forms of a function's constants, each form only once."""

    def __init__(
        self,
        report: PassReport,
        clamped: Mapping[SSAValue, Range],
        *,
        tf_compat: bool,
        per_channel: bool,
        bias_bits: int,
    ) -> None:
        self._report = report
        self._clamped = clamped
        self._tf_compat = tf_compat
        self._per_channel = per_channel
        self._bits = bias_bits
        self._made: dict[tuple[SSAValue, object], SSAValue] = {}

    def made_of(self, value: SSAValue) -> SSAValue | None:
        """The quantized form of a constant in TensorFlow, which makes only one for all users; None if not made yet."""
        return self._made.get((value, None))

    def operand(self, constant: FloatConstant, scale: float | None) -> SSAValue:
        """The int16 form of a constant, with the given scale, or if it is None, with the scale for its elements."""
        bounds = self._clamped.get(constant.value) or constant_range(constant.blob)
        own = activation_scale(bounds) or (0.0 if self._tf_compat else 1.0 / INT16_MOST)
        chosen = own if scale is None else scale
        blob = int16_blob(constant.blob, chosen)
        if self._tf_compat and scale is not None and scale != own:
            blob = rescaled_blob(constant.blob, own, scale)
        return self._make(constant, blob, INT16, np.array([chosen], np.float32), None)

    def weights_and_bias(self, op: TflOp, input_scale: float, output_scale: float) -> None:
        """Makes the op read int8 weights and a bias whose scale follows from theirs."""
        assert op.INFO.weight is not None
        assert op.INFO.bias is not None
        position, axis = op.INFO.weight
        weight, bias = constant_of(op.operands[position]), self._bias(op)
        bits = self._bits if self._tf_compat or chooses_bias_type(op) else 64
        stored = None if self._tf_compat else stored_weight(op)
        element = None if stored is None else quantized_element(stored)
        if stored is not None and element is not None:
            scales = element.layout.scales.astype(np.float32).reshape(-1)
            op.operands[position] = stored
        elif weight is None:  # only with `tf_compat`: weights that are not constant were made int16
            scales = np.array([scale_of(op.operands[position])], np.float32)
        else:
            rows = Rows.of(weight.blob, weight.shape, axis if self._per_channel else None)
            assert rows is not None
            magnitudes = self._magnitudes(rows, bias, bits, input_scale, output_scale)
            scales = magnitudes / np.float32(INT8_MOST)
            blob = weight_blob(rows, magnitudes)
            op.operands[position] = self._make(weight, blob, IntegerType(8), scales, axis)
        if bias is not None:
            scales = np.float32(input_scale) * scales
            blob = bias_blob(bias.blob, scales, bits)
            op.operands[op.INFO.bias[0]] = self._make(bias, blob, IntegerType(bits), scales, 0)

    def _magnitudes(
        self, rows: Rows, bias: FloatConstant | None, bits: int, input_scale: float, output_scale: float
    ) -> Float32:
        """The real magnitude that the integer 127 stands for in each channel of the weights.

        It is the largest magnitude of the channel's weights, or more if the accumulator or the kernel needs a coarser
        scale.
        """
        magnitudes = rows.magnitudes().astype(np.float32)
        sums = np.zeros(len(magnitudes), np.float32) if bias is None else bias.blob.view().view(np.float32)
        if self._tf_compat:
            return bias_magnitudes(magnitudes, sums, input_scale, _INT32_LIMIT)
        magnitudes = np.maximum(magnitudes, np.float32(INT8_MOST * _LEAST_RATIO * output_scale / input_scale))
        if bits == 64:
            return bias_magnitudes(magnitudes, sums, input_scale, _INT64_LIMIT)
        return bias_magnitudes(
            magnitudes, np.maximum(np.abs(sums), INT16_MOST * output_scale), input_scale, _INT32_LIMIT
        )

    def _bias(self, op: TflOp) -> FloatConstant | None:
        assert op.INFO.bias is not None
        position = op.INFO.bias[0]
        return constant_of(op.operands[position]) if position < len(op.operands) else None

    def _make(
        self, constant: FloatConstant, blob: Blob, storage: IntegerType, scales: Float32, axis: int | None
    ) -> SSAValue:
        key = (constant.value, None if self._tf_compat else (storage, scales.tobytes(), axis))
        if key in self._made:
            return self._made[key]
        replaces = not constant.value.has_more_than_one_use()
        op = _constant_op(constant.shape, blob, storage, scales, axis)
        op.location = names.named(name_of_twin(constant, str(storage).replace("i", "int"), replaces=replaces))
        insert_after(constant.source, op)
        self._report.count("quantized constants")
        self._made[key] = op.results[0]
        return op.results[0]


def _constant_op(
    shape: Sequence[int], blob: Blob, storage: IntegerType, scales: Float32, axis: int | None
) -> ConstOp | QConstOp:
    """The constant with its scales in the type, or in an attribute if no type can represent them.

    A type can't represent 64-bit integers with scales, nor a scale of 0.
    """
    value = from_blob(blob, tuple(shape), storage)
    per_axis = axis is not None and len(scales) > 1
    if storage.width.data <= 32 and (scales > 0).all():
        layout = Layout(scales, 0, (axis,)) if per_axis and axis is not None else Layout(scales[0])
        narrow = storage.width.data == 8
        qtype = tensor_type(tuple(shape), UniformQuantizedType.get(storage, Float32Type(), layout, narrow=narrow))
        return qconst_op(qtype, value)
    record: dict[str, Any] = {"scale": scales, "zero_point": np.zeros(len(scales), np.int64)}
    if axis:
        record["quantized_dimension"] = axis
    op = const_op(value)
    quantization = record_to_attribute("QuantizationParameters", record)
    op.attributes[names.TENSOR] = DictionaryAttr({"quantization": quantization})
    return op
