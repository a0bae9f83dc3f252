"""Long short-term memory layers with float activations; their weights are floats or integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import OpResult

from tflir.backends.interpreter.float_activations import sigmoid
from tflir.backends.interpreter.fused import cell_activation
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, hybrid_kernel
from tflir.backends.interpreter.lstm_cell import Cell, Gate
from tflir.backends.interpreter.options import flag, real
from tflir.backends.interpreter.recurrent_products import vector_of, weights_of
from tflir.ir import names
from tflir.ir.tfl.recurrent import BasicLSTMOp, BidirectionalSequenceLSTMOp, LSTMOp, UnidirectionalSequenceLSTMOp

_GATES = ("input", "forget", "cell", "output")


class _Operands:
    """The operands of an LSTM by name; the names of a bidirectional one start with `fw_` or `bw_`."""

    def __init__(self, op: Any, operands: Operands, prefix: str = "") -> None:
        self._op, self._prefix = op, prefix
        self._asymmetric = flag(op.asymmetric_quantize_inputs)
        definitions = op.get_irdl_definition().operands
        self._places = {name: place for place, (name, _) in enumerate(definitions)}
        self._values = operands

    def array(self, name: str) -> Any:
        """The array of an operand; None if it is absent, or if the op has no operand of this name."""
        position = self._places.get(self._prefix + name)
        return None if position is None else self._values[position]

    def weights(self, name: str) -> Any:
        array = self.array(name)
        if array is None:
            return None
        return weights_of(self._op.operands[self._places[self._prefix + name]], array, asymmetric=self._asymmetric)

    def vector(self, name: str) -> Any:
        array = self.array(name)
        return None if array is None else vector_of(self._op.operands[self._places[self._prefix + name]], array)

    def gate(self, name: str) -> Gate | None:
        """The gate called `name`; None if its weights are absent."""
        inputs = self.weights(f"input_to_{name}_weights")
        if inputs is None:
            return None
        bias = "cell_bias" if name == "cell" else f"{name}_gate_bias"
        return Gate(
            inputs,
            self.weights(f"recurrent_to_{name}_weights"),
            None if name == "cell" else self.vector(f"cell_to_{name}_weights"),
            self.vector(bias),
            self.vector(f"{name}_layer_norm_coefficients"),
            self.weights(f"aux_input_to_{name}_weights"),
        )

    def cell(self) -> Cell:
        """The cell with all its gates."""
        opened, forget, update, output = (self.gate(name) for name in _GATES)
        assert forget is not None
        assert update is not None
        assert output is not None
        op = self._op
        return Cell(
            opened,
            forget,
            update,
            output,
            self.weights("projection_weights"),
            self.vector("projection_bias"),
            real(op.cell_clip),
            real(op.proj_clip),
            lambda x: cell_activation(x, op.fused_activation_function),
        )


@float_kernel(LSTMOp, UnidirectionalSequenceLSTMOp)
@hybrid_kernel(LSTMOp, UnidirectionalSequenceLSTMOp)
def lstm(op: Any, operands: Operands) -> Results:
    """The input of a `tfl.lstm` is one step [batch, inputs], or steps [time, batch, inputs]."""
    named = _Operands(op, operands)
    x = named.array("input")
    h, cell = named.array("input_activation_state"), named.array("input_cell_state")
    in_front = isinstance(op, LSTMOp) or flag(op.time_major)
    steps = x[None] if x.ndim == 2 else x if in_front else x.swapaxes(0, 1)
    outputs = named.cell().sequence(steps, h, cell)
    return [outputs[0] if x.ndim == 2 else outputs if in_front else outputs.swapaxes(0, 1)]


@float_kernel(BidirectionalSequenceLSTMOp)
@hybrid_kernel(BidirectionalSequenceLSTMOp)
def bidirectional_lstm(op: BidirectionalSequenceLSTMOp, operands: Operands) -> Results:
    """An auxiliary input without weights replaces the input of the backward layer."""
    forward, backward, plain = (_Operands(op, operands, prefix) for prefix in ("fw_", "bw_", ""))
    in_front = flag(op.time_major)
    steps, auxiliary = plain.array("input"), plain.array("aux_input")
    if not in_front:
        steps = steps.swapaxes(0, 1)
        auxiliary = None if auxiliary is None else auxiliary.swapaxes(0, 1)
    has_weights = forward.array("aux_input_to_forget_weights") is not None
    behind = steps if auxiliary is None or has_weights else auxiliary
    auxiliary = auxiliary if has_weights else None
    ahead = forward.cell().sequence(
        steps, forward.array("input_activation_state"), forward.array("input_cell_state"), auxiliary=auxiliary
    )
    back = backward.cell().sequence(
        behind,
        backward.array("input_activation_state"),
        backward.array("input_cell_state"),
        backward=True,
        auxiliary=auxiliary,
    )
    outputs = [np.concatenate([ahead, back], -1)] if flag(op.merge_outputs) else [ahead, back]
    return [out if in_front else out.swapaxes(0, 1) for out in outputs]


@float_kernel(BasicLSTMOp)
def basic_lstm(op: BasicLSTMOp, operands: Operands) -> Results:
    """The state is held by operands that are variable tensors, and is updated in place."""
    x, h, weights, bias, cell = operands
    joined = np.concatenate([x, h], -1)
    gates = joined @ weights.T + bias
    opened, update, forget, output = np.split(gates, 4, -1)
    state = sigmoid(opened) * np.tanh(update) + sigmoid(forget) * cell
    out = sigmoid(output) * np.tanh(state)
    for operand, held, new in ((op.prev_activ_input, h, out), (op.prev_state_input, cell, state)):
        if isinstance(operand, OpResult) and names.IS_VARIABLE in operand.op.attributes:
            _store(held, new)
    return [out, state, joined, gates]


def _store(state: Array, new: Array) -> None:
    state[...] = new
