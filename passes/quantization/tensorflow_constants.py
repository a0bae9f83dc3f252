"""Constants of 16x8 models as TensorFlow makes them: one form for all users, with scales of 0 and limits of int32."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from tflir.ir import names
from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport
from tflir.passes.quantization.int16_layers import bias_of_layer, integer_constant
from tflir.passes.quantization.int16_numerics import (
    Float32,
    activation_scale,
    bias_blob,
    bias_magnitudes,
    constant_range,
    int16_blob,
    weight_blob,
)
from tflir.passes.quantization.integers import inverse_of
from tflir.passes.quantization.numerics import INT8_MOST, INT16_MOST, INT32_MOST, Rows, round_half_away
from tflir.passes.quantization.pairs import FloatConstant, name_of_twin, stored_constant
from tflir.passes.rewriting.edit import insert_after


class Constants:
    """The quantized forms of a function's constants: the first that an op needs serves all others that can read it."""

    def __init__(self, report: PassReport, *, per_channel: bool, bias_bits: int) -> None:
        self._report = report
        self._per_channel = per_channel
        self._bits = bias_bits
        self.made: dict[SSAValue, SSAValue] = {}

    def operand(self, constant: FloatConstant, scale: float | None) -> SSAValue:
        """The int16 form of a constant, quantized with the scale for its elements and then requantized to `scale`."""
        own = activation_scale(constant_range(constant.blob))
        blob = int16_blob(constant.blob, own)
        if scale is not None and scale != own:
            blob = _rescaled_blob(blob, own, scale)
        return self._make(constant, blob, 16, np.array([own if scale is None else scale], np.float32), None)

    def weights_and_bias(self, op: TflOp, input_scale: float, weight_scale: float) -> None:
        """Makes a layer read int8 weights, if these are constant, and a bias whose scale follows from theirs.

        `weight_scale` is that of weights that are not constant, and int16.
        """
        assert op.INFO.weight is not None
        assert op.INFO.bias is not None
        position, axis = op.INFO.weight
        weight, bias = stored_constant(op.operands[position]), bias_of_layer(op)
        scales = np.array([weight_scale], np.float32)
        if weight is not None:
            rows = Rows.of(weight.blob, weight.shape, axis if self._per_channel else None)
            assert rows is not None
            magnitudes = rows.magnitudes().astype(np.float32)
            sums = np.zeros(len(magnitudes), np.float32) if bias is None else bias.blob.view().view(np.float32)
            magnitudes = bias_magnitudes(magnitudes, sums, input_scale, INT32_MOST)
            scales = magnitudes / np.float32(INT8_MOST)
            op.operands[position] = self._make(weight, weight_blob(rows, magnitudes), 8, scales, axis)
        if bias is not None:
            scales = np.float32(input_scale) * scales
            blob = bias_blob(bias.blob, scales, self._bits)
            op.operands[op.INFO.bias[0]] = self._make(bias, blob, self._bits, scales, 0)

    def _make(self, constant: FloatConstant, blob: Blob, bits: int, scales: Float32, axis: int | None) -> SSAValue:
        held = self.made.get(constant.value)
        if held is not None and (axis is not None or not _has_axis(held)):
            return held
        op = integer_constant(constant.shape, blob, IntegerType(bits), scales, axis)
        replaces = not constant.value.has_more_than_one_use()
        op.location = names.named(name_of_twin(constant, f"int{bits}", replaces=replaces))
        insert_after(constant.source, op)
        self._report.count("quantized constants")
        return self.made.setdefault(constant.value, op.results[0]) if held is None else op.results[0]


def _has_axis(value: SSAValue) -> bool:
    """Whether weights have a scale for each channel, which no activation may have."""
    element = quantized_element(value)
    return element is not None and element.is_per_axis


def _rescaled_blob(first: Blob, scale: float, rescaled: float) -> Blob:
    """int16 bytes of scale `scale` requantized to scale `rescaled`."""
    inverse, step = inverse_of(np.array([rescaled], np.float32)), np.float32(scale)

    def make() -> Iterator[npt.NDArray[np.int16]]:
        for chunk in first.chunks():
            exact = (chunk.view(np.int16) * step * inverse).astype(np.float64)
            yield np.clip(round_half_away(exact), -INT16_MOST, INT16_MOST).astype(np.int16)

    return DeferredBlob(first.nbytes, ("rescaled", first, rescaled), make)
