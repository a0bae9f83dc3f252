"""What an LSTM computes inside, where the runtime shows nothing: gates, cell state and hidden value, in numpy.

i, f, o = σ(W x + R h + P∘c + b),  g = tanh(W x + R h + b),  c' = f∘c + i∘g,  h' = o∘tanh(c')  (Sak et al.,
arXiv:1402.1128), with a projection of h' where there is one, layer normalization of the gates before their bias (Ba et
al., arXiv:1607.06450), and i = 1 - f where input and forget gate are coupled.
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
"""Of float32."""
Span = tuple[float, float]

_GATES = 4
"""Input, forget, cell, output, as the operands have them."""
_WEIGHTS, _RECURRENT, _PEEPHOLE, _BIAS, _NORM = 1, 5, 9, 12, 20
_PROJECTION, _PROJECTION_BIAS, _STATE, _CELL = 16, 17, 18, 19
_CELL_GATE = 2
_HIDDEN = 4
_LAYER_NORM_FLOOR = 1e-8


@dataclass
class Layer:
    """One LSTM op: the extremes of what it computes inside, over all sequences given so far."""

    op: Operation
    constants: dict[int, Array]
    time_major: bool
    spans: dict[str, Span] = field(default_factory=dict[str, Span])
    state: tuple[Array, Array] | None = None

    @staticmethod
    def at(function: FuncOp, position: int) -> Layer | None:
        """The layer whose result stands at `position`; None where its weights are no constants."""
        value = next(value for number, value in enumerate(values_of(function)) if number == position)
        assert isinstance(value, OpResult)
        held: dict[int, Array] = {}
        for index, operand in enumerate(value.op.operands):
            maker = producer(operand)
            if isinstance(maker, ConstOp) and index not in (_STATE, _CELL):
                held[index] = as_numpy(maker.value).astype(np.float32)
        major: Any = value.op.properties.get("time_major")
        if _RECURRENT + 1 not in held:
            return None
        return Layer(value.op, held, major is None or bool(major.value.data))

    def add(self, sequence: Array, *, anew: bool) -> None:
        """Runs over a sequence of shape (batch, time, features), or (time, batch, features); `anew`: from zeros."""
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
        """The gate before its activation."""
        held = self.constants
        total = x @ held[_WEIGHTS + gate].T + h @ held[_RECURRENT + gate].T
        peephole = _PEEPHOLE + (gate if gate < _CELL_GATE else _CELL_GATE)
        if c is not None and peephole in held:
            total = total + held[peephole] * c
        if _NORM + gate in held:
            self._note(f"gate {gate}", total)
            centred = total - total.mean(axis=-1, keepdims=True)
            total = (
                centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _LAYER_NORM_FLOOR) * held[_NORM + gate]
            )
        return total + held.get(_BIAS + gate, np.float32(0))

    def _note(self, name: str, values: Array) -> None:
        low, high = self.spans.get(name, (np.inf, -np.inf))
        self.spans[name] = min(low, float(values.min())), max(high, float(values.max()))

    def intermediates(self) -> list[Span | None]:
        """Spans of the op's five intermediate tensors: the gates where they are normalized, and the hidden value."""
        return [*(self.spans.get(f"gate {gate}") for gate in range(_GATES)), self.spans.get("hidden")]

    def cell(self) -> Span | None:
        """The span of the cell state within the sequences."""
        return self.spans.get("cell")


def _sigmoid(values: Array) -> Array:
    return (1 / (1 + np.exp(-np.clip(values, -80, 80)))).astype(np.float32)


def _clipped(values: Array, limit: Any) -> Array:
    most = 0.0 if limit is None else float(limit.value.data)
    return np.clip(values, -most, most) if most > 0 else values
