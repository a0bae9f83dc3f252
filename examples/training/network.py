"""A chain of layers, trained with Adam on the cross entropy of a softmax (Kingma and Ba 2015)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from layers import Array, Layer

Labels = npt.NDArray[np.int64]


class Network:
    """Layers, one after the other; the last gives scores."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = layers

    def scores(self, x: Array) -> Array:
        """The scores of a batch before the softmax."""
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def accuracy(self, x: Array, labels: Labels) -> float:
        """The share of samples whose largest score is that of their label."""
        return float((self.scores(x).argmax(axis=1) == labels).mean())

    def train(
        self,
        x: Array,
        labels: Labels,
        random: np.random.Generator,
        *,
        epochs: int,
        rate: float = 1e-3,
        after_each: Callable[[], None] = lambda: None,
    ) -> None:
        """Batches of 32 in random order; the rate falls linearly to 0. `after_each` is called after each step."""
        batch, count = 32, 0
        weights = [weight for layer in self.layers for weight in layer.weights]
        means = [np.zeros_like(weight) for weight in weights]
        squares = [np.zeros_like(weight) for weight in weights]
        steps = epochs * (len(x) // batch)
        for _ in range(epochs):
            order = random.permutation(len(x))
            for start in range(0, len(x) - batch + 1, batch):
                chosen = order[start : start + batch]
                self._backward(self.scores(x[chosen]), labels[chosen])
                count += 1
                gradients = [gradient for layer in self.layers for gradient in layer.gradients]
                for weight, gradient, mean, square in zip(weights, gradients, means, squares, strict=True):
                    mean += 0.1 * (gradient - mean)
                    square += 0.001 * (gradient**2 - square)
                    step = mean / (1 - 0.9**count) / (np.sqrt(square / (1 - 0.999**count)) + 1e-7)
                    weight -= rate * (1 - count / (steps + 1)) * step
                after_each()

    def _backward(self, scores: Array, labels: Labels) -> None:
        parts = np.exp(scores - scores.max(axis=1, keepdims=True))
        gradient = parts / parts.sum(axis=1, keepdims=True)
        gradient[np.arange(len(labels)), labels] -= 1
        gradient /= np.float32(len(labels))
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
