"""One step of a long short-term memory cell (Hochreiter and Schmidhuber, 1997), with LiteRT's options.

With peephole connections the gates also read the cell state; without an input gate, it is 1 - the forget gate; gates
may be normalized over their units (Ba et al., "Layer Normalization", 2016); the output may be projected.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tflir.backends.interpreter.float_activations import sigmoid
from tflir.backends.interpreter.kernel import Array
from tflir.backends.interpreter.recurrent_products import Weights

_VARIANCE_OF_CONSTANT = 1e-8


@dataclass(frozen=True)
class Gate:
    """The weights and the bias of a gate; all but the weights of the input may be absent."""

    inputs: Weights
    recurrent: Weights | None
    peephole: Array | None
    bias: Array | None
    norm: Array | None
    auxiliary: Weights | None = None

    def value(self, x: Array, h: Array, cell: Array, auxiliary: Array | None = None) -> Array:
        """The gate before its activation."""
        total = self.inputs.product(x)
        if self.auxiliary is not None and auxiliary is not None:
            total += self.auxiliary.product(auxiliary)
        if self.recurrent is not None:
            total += self.recurrent.product(h)
        if self.peephole is not None:
            total += cell * self.peephole
        if self.norm is not None:
            total = _normalized(total) * self.norm
        return total if self.bias is None else total + self.bias


def _normalized(rows: Array) -> Array:
    """Each row minus its mean, divided by its standard deviation."""
    centred = rows - rows.mean(1, keepdims=True)
    variance = np.square(centred).mean(1, keepdims=True)
    return centred / np.sqrt(np.where(variance == 0, np.float32(_VARIANCE_OF_CONSTANT), variance))


@dataclass(frozen=True)
class Cell:
    """The gates, the activation, the projection and the limits of a cell."""

    input: Gate | None
    forget: Gate
    update: Gate
    output: Gate
    projection: Weights | None
    projection_bias: Array | None
    cell_clip: float
    projection_clip: float
    activation: Callable[[Array], Array]

    def step(self, x: Array, h: Array, cell: Array, auxiliary: Array | None = None) -> tuple[Array, Array]:
        """The output and the cell state after input `x` [batch, inputs], given those before it."""
        forget = sigmoid(self.forget.value(x, h, cell, auxiliary))
        opened = np.float32(1) - forget if self.input is None else sigmoid(self.input.value(x, h, cell, auxiliary))
        update = self.activation(self.update.value(x, h, cell, auxiliary))
        cell = _clipped(forget * cell + opened * update, self.cell_clip)
        out = sigmoid(self.output.value(x, h, cell, auxiliary)) * self.activation(cell)
        if self.projection is not None:
            out = self.projection.product(out)
            out = _clipped(out if self.projection_bias is None else out + self.projection_bias, self.projection_clip)
        return out, cell

    def sequence(
        self, steps: Array, h: Array, cell: Array, *, backward: bool = False, auxiliary: Array | None = None
    ) -> Array:
        """The outputs of all `steps` [time, batch, inputs]; `h` and `cell` hold the state and are updated in place."""
        order: Sequence[int] = range(len(steps))
        outputs = np.empty((*steps.shape[:2], h.shape[-1]), h.dtype)
        for time in reversed(order) if backward else order:
            h[...], cell[...] = self.step(steps[time], h, cell, None if auxiliary is None else auxiliary[time])
            outputs[time] = h
        return outputs


def _clipped(x: Array, limit: float) -> Array:
    return np.clip(x, -np.float32(limit), np.float32(limit)) if limit > 0 else x
