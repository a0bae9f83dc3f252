"""Quantization parameters of recurrent layers, whose operands follow rules of their own.

An LSTM's input, output and activation state are int8, each of its weights is symmetric int8 with one scale, its
peephole and layer-norm coefficients are int16, its cell state is a fixed-point int16 number, and its biases are int32.
The weights of an SVDF are int8 for features and int16 for time. All parameters follow from the recorded ranges of
input, output, state and intermediates; if one is missing, the layer stays float (docs/semantics.md, Recurrent layers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range, range_in
from tflir.ir.tfl.recurrent import INTERMEDIATES, LSTMOp, SVDFOp, UnidirectionalSequenceLSTMOp
from tflir.ir.types import tensor_type
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import KEEP_FLOAT
from tflir.passes.quantization.integers import extremes
from tflir.passes.quantization.numerics import Rows
from tflir.passes.quantization.pairs import stored_constant
from tflir.passes.quantization.parameters import (
    F32,
    I16,
    activation_type,
    bias_scales,
    bias_type,
    per_tensor,
    power_of_two_scale,
    symmetric_int16,
    weight_scales,
    weight_type,
)
from tflir.passes.rewriting.edit import insert_after
from tflir.passes.rewriting.values import is_float

Params = UniformQuantizedType
Ranges = Mapping[SSAValue, Range]

_WEIGHTS = (*range(1, 9), 16)
_PEEPHOLES = range(9, 12)
_GATE_BIASES = range(12, 16)
_PROJECTION_WEIGHTS, _PROJECTION_BIAS = 16, 17
_STATE, _CELL = 18, 19
_LAYER_NORMS = range(20, 24)
_HIDDEN = 4
_LAYER_NORM_BIAS = 2.0**-10
_SVDF_TIME_LEVELS = 512


class _MissingRangeError(Exception):
    """A range that the layer needs was not recorded; the message names it."""


@dataclass
class _Layer:
    """A recurrent op, the ranges of its values, and the parameters that were chosen for them so far."""

    op: Operation
    ranges: Ranges
    params: dict[SSAValue, Params]
    intermediates: dict[int, Params]

    def range(self, value: SSAValue, what: str) -> Range:
        """The recorded range of a value; raises `_MissingRangeError` with the name `what` if there is none."""
        recorded = self.ranges.get(value)
        if recorded is None:
            raise _MissingRangeError(what)
        return recorded

    def intermediate(self, index: int) -> Range:
        """The recorded range of an intermediate tensor; raises `_MissingRangeError` if there is none."""
        listed = self.op.attributes.get(names.INTERMEDIATES)
        items = list(cast("ArrayAttr[Attribute]", listed)) if isinstance(listed, ArrayAttr) else []
        item = items[index] if index < len(items) else None
        recorded = range_in(item.data.get("tensor")) if isinstance(item, DictionaryAttr) else None
        if recorded is None:
            raise _MissingRangeError(f"intermediate {index}")
        return recorded

    def present(self, index: int) -> bool:
        """Whether the op has this optional operand, and it is float."""
        return index < len(self.op.operands) and is_float(self.op.operands[index])

    def most(self, index: int) -> float:
        """max|v| of the constant operand `index`; raises `_MissingRangeError` if it is not a finite constant."""
        value = self.op.operands[index]
        constant = stored_constant(value)
        rows = None if constant is None else Rows.of(constant.blob, constant.shape, None)
        if rows is None:
            raise _MissingRangeError(f"operand {index}, which is no constant")
        low, high = extremes(rows)
        if not np.isfinite([low, high]).all():
            raise _MissingRangeError(f"operand {index}, which holds NaN or infinity")
        return max(-low, high, 0.0)

    def set(self, index: int, params: Params) -> None:
        self.params[self.op.operands[index]] = params

    def weight(self, index: int) -> None:
        """Chooses symmetric int8 with one scale for operand `index`."""
        self.set(index, weight_type(weight_scales(np.array([self.most(index)]), tf_compat=True), None))

    def scale(self, index: int) -> Any:
        return self.params[self.op.operands[index]].layout.scales


def _activation_type(bounds: Range) -> Params:
    """int8 with TensorFlow's least width in any case: how recurrent kernels take finer scales is not known."""
    return activation_type(bounds, tf_compat=True)


def recurrent_parameters(
    function: FuncOp, ranges: Ranges, report: PassReport, *, tf_compat: bool
) -> Iterator[tuple[Operation, dict[SSAValue, Params]]]:
    """Yields each recurrent op that can be integer, with the parameters of its operands and result.

    The op's constants that other ops read too are copied, and its intermediates get quantized types. Others are marked
    to stay float, except with `tf_compat`: parameters that their operands have from elsewhere do not follow the rules.
    """
    for op in list(function.body.block.ops):
        rule = _RULES.get(type(op))
        if rule is None or KEEP_FLOAT in op.attributes or not is_float(op.results[0]):
            continue
        _own_constants(op)
        layer = _Layer(op, ranges, {}, {})
        try:
            rule(layer)
        except _MissingRangeError as missing:
            why = f"no range for {missing}"
            if not tf_compat:
                op.attributes[KEEP_FLOAT] = StringAttr(why)
            report.decline(why, op)
            continue
        _set_intermediates(op, layer.intermediates)
        yield op, layer.params


