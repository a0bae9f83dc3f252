"""Long short-term memory layers with int8 activations and int16 cell states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr

from tflir.backends.interpreter.fixed_point16 import MAX, logistic, saturated, tanh
from tflir.backends.interpreter.kernel import Array, Operands, Results, quant_of, quantized_kernel, refuse
from tflir.backends.interpreter.options import flag, real
from tflir.backends.interpreter.quantized import Quantization, quantization
from tflir.backends.interpreter.quantized_functions import inverse_root
from tflir.backends.interpreter.requantize import doubled, multiplier_of, rounded_shift
from tflir.ir import names
from tflir.ir.tfl.recurrent import INTERMEDIATES, LSTMOp, UnidirectionalSequenceLSTMOp

_GATES = ("input", "forget", "cell", "output")
_F = np.float32
_GATE_BITS = 3
"""Integer bits of a gate before its activation."""


@dataclass(frozen=True)
class _Product:
    """A matrix product that is rescaled by a multiplier."""

    weights: Array
    point: int
    """Zero point of the operand that is multiplied by the weights."""
    bias: Any
    multiplier: tuple[int, int]

    def of(self, x: Array) -> Array:
        sums = np.rint((x - self.point).astype(np.float64) @ self.weights.T).astype(np.int64)
        return doubled(sums + self.bias, *self.multiplier)


@dataclass(frozen=True)
class _Norm:
    """The normalization of a gate over its units."""

    weights: Array
    bias: Any
    scale: np.float32

    def of(self, x: Array) -> Array:
        """Means have 10 fractional bits, results 12."""
        count = x.shape[1]
        sums, squares = x.sum(1, keepdims=True), np.square(x).sum(1, keepdims=True)
        mean = _quotient(sums * 1024, count)
        variance = _quotient(squares * ((1 << 20) // count) - mean * mean, 1 << 20)
        variance = np.where(variance < 1, max(1, int(_F(10000) * self.scale)), variance)
        pairs = [inverse_root(int(value)) for value in variance[:, 0]]
        whole, shift = (np.array(part, np.int64)[:, None] for part in zip(*pairs, strict=True))
        products = doubled(1024 * x - mean, whole, shift) * self.weights + self.bias
        rounded = _quotient(np.where(products > 0, products + 512, products - 512), 1024)
        whole_scale, bits = multiplier_of(float(self.scale))
        return saturated(doubled(rounded, whole_scale, bits + 12))


def _quotient(x: Any, divisor: int) -> Array:
    """x / divisor, rounded toward zero."""
    return np.sign(x) * (np.abs(x) // divisor)


@dataclass(frozen=True)
class _Gate:
    inputs: _Product
    recurrent: _Product
    peephole: tuple[Array, tuple[int, int]] | None
    norm: _Norm | None
    at_once: bool
    """Whether LiteRT computes all rows of a batch at once (see `_with_cell`)."""

    def value(self, x: Array, h: Array, cell: Array) -> Array:
        """The gate before its activation."""
        total = saturated(self.inputs.of(x))
        total = saturated(total + self.recurrent.of(h))
        if self.peephole is not None:
            total = self._with_cell(total, cell, h.shape[1])
        return total if self.norm is None else self.norm.of(total)

    def _with_cell(self, total: Array, cell: Array, outputs: int) -> Array:
        """Adds the peephole connection to `total`.

        LiteRT assumes that a row has as many units as the layer has outputs, which is true only without a projection.
        With a projection it ignores the last units; if it computes all rows at once, it reads rows of the shorter
        length from the start of the memory, as if they were contiguous.
        """
        assert self.peephole is not None
        weights, multiplier = self.peephole
        rows = 1 if self.at_once else len(total)
        count = len(total) * outputs // rows
        sums = total.reshape(rows, -1).copy()
        products = np.resize(weights[:outputs], count) * cell.reshape(rows, -1)[:, :count]
        sums[:, :count] = saturated(sums[:, :count] + doubled(products, *multiplier))
        return sums.reshape(total.shape)


@dataclass(frozen=True)
class _Cell:
    gates: tuple[_Gate | None, ...]
    exponent: int
    """The scale of the cell state is 2 ** exponent."""
    clip: int
    hidden: tuple[int, int]
    hidden_point: int
    projection: _Product | None
    projection_clip: int
    output_point: int

    def step(self, x: Array, h: Array, cell: Array) -> tuple[Array, Array]:
        """The output and the cell state after input `x` [batch, inputs], given those before it."""
        opened, forget, update = self.gates[:3]
        assert forget is not None
        assert update is not None
        forget_gate = logistic(forget.value(x, h, cell), _GATE_BITS)
        input_gate = MAX - forget_gate if opened is None else logistic(opened.value(x, h, cell), _GATE_BITS)
        new = tanh(update.value(x, h, cell), _GATE_BITS)
        cell = saturated(rounded_shift(forget_gate * cell, 15) + rounded_shift(input_gate * new, 30 + self.exponent))
        if self.clip > 0:
            cell = np.clip(cell, -self.clip, self.clip)
        output = self.gates[3]
        assert output is not None
        shown = logistic(output.value(x, h, cell), _GATE_BITS) * tanh(cell, 15 + self.exponent)
        hidden = doubled(shown, *self.hidden)
        if self.projection is None:
            return np.clip(hidden + self.hidden_point, -128, 127), cell
        out = self.projection.of(np.clip(hidden - self.hidden_point, -128, 127)) + self.output_point
        out = np.clip(out, -128, 127)
        return (np.clip(out, -self.projection_clip, self.projection_clip) if self.projection_clip > 0 else out), cell


class _Reader:
    """Reads the parts of the cell from an op and its operands."""

    def __init__(self, op: Any, operands: Operands) -> None:
        self._op = op
        places = op.get_irdl_definition().operands
        self._places = {name: place for place, (name, _) in enumerate(places)}
        self._operands = operands
        self.input, self.state = self.how("input"), self.how("input_activation_state")
        self.cell_scale = self.how("input_cell_state").scale
        fraction, self.exponent = math.frexp(float(self.cell_scale))
        self.exponent -= 1
        if fraction != 0.5 or not -15 <= self.exponent <= -9:
            raise refuse(
                f"the scale {self.cell_scale:g} of the cell state is no power of two from 2^-15 to 2^-9",
                "give the state of an int16 cell such a scale",
            )

    def array(self, name: str) -> Any:
        array = self._operands[self._places[name]]
        return None if array is None else array.astype(np.int64)

    def how(self, name: str) -> Quantization:
        return quantization(self._op.operands[self._places[name]])

    def intermediate(self, position: int) -> tuple[np.float32, int]:
        """Scale and zero point of an intermediate tensor, which no op reads or writes."""
        tensors = cast("ArrayAttr[DictionaryAttr] | None", self._op.attributes.get(names.INTERMEDIATES))
        if tensors is None or len(tensors) != len(INTERMEDIATES) or "type" not in tensors.data[position].data:
            raise refuse(f"the LSTM has no tensor for its {INTERMEDIATES[position]}", "quantize the model with it")
        layout = quant_of(tensors.data[position].data["type"]).layout
        return _F(layout.scales.reshape(-1)[0]), int(layout.zero_points.reshape(-1)[0])

    def gate(self, position: int) -> _Gate | None:
        name = _GATES[position]
        if self.array(f"input_to_{name}_weights") is None:
            return None
        norm = self.array(f"{name}_layer_norm_coefficients")
        bias = self.array("cell_bias" if name == "cell" else f"{name}_gate_bias")
        scale = _F(2**-12) if norm is None else self.intermediate(position)[0]
        before = bias if norm is None and bias is not None else 0
        peephole = None if name == "cell" else self.array(f"cell_to_{name}_weights")
        assert norm is None or bias is not None
        return _Gate(
            self._product(f"input_to_{name}_weights", self.input, before, scale),
            self._product(f"recurrent_to_{name}_weights", self.state, 0, scale),
            None if peephole is None else (peephole, self._of_cell(f"cell_to_{name}_weights", scale)),
            None
            if norm is None
            else _Norm(norm, 0 if bias is None else bias, self.how(f"{name}_layer_norm_coefficients").scale),
            isinstance(self._op, LSTMOp) or flag(self._op.time_major),
        )

    def _product(self, name: str, source: Quantization, bias: Any, scale: np.float32) -> _Product:
        ratio = self.how(name).scale * source.scale / scale
        return _Product(self.array(name), source.point, bias, multiplier_of(float(ratio)))

    def _of_cell(self, name: str, scale: np.float32) -> tuple[int, int]:
        return multiplier_of(float(_F(2.0**self.exponent * float(self.how(name).scale) / float(scale))))

    def cell(self) -> _Cell:
        scale, point = self.intermediate(4)
        projection = None
        if self.array("projection_weights") is not None:
            bias = self.array("projection_bias")
            ratio = self.how("projection_weights").scale * scale / self.state.scale
            multiplier = multiplier_of(float(ratio))
            projection = _Product(self.array("projection_weights"), -point, 0 if bias is None else bias, multiplier)
        output = quantization(self._op.results[0])
        return _Cell(
            tuple(self.gate(place) for place in range(4)),
            self.exponent,
            _limit(self._op.cell_clip, self.cell_scale, MAX),
            multiplier_of(float(_F(2**-15 / float(scale) * 2**-15))),
            point,
            projection,
            _limit(self._op.proj_clip, output.scale, 127),
            self.state.point,
        )


def _limit(clip: Any, scale: np.float32, most: int) -> int:
    """A limit as an integer of this scale; 0 means no limit."""
    return int(min(_F(real(clip)) / scale, _F(most))) if real(clip) > 0 else 0


@quantized_kernel(LSTMOp, UnidirectionalSequenceLSTMOp)
def lstm(op: Any, operands: Operands) -> Results:
    """The input of a `tfl.lstm` is one step [batch, inputs], or steps [time, batch, inputs]. The operands that hold the
    state are updated in place."""
    reader = _Reader(op, operands)
    cell = reader.cell()
    x = reader.array("input")
    h, state = (operands[op.INFO.stateful[place]] for place in range(2))
    in_front = isinstance(op, LSTMOp) or flag(op.time_major)
    steps = x[None] if x.ndim == 2 else x if in_front else x.swapaxes(0, 1)
    outputs = np.empty((*steps.shape[:2], h.shape[-1]), np.int8)
    for time, values in enumerate(steps):
        h[...], state[...] = cell.step(values, h.astype(np.int64), state.astype(np.int64))
        outputs[time] = h
    return [outputs[0] if x.ndim == 2 else outputs if in_front else outputs.swapaxes(0, 1)]
