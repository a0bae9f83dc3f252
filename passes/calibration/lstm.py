"""Computes the inner values of an LSTM, which the runtime does not show, in numpy: gates, cell state, hidden value.

i, f, o = σ(W x + R h + P∘c + b),  g = tanh(W x + R h + b),  c' = f∘c + i∘g,  h' = o∘tanh(c')  (Sak et al.,
arXiv:1402.1128), with an optional projection of h', optional layer normalization of the gates before their bias (Ba et
al., arXiv:1607.06450), and i = 1 - f if input and forget gate are coupled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult

from tflir.ir.constants import as_numpy
from tflir.ir.tfl.constants import ConstOp
from tflir.passes.calibration.logged import values_of
from tflir.passes.rewriting.values import producer

Array = npt.NDArray[Any]
"""A float32 array."""
Span = tuple[float, float]
"""The smallest and the largest element."""

_GATES = 4
"""Input, forget, cell and output gate, in the order of the operands."""
_WEIGHTS, _RECURRENT, _PEEPHOLE, _BIAS, _NORM = 1, 5, 9, 12, 20
_PROJECTION, _PROJECTION_BIAS, _STATE, _CELL = 16, 17, 18, 19
_CELL_GATE = 2
_HIDDEN = 4
_LAYER_NORM_FLOOR = 1e-8


@dataclass
class Layer:
    """One LSTM op, and the extremes of its inner values over all sequences given so far."""

    op: Operation
    constants: dict[int, Array]
    time_major: bool
    spans: dict[str, Span] = field(default_factory=dict[str, Span])
    state: tuple[Array, Array] | None = None

    @staticmethod
    def at(function: FuncOp, position: int) -> Layer | None:
        """The layer whose result is at `position` in the function; None if its weights are not constants."""
        value = next(value for number, value in enumerate(values_of(function)) if number == position)
        assert isinstance(value, OpResult)
        constants: dict[int, Array] = {}
        for index, operand in enumerate(value.op.operands):
            op = producer(operand)
            if isinstance(op, ConstOp) and index not in (_STATE, _CELL):
                constants[index] = as_numpy(op.value).astype(np.float32)
        time_major: Any = value.op.properties.get("time_major")
        if _RECURRENT + 1 not in constants:
            return None
        return Layer(value.op, constants, time_major is None or bool(time_major.value.data))

    def add(self, sequence: Array, *, anew: bool) -> None:
        """Runs the layer over a sequence of shape (batch, time, features), or (time, batch, features) if time-major.

        With `anew`, the state starts from zeros, else from that at the end of the sequence before.
        """
        steps = sequence if self.time_major else np.swapaxes(sequence, 0, 1)
        if steps.ndim == 2:
            steps = steps[None]
        units, outputs = self.constants[_RECURRENT + 1].shape
        if anew or self.state is None:
            self.state = np.zeros((steps.shape[1], outputs), np.float32), np.zeros((steps.shape[1], units), np.float32)
        for step in steps:
            self.state = self._step(step, *self.state)

    def _step(self, x: Array, h: Array, c: Array) -> tuple[Array, Array]:
        forget = _sigmoid(self._gate(1, x, h, c))
        coupled = _WEIGHTS not in self.constants
        entering = 1 - forget if coupled else _sigmoid(self._gate(0, x, h, c))
        cell = forget * c + entering * np.tanh(self._gate(_CELL_GATE, x, h, None))
        cell = _clipped(cell, self.op.properties.get("cell_clip"))
        self._note("cell", cell)
        hidden = _sigmoid(self._gate(3, x, h, cell)) * np.tanh(cell)
        self._note("hidden", hidden)
        if _PROJECTION in self.constants:
            hidden = hidden @ self.constants[_PROJECTION].T + self.constants.get(_PROJECTION_BIAS, np.float32(0))
            hidden = _clipped(hidden, self.op.properties.get("proj_clip"))
        self._note("output", hidden)
        return hidden, cell

    def _gate(self, gate: int, x: Array, h: Array, c: Array | None) -> Array:
        """The value of a gate before its activation function."""
        constants = self.constants
        total = x @ constants[_WEIGHTS + gate].T + h @ constants[_RECURRENT + gate].T
        peephole = _PEEPHOLE + (gate if gate < _CELL_GATE else _CELL_GATE)
        if c is not None and peephole in constants:
            total = total + constants[peephole] * c
        if _NORM + gate in constants:
            self._note(f"gate {gate}", total)
            centred = total - total.mean(axis=-1, keepdims=True)
            deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _LAYER_NORM_FLOOR)
            total = centred / deviation * constants[_NORM + gate]
        return total + constants.get(_BIAS + gate, np.float32(0))

    def _note(self, name: str, values: Array) -> None:
        low, high = self.spans.get(name, (np.inf, -np.inf))
        self.spans[name] = min(low, float(values.min())), max(high, float(values.max()))

    def intermediates(self) -> list[Span | None]:
        """Spans of the op's five intermediate tensors: the four gates (None if not normalized) and the hidden value."""
        return [*(self.spans.get(f"gate {gate}") for gate in range(_GATES)), self.spans.get("hidden")]

    def cell(self) -> Span | None:
        """The span of the cell state within the sequences."""
        return self.spans.get("cell")


def _sigmoid(values: Array) -> Array:
    return (1 / (1 + np.exp(-np.clip(values, -80, 80)))).astype(np.float32)


def _clipped(values: Array, limit: Any) -> Array:
    most = 0.0 if limit is None else float(limit.value.data)
    return np.clip(values, -most, most) if most > 0 else values
