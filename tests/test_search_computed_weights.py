"""`tflir search` on weights that a model computes from constants: a table, and its transpose for another layer."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Model, options, random
from net_builder import Net
from object_tree import tree
from recording import nearness, run

from tflir.cli import main

_ROWS, _COLUMNS = 256, 24


def _model() -> bytes:
    """Two layers with one table, the second of which reads its transpose, and one with a transpose of its own."""
    model = Model()
    graph = model.graph()
    net, order = Net(graph), graph.constant("order", np.int32([1, 0]))

    def dense(name: str, x: int, weights: int) -> int:
        shape = (net.shape(x)[0], net.shape(weights)[0])
        return net.op("FULLY_CONNECTED", name, [x, weights, NONE], shape, options("FullyConnectedOptions"))

    def turned(name: str, constant: int) -> int:
        return net.op("TRANSPOSE", name, [constant, order], net.shape(constant)[::-1], options("TransposeOptions"))

    x = graph.tensor("x", (2, _COLUMNS))
    table, own = (net.constant(name, random(rows, _COLUMNS)) for name, rows in (("table", _ROWS), ("own", _COLUMNS)))
    wide = dense("direct", x, table)
    narrow = dense("computed", wide, turned("table_turned", table))
    graph.io([x], [dense("alone", narrow, turned("own_turned", own))])
    return model.to_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("computed")
    (made / "model.tflite").write_bytes(_model())
    np.savez(made / "a.npz", x=random(16, 2, _COLUMNS, seed=3))
    np.savez(made / "v.npz", x=random(16, 2, _COLUMNS, seed=4))
    return made


def _search(folder: pathlib.Path, bound: str, *more: str) -> bytes:
    data = ["--representative-dataset", str(folder / "a.npz"), "--validation-dataset", str(folder / "v.npz")]
    words = ["search", str(folder / "model.tflite"), *data, "--bound", bound, "-o", str(folder / "out.tflite")]
    assert main([*words, "--force", "--rules-out", str(folder / "rules.toml"), *more]) == 0
    return (folder / "out.tflite").read_bytes()


def _snr(folder: pathlib.Path, made: bytes) -> float:
    samples = [[sample] for sample in np.load(folder / "v.npz")["x"]]
    return min(nearness(run(made, one), run(_model(), one)) for one in samples)


@pytest.mark.parametrize("goal", ["size", "latency"])
def test_layers_with_weights_from_one_table_are_one_and_become_integers(folder: pathlib.Path, goal: str) -> None:
    trace = folder / "trace.json"
    made = _search(folder, "snr>=30", "--trace", str(trace), "--minimize", goal)
    assert [layer["name"] for layer in json.loads(trace.read_text())["layers"]] == ["direct", "alone"]
    codes = [op["code"] for op in tree(made)["graphs"][0]["operators"]]
    assert schema.BuiltinOperator.TRANSPOSE not in codes
    assert len(made) < (0.6 if goal == "size" else 0.8) * len(_model())
    assert _snr(folder, made) > 28


@pytest.mark.parametrize("bound", ["snr>=30", "snr>=45", "snr>=60", "snr>=120"])
def test_the_rules_give_the_same_model(folder: pathlib.Path, bound: str) -> None:
    made, again = _search(folder, bound), folder / "again.tflite"
    words = ["compile", str(folder / "model.tflite"), "-o", str(again), "--force", "--bias-correction", "auto"]
    data = ["--representative-dataset", str(folder / "a.npz")]
    assert main([*words, "--recipe", str(folder / "rules.toml"), *data]) == 0
    assert again.read_bytes() == made


def test_weights_that_stay_float_are_computed_by_the_model(folder: pathlib.Path) -> None:
    made = _search(folder, "snr>=200")
    codes = [op["code"] for op in tree(made)["graphs"][0]["operators"]]
    assert codes.count(schema.BuiltinOperator.TRANSPOSE) >= 1
    assert len(made) <= len(_model())


def test_workers_find_the_same_model(folder: pathlib.Path) -> None:
    assert _search(folder, "snr>=40", "--jobs", "2") == _search(folder, "snr>=40")
