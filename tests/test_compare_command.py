"""`tflir compare` says what differs between two models: structure, numbers layer by layer, and where noise comes in."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import models_builder as build
import numpy as np
import pytest
from net_builder import Net, model_of

import tflir
from tflir.cli import main
from tflir.files import load_bytes
from tflir.structure import compare_structure

F32 = np.float32


def _net(net: Net, x: int) -> int:
    hidden = net.dense("hidden", x, build.random(16, 8, seed=1), build.random(16, seed=2), act=1)
    return net.dense("scores", hidden, build.random(4, 16, seed=3), build.random(4, seed=4))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with a float model, its int8 form and data with labels, which the float model all meets."""
    monkeypatch.chdir(tmp_path)
    Path("a.tflite").write_bytes(model_of(_net, (1, 8)))
    x = np.random.default_rng(0).uniform(-1, 1, (40, 1, 8)).astype(F32)
    np.savez("rep.npz", x=x[:20])
    scores = [_scores(sample) for sample in x]
    np.savez("test.npz", x=x, labels=np.array([int(np.argmax(score)) for score in scores]))
    data = ["--optimize", "DEFAULT", "--representative-dataset", "rep.npz"]
    assert main(["compile", "a.tflite", "-o", "b.tflite", *data, "-q"]) == 0
    capsys.readouterr()
    return tmp_path


def _scores(x: Any) -> Any:
    hidden = np.maximum(x @ build.random(16, 8, seed=1).T + build.random(16, seed=2), 0)
    return hidden @ build.random(4, 16, seed=3).T + build.random(4, seed=4)