def is_recurrent(op: Operation) -> bool:
    """Whether the op is a recurrent layer that has rules here."""
    return type(op) in _RULES


def _own_constants(op: Operation) -> None:
    """Copies the op's constants that other ops read too, since their parameters hold for this op only."""
    for index, value in enumerate(op.operands):
        if not isinstance(value, OpResult) or value.has_one_use() or stored_constant(value) is None:
            continue
        copy = value.op.clone()
        copy.location = value.op.location
        insert_after(value.op, copy)
        op.operands[index] = copy.results[0]


def _lstm(layer: _Layer) -> None:
    op = layer.op
    state = layer.range(op.operands[_STATE], "the activation state")
    output = layer.range(op.results[0], "the output").union(state)
    layer.set(0, _activation_type(layer.range(op.operands[0], "the input")))
    layer.set(_STATE, _activation_type(output))
    layer.params[op.results[0]] = _activation_type(output)
    cell = power_of_two_scale(layer.range(op.operands[_CELL], "the cell state"))
    layer.set(_CELL, per_tensor(I16, cell, narrow=True))
    for index in filter(layer.present, _WEIGHTS):
        layer.weight(index)
    for index in filter(layer.present, (*_PEEPHOLES, *_LAYER_NORMS)):
        layer.set(index, symmetric_int16(layer.most(index)))
    normalised = any(layer.present(index) for index in _LAYER_NORMS)
    for gate in range(4):
        bias, weight, norm = _GATE_BIASES[gate], _WEIGHTS[gate], _LAYER_NORMS[gate]
        if layer.present(bias):
            scale = layer.scale(norm) * _LAYER_NORM_BIAS if normalised else layer.scale(0) * layer.scale(weight)
            layer.set(bias, bias_type(bias_scales((scale,))))
        if normalised and layer.present(norm):
            gate_range = layer.intermediate(gate)
            layer.intermediates[gate] = symmetric_int16(max(abs(gate_range.low), abs(gate_range.high)))
    hidden = layer.intermediate(_HIDDEN) if layer.present(_PROJECTION_WEIGHTS) else None
    layer.intermediates[_HIDDEN] = _activation_type(hidden if hidden is not None else _hidden_or(layer, output))
    if layer.present(_PROJECTION_BIAS):
        hidden_scale = layer.intermediates[_HIDDEN].layout.scales
        layer.set(_PROJECTION_BIAS, bias_type(bias_scales((layer.scale(_PROJECTION_WEIGHTS), hidden_scale))))


def _hidden_or(layer: _Layer, output: Range) -> Range:
    """The recorded range of the hidden value, or else that of the output, which it is if there is no projection."""
    try:
        return layer.intermediate(_HIDDEN)
    except _MissingRangeError:
        return output


def _svdf(layer: _Layer) -> None:
    op = layer.op
    state = layer.range(op.operands[4], "the state")
    layer.set(0, _activation_type(layer.range(op.operands[0], "the input")))
    layer.params[op.results[0]] = _activation_type(layer.range(op.results[0], "the output"))
    layer.weight(1)
    layer.set(2, symmetric_int16(layer.most(2), _SVDF_TIME_LEVELS))
    layer.set(4, symmetric_int16(max(abs(state.low), abs(state.high))))
    if layer.present(3):
        layer.set(3, bias_type(bias_scales((layer.scale(2), layer.scale(4)))))


_RULES: dict[type[Operation], Callable[[_Layer], None]] = {
    LSTMOp: _lstm,
    UnidirectionalSequenceLSTMOp: _lstm,
    SVDFOp: _svdf,
}


def _set_intermediates(op: Operation, decided: Mapping[int, Params]) -> None:
    """Sets the types of the intermediate tensors. They have no elements; the kernels only read their scales."""
    if not decided:
        return
    listed = op.attributes.get(names.INTERMEDIATES)
    known = list(cast("ArrayAttr[DictionaryAttr]", listed)) if isinstance(listed, ArrayAttr) else []
    items: list[Attribute] = []
    for index, name in enumerate(INTERMEDIATES):
        known_name = known[index].data.get("name") if index < len(known) else None
        params = decided.get(index)
        width = 0 if params is None else params.storage.width.data
        element: Attribute = F32 if params is None else params
        dtype = {0: np.float32, 8: np.int8, 16: np.int16}[width]
        record = {
            "type": tensor_type((0,), element),
            "name": known_name if known_name is not None else StringAttr(name),
            "value": elements(np.zeros(0, dtype)),
        }
        items.append(DictionaryAttr(record))
    op.attributes[names.INTERMEDIATES] = ArrayAttr(items)
