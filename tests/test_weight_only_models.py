"""Models whose weights lie behind a DEQUANTIZE, as weight-only quantization writes them, become integer models.

Weights that a kernel reads as they are stored keep their integers; others are rounded anew.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import Model, options, random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run
from recurrent_layers import KINDS, correlated, layer

import tflir

_INPUT = (1, 6, 6, 8)
_FORMS = [(8, True), (8, False), (4, True), (4, False), (2, True), (2, False)]
_NAMES = [f"{'' if symmetric else 'asymmetric '}int{bits}" for bits, symmetric in _FORMS]
_INT16 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"


def _layers(net: Net, x: int) -> int:
    a = net.conv("a", x, random(16, 3, 3, 8, seed=1), random(16, seed=2))
    b = net.depthwise("b", a, random(1, 2, 2, 16, seed=3), random(16, seed=4))
    c = net.op("PRELU", "c", [b, net.constant("alpha", np.abs(random(1, 1, 16, seed=5)))], net.shape(b))
    return net.dense("d", net.reshape("flat", c, (1, 144)), random(10, 144, seed=6), random(10, seed=7))


def _rows() -> bytes:
    """GATHER of a table, whose rows FULLY_CONNECTED reads."""
    model = Model()
    graph = model.graph()
    net, ids = Net(graph), graph.tensor("ids", (5,), np.int32)
    table = net.constant("table", random(64, 32, seed=8))
    rows = net.op("GATHER", "rows", [table, ids], (5, 32), options("GatherOptions"))
    graph.io([ids], [net.dense("y", rows, random(8, 32, seed=9), random(8, seed=10))])
    return model.to_bytes()


def _weight_only(data: bytes, folder: pathlib.Path, bits: int, *, symmetric: bool) -> bytes:
    more = "" if symmetric else ", symmetric = false"
    (folder / "r.toml").write_text(f'[[rule]]\nweights = {{bits = {bits}, form = "dequantize"{more}}}\n')
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(folder / "r.toml")
    return converter.convert()


def _integer(data: bytes, samples: list[np.ndarray], activations: str = "int8") -> bytes:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample] for sample in samples)
    if activations == "int16":
        converter.target_spec.supported_ops = [tflir.OpsSet(_INT16), tflir.OpsSet.TFLITE_BUILTINS]
    return converter.convert()


def _agree(made: bytes, given: bytes, samples: list[np.ndarray], least: float) -> None:
    for x in samples:
        wanted = run(given, [x])
        assert all(nearness(run(made, [x], delegate=delegate), wanted) > least for delegate in (False, True))


@pytest.mark.parametrize("activations", ["int8", "int16"])
@pytest.mark.parametrize(("bits", "symmetric"), _FORMS, ids=_NAMES)
def test_layers(bits: int, symmetric: bool, activations: str, tmp_path: pathlib.Path) -> None:
    given = _weight_only(model_of(_layers, _INPUT), tmp_path, bits, symmetric=symmetric)
    samples = [random(*_INPUT, seed=20 + n) for n in range(8)]
    made = _integer(given, samples, activations)
    _agree(made, given, samples, 25)
    codes = [op["code"] for op in tree(made)["graphs"][0]["operators"]]
    of_output, beside_prelu = 1, 2  # PRELU has no int16 kernel: it reads its input and its slopes as float
    wanted = of_output + (beside_prelu if activations == "int16" else 0)
    assert codes.count(schema.BuiltinOperator.DEQUANTIZE) == wanted


@pytest.mark.parametrize(("bits", "symmetric"), _FORMS, ids=_NAMES)
def test_tables(bits: int, symmetric: bool, tmp_path: pathlib.Path) -> None:
    given = _weight_only(_rows(), tmp_path, bits, symmetric=symmetric)
    samples = [np.array([n, 9, 60 - n, 3, 33], np.int32) for n in range(8)]
    _agree(_integer(given, samples), given, samples, 25)


@pytest.mark.parametrize(("bits", "symmetric"), _FORMS, ids=_NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_recurrent_layers(kind: str, bits: int, symmetric: bool, tmp_path: pathlib.Path) -> None:
    data, shape = layer(kind, reader="TANH")
    given = _weight_only(data, tmp_path, bits, symmetric=symmetric)
    samples = [correlated(shape, 50 + n) for n in range(8)]
    _agree(_integer(given, samples), given, samples, 15)


def test_integers_that_the_kernel_reads_stay(tmp_path: pathlib.Path) -> None:
    """CONV_2D and FULLY_CONNECTED beside int8 read int4 weights; PRELU does not."""
    given = _weight_only(model_of(_layers, _INPUT), tmp_path, 4, symmetric=True)
    made = _integer(given, [random(*_INPUT, seed=20 + n) for n in range(8)])
    stored = {name: tensor["type"] for name, tensor in tree(made)["graphs"][0]["tensors"].items()}
    types = {name: stored[held] for name in ("a/w", "d/w", "alpha") for held in stored if str(held).startswith(name)}
    assert types == {"a/w": schema.TensorType.INT4, "d/w": schema.TensorType.INT4, "alpha": schema.TensorType.INT8}


@pytest.mark.parametrize("symmetric", [True, False])
def test_that_gptq_has_nothing_to_round_is_said(symmetric: bool, tmp_path: pathlib.Path) -> None:
    given = _weight_only(model_of(_layers, _INPUT), tmp_path, 8, symmetric=symmetric)
    for data, silent in ((given, False), (model_of(_layers, _INPUT), True)):
        converter = tflir.Converter.from_bytes(data)
        converter.optimizations = [tflir.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([random(*_INPUT, seed=20 + n)] for n in range(4))
        converter.weight_algorithm = "gptq"
        converter.convert()
        assert (not any("no layer has float weights" in line for line in converter.remarks)) == silent
