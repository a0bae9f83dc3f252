"""Recurrent layers as models of one layer, or of one layer and an op that reads its result."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, options, random
from net_builder import Net, model_of

TANH = schema.ActivationFunctionType.TANH
STEPS, INPUTS, UNITS, OUTPUTS = 5, 12, 16, 8
Shape = tuple[int, ...]
Layer = tuple[Callable[[Net, int], int], Shape, Shape]
"""What adds a layer to a network, and the shapes of its input and of its result."""


def weights(net: Net, name: str, *shape: int) -> int:
    return net.graph.constant(f"w_{name}", random(*shape, seed=len(name) + sum(map(ord, name))) * np.float32(0.4))


def biases(net: Net, name: str, count: int = 4) -> list[int]:
    return [net.graph.constant(f"b_{name}{n}", random(UNITS, seed=n) * np.float32(0.1)) for n in range(count)]


def states(net: Net, name: str, *sizes: int) -> list[int]:
    return [net.graph.tensor(f"{name}{n}", (1, size), variable=True) for n, size in enumerate(sizes)]


def _gates(net: Net, name: str, columns: int) -> list[int]:
    return [weights(net, f"{name}{n}", UNITS, columns) for n in range(4)]


def _lstm(kind: str, *, peephole: bool) -> Layer:
    shape = (1, INPUTS) if kind == "LSTM" else (1, STEPS, INPUTS)

    def build(net: Net, x: int) -> int:
        holes = [weights(net, f"p{n}", UNITS) for n in range(3)] if peephole else 3 * [NONE]
        projection = [weights(net, "projection", OUTPUTS, UNITS), NONE]
        matrices = [*_gates(net, "x", INPUTS), *_gates(net, "h", OUTPUTS), *holes]
        operands = [x, *matrices, *biases(net, ""), *projection, *states(net, "s", OUTPUTS, UNITS), *4 * [NONE]]
        how = options("LSTMOptions" if kind == "LSTM" else "UnidirectionalSequenceLSTMOptions",
                      fusedActivationFunction=TANH)  # fmt: skip
        return net.op(kind, "y", operands, (*shape[:-1], OUTPUTS), how)

    return build, shape, (*shape[:-1], OUTPUTS)


def _bidirectional() -> Layer:
    shape = (1, STEPS, INPUTS)

    def build(net: Net, x: int) -> int:
        layers = [
            [
                *_gates(net, f"x{way}", INPUTS),
                *_gates(net, f"h{way}", UNITS),
                *3 * [NONE],
                *biases(net, way),
                NONE,
                NONE,
            ]
            for way in ("forward", "backward")
        ]
        operands = [x, *layers[0], *layers[1], *states(net, "s", *4 * [UNITS]), *9 * [NONE]]
        how = options(
            "BidirectionalSequenceLSTMOptions", fusedActivationFunction=TANH, mergeOutputs=True, timeMajor=False
        )
        return net.op("BIDIRECTIONAL_SEQUENCE_LSTM", "y", operands, (*shape[:-1], 2 * UNITS), how)

    return build, shape, (*shape[:-1], 2 * UNITS)


def _rnn() -> Layer:
    shape = (1, STEPS, INPUTS)

    def build(net: Net, x: int) -> int:
        matrices = [weights(net, "x", UNITS, INPUTS), weights(net, "h", UNITS, UNITS), *biases(net, "", 1)]
        how = options("SequenceRNNOptions", fusedActivationFunction=TANH)
        return net.op("UNIDIRECTIONAL_SEQUENCE_RNN", "y", [x, *matrices, *states(net, "s", UNITS)],
                      (*shape[:-1], UNITS), how)  # fmt: skip

    return build, shape, (*shape[:-1], UNITS)


def _svdf() -> Layer:
    def build(net: Net, x: int) -> int:
        matrices = [weights(net, "feature", UNITS, INPUTS), weights(net, "time", UNITS, STEPS), NONE]
        how = options("SVDFOptions", rank=1)
        return net.op("SVDF", "y", [x, *matrices, *states(net, "s", UNITS * STEPS)], (1, UNITS), how)

    return build, (1, INPUTS), (1, UNITS)


LAYERS = {
    "LSTM": lambda: _lstm("LSTM", peephole=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lambda: _lstm("UNIDIRECTIONAL_SEQUENCE_LSTM", peephole=True),
    "BIDIRECTIONAL_SEQUENCE_LSTM": _bidirectional,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _rnn,
    "SVDF": _svdf,
}
KINDS = tuple(LAYERS)


def layer(kind: str, *, reader: str = "") -> tuple[bytes, Shape]:
    """A model of one layer, and of an op that reads its result; and the shape of its input."""
    build, shape, result = LAYERS[kind]()

    def whole(net: Net, x: int) -> int:
        y = build(net, x)
        return net.op(reader, "z", [y], result) if reader else y

    return model_of(whole, shape), shape


def correlated(shape: Shape, seed: int) -> np.ndarray:
    """Inputs that lie near a plane."""
    return random(*shape[:-1], 2, seed=seed) @ random(2, INPUTS, seed=99) + np.float32(0.05) * random(*shape, seed=seed)
