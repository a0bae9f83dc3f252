"""A search leaves the zeros of weights out where that takes fewer bytes."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from models_builder import random
from net_builder import RELU, Net, model_of
from object_tree import tree
from recording import nearness, run
from sparse_models import holed

from tflir.cli import main

SHAPE = (1, 96)
BOUND = 35.0


def _net(net: Net, x: int) -> int:
    first = net.dense("first", x, holed((128, 96), 0.85, 16), random(128), act=RELU)
    second = net.dense("second", first, holed((128, 128), 0.9, seed=2), random(128, seed=3), act=RELU)
    return net.dense("third", second, random(10, 128, seed=4), random(10, seed=5))


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(model_of(_net, SHAPE))
    np.savez(tmp_path / "d.npz", x=random(32, *SHAPE, seed=6))
    np.savez(tmp_path / "v.npz", x=random(32, *SHAPE, seed=7))
    return tmp_path


def _searched(name: str, *given: str) -> bytes:
    words = ["search", "m.tflite", "-o", name, "--force", "--bound", f"snr>={BOUND}"]
    assert main([*words, "--representative-dataset", "d.npz", "--validation-dataset", "v.npz", *given]) == 0
    return pathlib.Path(name).read_bytes()


def _sparse(model: bytes) -> int:
    return sum(bool(tensor.get("sparsity")) for tensor in tree(model)["graphs"][0]["tensors"].values())


def test_zeros_are_left_out_and_the_rules_give_the_same_model(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dense = _searched("dense.tflite", "--sparse-weights", "off")
    assert "zeros" not in capsys.readouterr().err
    made = _searched("sparse.tflite", "--rules-out", "r.toml", "--trace", "t.json")
    said = capsys.readouterr().err
    assert (_sparse(dense), _sparse(made)) == (0, 2)
    assert len(made) < 0.8 * len(dense)
    line = next(line for line in said.splitlines() if line.startswith("zeros of 2 weights left out: compile the rules"))
    for delegate in (True, False):
        source = (folder / "m.tflite").read_bytes()
        near = [nearness(run(made, [x], delegate=delegate), run(source, [x])) for x in np.load("v.npz")["x"][::8]]
        assert min(near) > BOUND - 5
    given = [*line.split(" with ")[1].split(), "--recipe", "r.toml", "--representative-dataset", "d.npz"]
    assert main(["compile", "m.tflite", "-o", "again.tflite", *given, "--bias-correction", "auto"]) == 0
    assert pathlib.Path("again.tflite").read_bytes() == made
    trace = json.loads(pathlib.Path("t.json").read_text())
    (second,) = (layer for layer in trace["layers"] if layer["name"] == "second")
    costs = {form["kind"]: form["cost"] for form in second["forms"]}
    # A tenth of the weights in a byte each, and their places, take less than all of them in half a byte.
    assert costs["int8 per channel"] < min(0, costs["int4 per channel"])


def test_with_latency_in_view_as_well(folder: pathlib.Path) -> None:
    made = _searched("fast.tflite", "--minimize", "latency")
    source = (folder / "m.tflite").read_bytes()
    near = [nearness(run(made, [x]), run(source, [x])) for x in np.load("v.npz")["x"][::8]]
    assert min(near) > BOUND - 5


def test_several_workers_find_the_same(folder: pathlib.Path) -> None:
    assert _searched("two.tflite", "--jobs", "2", "-q") == _searched("one.tflite", "-q")
