"""Layers of small networks in numpy: each computes its output, and from its gradient those of its input and weights."""

from __future__ import annotations

import abc
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class Layer(abc.ABC):
    """A layer; `weights` are changed in place by the optimizer, `gradients` are in the same order."""

    def __init__(self, *weights: Array) -> None:
        self.weights = list(weights)
        self.gradients: list[Array] = []

    @abc.abstractmethod
    def forward(self, x: Array) -> Array:
        """The output for a batch, whose first axis is the samples."""

    @abc.abstractmethod
    def backward(self, gradient: Array) -> Array:
        """The gradient of the input; keeps those of the weights."""


def drawn(random: np.random.Generator, *shape: int, inputs: int) -> Array:
    """Weights from a normal distribution of variance 2 / inputs (He et al. 2015)."""
    return (random.standard_normal(shape) * np.sqrt(2 / inputs)).astype(np.float32)


class Dense(Layer):
    """y = x Wᵀ + b, with W of shape (outputs, inputs)."""

    def __init__(self, random: np.random.Generator, inputs: int, outputs: int, *, relu: bool = False) -> None:
        super().__init__(drawn(random, outputs, inputs, inputs=inputs), np.zeros(outputs, np.float32))
        self.relu = relu

    def forward(self, x: Array) -> Array:
        self.x = x.reshape(len(x), -1)
        self.shape = x.shape
        y = self.x @ self.weights[0].T + self.weights[1]
        self.y = np.maximum(y, 0) if self.relu else y
        return self.y

    def backward(self, gradient: Array) -> Array:
        if self.relu:
            gradient = gradient * (self.y > 0)
        self.gradients = [gradient.T @ self.x, gradient.sum(axis=0)]
        return (gradient @ self.weights[0]).reshape(self.shape)


class Conv(Layer):
    """A convolution of stride 1 with ReLU; filters of shape (outputs, height, width, inputs)."""

    def __init__(self, random: np.random.Generator, inputs: int, outputs: int, *, size: int = 3, same: bool) -> None:
        filters = drawn(random, outputs, size, size, inputs, inputs=size * size * inputs)
        super().__init__(filters, np.zeros(outputs, np.float32))
        self.size, self.pad = size, (size - 1) // 2 if same else 0

    def forward(self, x: Array) -> Array:
        edge = (self.pad, self.pad)
        padded = np.pad(x, ((0, 0), edge, edge, (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (self.size, self.size), axis=(1, 2))
        self.patches = windows.transpose(0, 1, 2, 4, 5, 3).reshape(*windows.shape[:3], -1)
        filters = self.weights[0].reshape(len(self.weights[0]), -1)
        self.y = np.maximum(self.patches @ filters.T + self.weights[1], 0)
        return self.y

    def backward(self, gradient: Array) -> Array:
        gradient = gradient * (self.y > 0)
        rows = gradient.reshape(-1, gradient.shape[-1])
        patches = self.patches.reshape(len(rows), -1)
        self.gradients = [(rows.T @ patches).reshape(self.weights[0].shape), rows.sum(axis=0)]
        back = (rows @ self.weights[0].reshape(len(self.weights[0]), -1)).reshape(
            *gradient.shape[:3], self.size, self.size, -1
        )
        count, height, width = gradient.shape[:3]
        whole = np.zeros((count, height + self.size - 1, width + self.size - 1, back.shape[-1]), np.float32)
        for i in range(self.size):
            for j in range(self.size):
                whole[:, i : i + height, j : j + width] += back[:, :, :, i, j]
        ends = slice(self.pad, -self.pad) if self.pad else slice(None)
        return whole[:, ends, ends]


class MaxPool(Layer):
    """The largest of each 2x2 block."""

    def forward(self, x: Array) -> Array:
        count, height, width, channels = x.shape
        self.blocks = x.reshape(count, height // 2, 2, width // 2, 2, channels)
        self.y = self.blocks.max(axis=(2, 4))
        return self.y

    def backward(self, gradient: Array) -> Array:
        hit = self.blocks == self.y[:, :, None, :, None]
        spread = hit * (gradient[:, :, None, :, None] / hit.sum(axis=(2, 4), keepdims=True))
        count, height, _, width, _, channels = spread.shape
        return spread.reshape(count, 2 * height, 2 * width, channels).astype(np.float32)


class Lstm(Layer):
    """A long short-term memory over (samples, steps, inputs), of which the last output counts (Hochreiter 1997).

    The rows of the weights are the gates: input, forget, cell, output.
    """

    def __init__(self, random: np.random.Generator, inputs: int, units: int) -> None:
        bias = np.zeros(4 * units, np.float32)
        bias[units : 2 * units] = 1  # begin by remembering
        kernel, recurrent = (
            drawn(random, 4 * units, inputs, inputs=2 * inputs),
            drawn(random, 4 * units, units, inputs=2 * units),
        )
        super().__init__(kernel, recurrent, bias)
        self.units = units

    def forward(self, x: Array) -> Array:
        kernel, recurrent, bias = self.weights
        state = cell = np.zeros((len(x), self.units), np.float32)
        self.x, self.steps = x, list[Any]()
        for step in range(x.shape[1]):
            gates = x[:, step] @ kernel.T + state @ recurrent.T + bias
            entering, kept, new, out = np.split(gates, 4, axis=1)
            entering, kept, out = (1 / (1 + np.exp(-gate)) for gate in (entering, kept, out))
            new = np.tanh(new)
            before, held = state, cell
            cell = kept * cell + entering * new
            state = out * np.tanh(cell)
            self.steps.append((before, held, cell, entering, kept, new, out))
        return state

    def backward(self, gradient: Array) -> Array:
        kernel, recurrent, _ = self.weights
        self.gradients = [np.zeros_like(weight) for weight in self.weights]
        of_cell = np.zeros_like(gradient)
        of_x = np.zeros_like(self.x)
        for step in reversed(range(self.x.shape[1])):
            before, held, cell, entering, kept, new, out = self.steps[step]
            wide = np.tanh(cell)
            of_cell = of_cell + gradient * out * (1 - wide**2)
            parts = (
                of_cell * new * entering * (1 - entering),
                of_cell * held * kept * (1 - kept),
                of_cell * entering * (1 - new**2),
                gradient * wide * out * (1 - out),
            )
            of_gates = np.concatenate(parts, axis=1)
            for place, part in enumerate((of_gates.T @ self.x[:, step], of_gates.T @ before, of_gates.sum(axis=0))):
                self.gradients[place] += part
            of_x[:, step] = of_gates @ kernel
            gradient, of_cell = of_gates @ recurrent, of_cell * kept
        return of_x
