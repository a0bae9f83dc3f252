"""`--float-regions`: normalizations beside int8 layers in float, where that is asked for or measured to help."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np
import pytest
from models_builder import options, random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run

from tflir.cli import main

_WIDTH = 64
_DATA = ["--representative-dataset", "d.npz"]


def _normalized(net: Net, x: int) -> int:
    """A layer, its root mean square normalization, and another layer."""
    first = net.dense("first", x, random(_WIDTH, _WIDTH, seed=1), random(_WIDTH, seed=2))
    axis = net.graph.constant("axis", np.int32([1]))
    squares = net.op("SQUARED_DIFFERENCE", "squares", [first, net.graph.constant("zero", np.float32(0))], (1, _WIDTH))
    mean = net.op("MEAN", "mean", [squares, axis], (1, 1), options("ReducerOptions", keepDims=True))
    root = net.op("RSQRT", "root", [mean], (1, 1))
    normal = net.op("MUL", "normal", [first, root], (1, _WIDTH), options("MulOptions"))
    return net.dense("last", normal, random(16, _WIDTH, seed=3), random(16, seed=4))


def _plain(net: Net, x: int) -> int:
    return net.dense("only", x, random(16, _WIDTH, seed=1), random(16, seed=2))


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(model_of(_normalized, (1, _WIDTH)))
    sizes = np.geomspace(0.3, 3, 32, dtype=np.float32)[:, None, None]
    np.savez("d.npz", x=np.stack([random(1, _WIDTH, seed=10 + n) for n in range(32)]) * sizes)
    return tmp_path


def _compiled(folder: pathlib.Path, *given: str) -> bytes:
    assert main(["compile", "m.tflite", "-o", "o.tflite", "--force", "--mode", "int8", *given]) == 0
    return (folder / "o.tflite").read_bytes()


def _types(model: bytes) -> dict[str, int]:
    tensors: dict[str, Any] = tree(model)["graphs"][0]["tensors"]
    return {name: tensor["type"] for name, tensor in tensors.items()}


def _nearness(folder: pathlib.Path, made: bytes) -> float:
    model = (folder / "m.tflite").read_bytes()
    samples = [[one] for one in np.load("d.npz")["x"]]
    made_of, wanted = ([np.concatenate([run(one, values)[0] for values in samples])] for one in (made, model))
    return float(nearness(made_of, wanted))


def test_a_normalization_in_float_adds_no_noise(folder: pathlib.Path) -> None:
    float32, int8 = 0, 9
    off, on = (_compiled(folder, *_DATA, "--float-regions", word) for word in ("off", "on"))
    assert _nearness(folder, on) > _nearness(folder, off) + 1
    assert {_types(off)[name] for name in ("mean", "root")} == {int8}
    assert {_types(on)[name] for name in ("squares", "mean", "root", "normal")} == {float32}
    assert _types(on)["first/w"] == int8
    assert _compiled(folder, *_DATA) == off


def test_what_is_measured_to_help_is_kept_and_named(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    on = _compiled(folder, *_DATA, "--float-regions", "on")
    capsys.readouterr()
    assert _compiled(folder, *_DATA, "--float-regions", "auto") == on
    said = capsys.readouterr().err
    assert re.search(r"float regions 4 ops \(.*\) kept: \S+ dB -> \S+ dB on held-out data", said), said


def test_a_model_without_regions_says_so(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "m.tflite").write_bytes(model_of(_plain, (1, _WIDTH)))
    off = _compiled(folder, *_DATA)
    for word in ("on", "auto"):
        assert _compiled(folder, *_DATA, "--float-regions", word) == off
        assert "no region has three ops without weights" in capsys.readouterr().err


def test_measuring_needs_data(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "m.tflite", "-o", "s.json", "-q", *_DATA]) == 0
    words = ["compile", "m.tflite", "-o", "o.tflite", "--optimize", "DEFAULT", "--stats", "s.json", "--float-regions"]
    capsys.readouterr()
    assert main([*words, "auto"]) == 2
    assert "--float-regions auto measures on --representative-dataset" in capsys.readouterr().err
    assert main([*words, "on"]) == 0


def test_regions_that_take_too_many_bytes_are_left_out(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tflir.quality.auto._MOST_GROWTH", 0.5)
    off = _compiled(folder, *_DATA)
    assert _compiled(folder, *_DATA, "--float-regions", "auto") == off
    assert re.search(r"float regions .* left out: .* % more bytes", capsys.readouterr().err)
