"""Rules that store the weights of recurrent layers behind a DEQUANTIZE: the layer computes in float."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import options, random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run
from recurrent_layers import KINDS, TANH, UNITS, biases, correlated, layer, states, weights

import tflir


def _converted(data: bytes, folder: pathlib.Path, weights: str, shape: tuple[int, ...] | None = None) -> bytes:
    rules = folder / "r.toml"
    rules.write_text(f"[[rule]]\nweights = {{{weights}}}\n")
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(rules)
    if shape is not None:
        converter.representative_dataset = lambda: ([correlated(shape, n)] for n in range(16))
    return converter.convert()


def _nearness(data: bytes, made: bytes, shape: tuple[int, ...]) -> float:
    return min(
        nearness(run(made, [x], delegate=delegate), run(data, [x]))
        for x in (correlated(shape, 50 + n) for n in range(4))
        for delegate in (True, False)
    )


def _types_of_weights(made: bytes) -> set[int]:
    tensors = tree(made)["graphs"][0]["tensors"]
    return {tensor["type"] for name, tensor in tensors.items() if str(name).startswith("w_")}


@pytest.mark.parametrize(("bits", "stored", "least"), [(8, "INT8", 35), (4, "INT4", 5)])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_stores_all_weights_behind_a_dequantize(
    kind: str, granularity: str, bits: int, stored: str, least: float, tmp_path: pathlib.Path
) -> None:
    data, shape = layer(kind)
    made = _converted(data, tmp_path, f'bits = {bits}, granularity = "{granularity}", form = "dequantize"')
    assert _types_of_weights(made) == {getattr(schema.TensorType, stored)}
    assert _nearness(data, made, shape) > least


@pytest.mark.parametrize("kind", KINDS)
def test_they_may_have_zero_points(kind: str, tmp_path: pathlib.Path) -> None:
    data, shape = layer(kind)
    made = _converted(data, tmp_path, 'bits = 8, form = "dequantize", symmetric = false')
    assert _types_of_weights(made) == {schema.TensorType.INT8}
    assert _nearness(data, made, shape) > 35


@pytest.mark.parametrize("kind", KINDS)
def test_they_err_less_behind_a_dequantize_than_as_a_hybrid_layer_reads_them(kind: str, tmp_path: pathlib.Path) -> None:
    data, shape = layer(kind)
    hybrid, behind = (_converted(data, tmp_path, f'bits = 8, form = "{form}"') for form in ("hybrid", "dequantize"))
    assert _nearness(data, behind, shape) > _nearness(data, hybrid, shape)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "SVDF"])
def test_they_are_rounded_by_what_the_layer_reads(kind: str, tmp_path: pathlib.Path) -> None:
    data, shape = layer(kind)
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
        matrices = [weights(net, "x", UNITS, 128), net.graph.constant("broken", broken), *biases(net, "", 1)]
        how = options("SequenceRNNOptions", fusedActivationFunction=TANH)
        return net.op("UNIDIRECTIONAL_SEQUENCE_RNN", "y", [x, *matrices, *states(net, "s", UNITS)], (1, 2, UNITS), how)

    made = _converted(model_of(build, (1, 2, 128)), tmp_path, 'bits = 8, form = "dequantize"')
    tensors = tree(made)["graphs"][0]["tensors"]
    assert tensors["w_x"]["type"] == schema.TensorType.INT8
    assert tensors["broken"]["type"] == schema.TensorType.FLOAT32