def _found(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> dict[str, Any]:
    assert main(["compare", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def _error(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 1) -> str:
    assert main(["compare", *arguments]) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def test_structure_of_a_quantized_form(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    structure = _found(capsys, "a.tflite", "b.tflite")["structure"]
    assert structure["counts"]["operator"] == {"same": 2, "changed": 0, "added": 2, "removed": 0}
    assert structure["operators"] == {"DEQUANTIZE": [0, 1], "FULLY_CONNECTED": [2, 2], "QUANTIZE": [0, 1]}
    changes = {(change["what"], change["name"]): change for change in structure["changes"]}
    hidden = changes["tensor", "hidden"]
    assert (hidden["before"], hidden["after"]) == ({"type": "float32"}, {"type": "int8 per-tensor"})
    types = {one["type"]: one for one in structure["types"]}
    assert types["float32"]["constants"][1] == 0
    assert types["int8 per-channel"]["bytes"] == [0, 16 * 8 + 4 * 16]
    assert structure["sizes"] == [Path(name).stat().st_size for name in ("a.tflite", "b.tflite")]


def test_a_model_beside_itself_differs_in_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _found(capsys, "a.tflite", "a.tflite", "--inputs", "test.npz")
    assert not found["structure"]["changes"]
    assert all(layer["identical"] for layer in found["numbers"]["layers"])
    assert main(["compile", "a.tflite", "-o", "a.mlir", "-q"]) == 0
    assert not _found(capsys, "a.tflite", "a.mlir")["structure"]["changes"]
    assert main(["compare", "a.tflite", "a.mlir"]) == 0
    said = capsys.readouterr().out
    assert "identical: no element differs" in said
    assert "3 random inputs" in said
    assert "What differs" not in said


def test_what_changes_is_named(folder: Path) -> None:
    def other(net: Net, x: int) -> int:
        hidden = net.dense("hidden", x, build.random(16, 8, seed=1), build.random(16, seed=2))
        wide = net.op("ABS", "more", [hidden], (1, 16))
        return net.dense("scores", wide, build.random(4, 16, seed=9), build.random(4, seed=4))

    found = compare_structure(tflir.load("a.tflite"), load_bytes(model_of(other, (1, 8))))
    changes = {(change.what, change.how, change.name): change for change in found.changes}
    assert {key[:2] for key in changes} == {
        ("operator", "changed"), ("operator", "added"), ("tensor", "added"), ("tensor", "changed")
    }  # fmt: skip
    assert changes["operator", "added", "more"].after == {"kind": "ABS"}
    assert set(changes["operator", "changed", "hidden"].before) == {"fused_activation_function"}
    assert set(changes["tensor", "changed", "scores/w"].before) == {"crc32"}


def test_a_sparse_constant_is_of_another_type(folder: Path) -> None:
    weights = build.random(64, 64)
    weights[:, 4:] = 0
    model = build.fully_connected(weights)
    Path("d.tflite").write_bytes(model)
    options = ["--optimize", "EXPERIMENTAL_SPARSITY", "--sparsity-target", "size"]
    assert main(["compile", "d.tflite", "-o", "e.tflite", *options, "-q"]) == 0
    found = compare_structure(tflir.load("d.tflite"), tflir.load("e.tflite"))
    kinds = {change.after["type"] for change in found.changes if change.what == "tensor" and "type" in change.after}
    assert "float32 sparse" in kinds


def test_signatures_and_metadata(folder: Path) -> None:
    before, after = (load_bytes(data) for data in (build.signatures(), build.fully_connected()))
    changes = [change for change in compare_structure(before, after).changes if change.what == "signature"]
    assert {change.how for change in changes} == {"removed", "added"}
    assert "double" in {change.name for change in changes}


def test_layers_in_json_and_where_the_ratio_falls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    numbers = _found(capsys, "a.tflite", "b.tflite", "--inputs", "test.npz")["numbers"]
    assert (numbers["random"], numbers["inputs"]) == (False, "32 samples of test.npz")
    assert {layer["name"] for layer in numbers["layers"]} >= {"x", "hidden", "scores"}
    for layer in numbers["layers"]:
        before = min(math.inf if layer["input_identical"] else layer["input_snr_db"], 40)
        assert layer["fall_db"] == pytest.approx(max(0.0, before - layer["snr_db"]))


def test_noise_is_found_where_it_comes_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def noisy(net: Net, x: int) -> int:
        weights = build.random(16, 8, seed=1) + build.random(16, 8, seed=5) * F32(0.3)
        hidden = net.dense("hidden", x, weights, build.random(16, seed=2), act=1)
        return net.dense("scores", hidden, build.random(4, 16, seed=3), build.random(4, seed=4))

    Path("c.tflite").write_bytes(model_of(noisy, (1, 8)))
    assert main(["compare", "a.tflite", "c.tflite", "--inputs", "test.npz"]) == 0
    said = capsys.readouterr().out
    lines = said[said.index("falls most") :].splitlines()
    assert next(line for line in lines if "FULLY_CONNECTED" in line).startswith("hidden ")
    assert "crc32" in said
    assert "--skip" not in said, "advice is for quantized models"


def test_tables_fit_narrow_terminals_with_all_their_columns(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["compare", "b.tflite", "a.tflite", "-v"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    headers = said[said.index("falls most") :].splitlines()
    assert any(
        line.split() == ["tensor", "made", "by", "type", "inputs", "SNR", "fall", "difference"] for line in headers
    )


def test_a_quantized_original_is_matched_by_what_it_stands_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _found(capsys, "b.tflite", "a.tflite", "--inputs", "test.npz")
    assert any(layer["name"].startswith("hidden") for layer in found["numbers"]["layers"])


def test_errors_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such file" in _error(capsys, "a.tflite", "no.tflite")
    assert "no such file" in _error(capsys, "a.tflite", "b.tflite", "--inputs", "no.npz")
    np.savez("bad.npz", x=np.zeros((2, 1, 5), F32))
    assert "input 'x' is 1x5 where it wants 1x8" in _error(capsys, "a.tflite", "b.tflite", "--inputs", "bad.npz")
    assert "standard input" in _error(capsys, "-", "-", status=2)
    Path("s.tflite").write_bytes(build.signatures())
    assert "s.tflite: its one way in is not what it is" in _error(capsys, "a.tflite", "s.tflite")
    Path("no.mlir").write_text("func.func @main(")
    _error(capsys, "a.tflite", "no.mlir")
    found = _found(capsys, "a.tflite", "s.tflite", status=1)
    assert found["numbers"] is None
    assert "its one way in" in found["error"]


def test_models_without_outputs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = build.Model()
    model.graph()
    Path("empty.tflite").write_bytes(model.to_bytes())
    assert main(["compare", "empty.tflite", "empty.tflite"]) == 0
    assert "no outputs to compare" in capsys.readouterr().out
