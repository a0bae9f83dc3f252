"""Rules that store the weights of recurrent layers behind a DEQUANTIZE: the layer computes in float."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, options, random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run

import tflir

TANH = schema.ActivationFunctionType.TANH
STEPS, INPUTS, UNITS, OUTPUTS = 5, 12, 16, 8
Built = tuple[bytes, tuple[int, ...]]
"""A model of one layer, and the shape of its input."""


def _weights(net: Net, name: str, *shape: int) -> int:
    return net.graph.constant(f"w_{name}", random(*shape, seed=len(name) + sum(map(ord, name))) * np.float32(0.4))


def _biases(net: Net, name: str, count: int = 4) -> list[int]:
    return [net.graph.constant(f"b_{name}{n}", random(UNITS, seed=n) * np.float32(0.1)) for n in range(count)]


def _states(net: Net, name: str, *sizes: int) -> list[int]:
    return [net.graph.tensor(f"{name}{n}", (1, size), variable=True) for n, size in enumerate(sizes)]


def _gates(net: Net, name: str, columns: int) -> list[int]:
    return [_weights(net, f"{name}{n}", UNITS, columns) for n in range(4)]


def _lstm(kind: str, *, peephole: bool) -> Built:
    shape = (1, INPUTS) if kind == "LSTM" else (1, STEPS, INPUTS)

    def build(net: Net, x: int) -> int:
        holes = [_weights(net, f"p{n}", UNITS) for n in range(3)] if peephole else 3 * [NONE]
        projection = [_weights(net, "projection", OUTPUTS, UNITS), NONE]
        weights = [*_gates(net, "x", INPUTS), *_gates(net, "h", OUTPUTS), *holes]
        operands = [x, *weights, *_biases(net, ""), *projection, *_states(net, "s", OUTPUTS, UNITS), *4 * [NONE]]
        how = options("LSTMOptions" if kind == "LSTM" else "UnidirectionalSequenceLSTMOptions",
                      fusedActivationFunction=TANH)  # fmt: skip
        return net.op(kind, "y", operands, (*shape[:-1], OUTPUTS), how)

    return model_of(build, shape), shape


def _bidirectional() -> Built:
    shape = (1, STEPS, INPUTS)

    def build(net: Net, x: int) -> int:
        layers = [
            [
                *_gates(net, f"x{way}", INPUTS),
                *_gates(net, f"h{way}", UNITS),
                *3 * [NONE],
                *_biases(net, way),
                NONE,
                NONE,
            ]
            for way in ("forward", "backward")
        ]
        operands = [x, *layers[0], *layers[1], *_states(net, "s", *4 * [UNITS]), *9 * [NONE]]
        how = options(
            "BidirectionalSequenceLSTMOptions", fusedActivationFunction=TANH, mergeOutputs=True, timeMajor=False
        )
        return net.op("BIDIRECTIONAL_SEQUENCE_LSTM", "y", operands, (*shape[:-1], 2 * UNITS), how)

    return model_of(build, shape), shape


def _rnn() -> Built:
    shape = (1, STEPS, INPUTS)

    def build(net: Net, x: int) -> int:
        weights = [_weights(net, "x", UNITS, INPUTS), _weights(net, "h", UNITS, UNITS), *_biases(net, "", 1)]
        how = options("SequenceRNNOptions", fusedActivationFunction=TANH)
        return net.op("UNIDIRECTIONAL_SEQUENCE_RNN", "y", [x, *weights, *_states(net, "s", UNITS)],
                      (*shape[:-1], UNITS), how)  # fmt: skip

    return model_of(build, shape), shape


def _svdf() -> Built:
    def build(net: Net, x: int) -> int:
        weights = [_weights(net, "feature", UNITS, INPUTS), _weights(net, "time", UNITS, STEPS), NONE]
        how = options("SVDFOptions", rank=1)
        return net.op("SVDF", "y", [x, *weights, *_states(net, "s", UNITS * STEPS)], (1, UNITS), how)

    return model_of(build, (1, INPUTS)), (1, INPUTS)


LAYERS = {
    "LSTM": lambda: _lstm("LSTM", peephole=True),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": lambda: _lstm("UNIDIRECTIONAL_SEQUENCE_LSTM", peephole=True),
    "BIDIRECTIONAL_SEQUENCE_LSTM": _bidirectional,
    "UNIDIRECTIONAL_SEQUENCE_RNN": _rnn,
    "SVDF": _svdf,
}


def _correlated(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Inputs that lie near a plane."""
    return random(*shape[:-1], 2, seed=seed) @ random(2, INPUTS, seed=99) + np.float32(0.05) * random(*shape, seed=seed)


