"""Recurrent layers in LiteRT: what their quantized kernels do not take stays float."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, options, random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run
from recurrent_layers import LAYERS, correlated, layer

import tflir

Activation = schema.ActivationFunctionType


def _svdf(times: int, activation: int = Activation.NONE) -> bytes:
    def build(net: Net, x: int) -> int:
        weights = [net.graph.constant("feature", random(32, 40)), net.graph.constant("time", random(32, times))]
        state = net.graph.tensor("state", (1, 32 * times), variable=True)
        how = options("SVDFOptions", rank=1, fusedActivationFunction=activation)
        return net.op("SVDF", "y", [x, *weights, NONE, state], (1, 32), how)

    return model_of(build, (1, 40))


def _lstm(activation: int) -> bytes:
    def build(net: Net, x: int) -> int:
        weights = [net.graph.constant(f"w{n}", random(8, 8, seed=n) * np.float32(0.3)) for n in range(8)]
        biases = [net.graph.constant(f"b{n}", random(8, seed=20 + n) * np.float32(0.1)) for n in range(4)]
        state = [net.graph.tensor(name, (1, 8), variable=True) for name in ("h", "c")]
        operands = [x, *weights, *3 * [NONE], *biases, NONE, NONE, *state, *4 * [NONE]]
        how = options("UnidirectionalSequenceLSTMOptions", fusedActivationFunction=activation)
        return net.op("UNIDIRECTIONAL_SEQUENCE_LSTM", "y", operands, (1, 5, 8), how)

    return model_of(build, (1, 5, 8))


def _rnn() -> bytes:
    def build(net: Net, x: int) -> int:
        weights = [random(16, 128) * np.float32(0.1), random(16, 16) * np.float32(0.1), random(16)]
        operands = [x, *(net.graph.constant(f"c{n}", held) for n, held in enumerate(weights))]
        state = net.graph.tensor("h", (1, 16), variable=True)
        how = options("SequenceRNNOptions", fusedActivationFunction=Activation.TANH)
        return net.op("UNIDIRECTIONAL_SEQUENCE_RNN", "y", [*operands, state], (1, 5, 16), how)

    return model_of(build, (1, 5, 128))


def _compiled(data: bytes, shape: tuple[int, ...] | None = None) -> bytes:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    if shape is not None:
        converter.representative_dataset = lambda: ([random(*shape, seed=n)] for n in range(4))
    return converter.convert()


def _nearness(data: bytes, made: bytes, shape: tuple[int, ...]) -> float:
    return min(
        nearness(run(made, [x], delegate=delegate), run(data, [x]))
        for x in (random(*shape, seed=n) for n in range(4))
        for delegate in (True, False)
    )


def _types(made: bytes, *constants: str) -> list[int]:
    tensors = tree(made)["graphs"][0]["tensors"]
    return [tensors[name]["type"] for name in constants]


@pytest.mark.parametrize(("data", "shape"), [(_svdf(8), (1, 40)), (_rnn(), (1, 5, 128))])
def test_no_recurrent_layer_has_int8_weights_beside_float_ones(data: bytes, shape: tuple[int, ...]) -> None:
    assert _nearness(data, _compiled(data), shape) > 80


def test_where_all_weights_are_large_enough_they_become_int8() -> None:
    made = _compiled(data := _svdf(40))
    assert _types(made, "feature", "time") == [schema.TensorType.INT8] * 2
    assert 25 < _nearness(data, made, (1, 40)) < 80


@pytest.mark.parametrize(
    ("build", "shape", "runs"),
    [
        (lambda: _svdf(8), (1, 40), False),
        (lambda: _svdf(8, Activation.RELU6), (1, 40), False),
        (lambda: _svdf(8, Activation.RELU), (1, 40), True),
        (lambda: _lstm(Activation.RELU), (1, 5, 8), False),
        (lambda: _lstm(Activation.TANH), (1, 5, 8), True),
    ],
)
def test_integer_kernels_compute_one_activation(build: Callable[[], bytes], shape: tuple[int, ...], runs: bool) -> None:
    made = _compiled(data := build(), shape)
    assert (schema.TensorType.INT8 in [t["type"] for t in tree(made)["graphs"][0]["tensors"].values()]) == runs
    assert _nearness(data, made, shape) > 20


@pytest.mark.parametrize("kind", ["LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM"])
def test_a_result_keeps_the_scale_of_its_state(kind: str) -> None:
    """The integer kernels write the state and copy it to the result: a reader in coarser steps gets a copy of it."""
    add, shape, made = LAYERS[kind]()

    def build(net: Net, x: int) -> int:
        wide = net.op("MUL", "wide", [x, net.constant("two", np.array([2], np.float32))], shape, options("MulOptions"))
        how, size = options("ConcatenationOptions", axis=len(made) - 1), (*made[:-1], made[-1] + shape[-1])
        return net.op("CONCATENATION", "z", [add(net, x), wide], size, how)

    given = model_of(build, shape)
    samples = [correlated(shape, n) for n in range(4)]
    converter = tflir.Converter.from_bytes(given)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample] for sample in samples)
    quantized = converter.convert()
    assert all(nearness(run(quantized, [x]), run(given, [x])) > 15 for x in samples)


@pytest.mark.parametrize("kind", ["BIDIRECTIONAL_SEQUENCE_LSTM", "UNIDIRECTIONAL_SEQUENCE_RNN"])
@pytest.mark.parametrize("tf_compat", [False, True])
def test_a_layer_without_an_integer_kernel_stays_float(kind: str, tf_compat: bool) -> None:
    given, shape = layer(kind)
    converter = tflir.Converter.from_bytes(given)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([correlated(shape, n)] for n in range(4))
    converter.tf_compat = tf_compat
    assert _nearness(given, converter.convert(), shape) > 80