def _converted(data: bytes, folder: pathlib.Path, weights: str, shape: tuple[int, ...] | None = None) -> bytes:
    rules = folder / "r.toml"
    rules.write_text(f"[[rule]]\nweights = {{{weights}}}\n")
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(rules)
    if shape is not None:
        converter.representative_dataset = lambda: ([_correlated(shape, n)] for n in range(16))
    return converter.convert()


def _nearness(data: bytes, made: bytes, shape: tuple[int, ...]) -> float:
    return min(
        nearness(run(made, [x], delegate=delegate), run(data, [x]))
        for x in (_correlated(shape, 50 + n) for n in range(4))
        for delegate in (True, False)
    )


def _types_of_weights(made: bytes) -> set[int]:
    tensors = tree(made)["graphs"][0]["tensors"]
    return {tensor["type"] for name, tensor in tensors.items() if str(name).startswith("w_")}


@pytest.mark.parametrize(("bits", "stored", "least"), [(8, "INT8", 35), (4, "INT4", 5)])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("kind", LAYERS)
def test_a_rule_stores_all_weights_behind_a_dequantize(
    kind: str, granularity: str, bits: int, stored: str, least: float, tmp_path: pathlib.Path
) -> None:
    data, shape = LAYERS[kind]()
    made = _converted(data, tmp_path, f'bits = {bits}, granularity = "{granularity}", form = "dequantize"')
    assert _types_of_weights(made) == {getattr(schema.TensorType, stored)}
    assert _nearness(data, made, shape) > least


@pytest.mark.parametrize("kind", LAYERS)
def test_they_may_have_zero_points(kind: str, tmp_path: pathlib.Path) -> None:
    data, shape = LAYERS[kind]()
    made = _converted(data, tmp_path, 'bits = 8, form = "dequantize", symmetric = false')
    assert _types_of_weights(made) == {schema.TensorType.INT8}
    assert _nearness(data, made, shape) > 35


@pytest.mark.parametrize("kind", LAYERS)
def test_they_err_less_behind_a_dequantize_than_as_a_hybrid_layer_reads_them(kind: str, tmp_path: pathlib.Path) -> None:
    data, shape = LAYERS[kind]()
    hybrid, behind = (_converted(data, tmp_path, f'bits = 8, form = "{form}"') for form in ("hybrid", "dequantize"))
    assert _nearness(data, behind, shape) > _nearness(data, hybrid, shape)


@pytest.mark.parametrize("kind", [kind for kind in LAYERS if kind != "SVDF"])
def test_they_are_rounded_by_what_the_layer_reads(kind: str, tmp_path: pathlib.Path) -> None:
    data, shape = LAYERS[kind]()
    nearest, rounded = (
        _converted(data, tmp_path, f'bits = 4, form = "dequantize", algorithm = "{algorithm}"', data_of)
        for algorithm, data_of in (("minmax", None), ("gptq", shape))
    )
    assert len(nearest) == len(rounded)
    assert _nearness(data, rounded, shape) > _nearness(data, nearest, shape)


def test_a_constant_that_can_not_be_rounded_stays_float_and_the_layer_with_it(tmp_path: pathlib.Path) -> None:
    """The hybrid kernel reads either all weights as int8 or none."""

    def build(net: Net, x: int) -> int:
        broken = random(UNITS, UNITS)
        broken[0, 0] = np.inf
        weights = [_weights(net, "x", UNITS, 128), net.graph.constant("broken", broken), *_biases(net, "", 1)]
        how = options("SequenceRNNOptions", fusedActivationFunction=TANH)
        return net.op("UNIDIRECTIONAL_SEQUENCE_RNN", "y", [x, *weights, *_states(net, "s", UNITS)], (1, 2, UNITS), how)

    made = _converted(model_of(build, (1, 2, 128)), tmp_path, 'bits = 8, form = "dequantize"')
    tensors = tree(made)["graphs"][0]["tensors"]
    assert tensors["w_x"]["type"] == schema.TensorType.INT8
    assert tensors["broken"]["type"] == schema.TensorType.FLOAT32
