"""`tflir compile` says why a model became larger."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from models_builder import random
from net_builder import Net, model_of

from tflir.cli import main
from tflir.commands.inputs import Input, given

_SHAPE = (4, 64)


def _layers(net: Net, x: int) -> int:
    return net.dense("y", net.dense("h", x, random(64, 64, seed=1), random(64, seed=2)), random(64, 64), random(64))


def _compiled(arguments: Sequence[str], folder: pathlib.Path, name: str) -> str:
    out = folder / name
    assert main(["compile", *arguments, "-o", str(out)]) == 0
    return str(out)


def _size(folder: pathlib.Path, number: int) -> int:
    return (folder / f"{number}.tflite").stat().st_size


def test_a_model_that_no_pass_changed(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of another writer may be a few bytes smaller than the same model as it is written here."""

    def halved(path: str) -> Input:
        return replace(given(path), size=given(path).size // 2)

    monkeypatch.setattr("tflir.commands.compile.given", halved)
    (tmp_path / "1.tflite").write_bytes(model_of(_layers, _SHAPE))
    _compiled([str(tmp_path / "1.tflite")], tmp_path, "2.tflite")
    grown = _size(tmp_path, 2) - _size(tmp_path, 1) // 2
    assert f"larger by {grown} bytes: nothing but the form of its tables changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("form", "then", "why"),
    [
        (("--mode", "float16"), ("--requantize", "float32"), "its constants are float32 now"),
        (("--mode", "dynamic-range"), ("--requantize", "float32"), "its constants are float32 now"),
        (("--mode", "dynamic-range"), ("-p", "tfl-dequantize-model"), "its constants are float32 now"),
        (("--recipe", "weight_only_wi4_afp32"), ("--mode", "int16x8"), "its weights took less than a byte each"),
    ],
)
def test_a_larger_model(
    form: Sequence[str], then: Sequence[str], why: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.tflite").write_bytes(model_of(_layers, _SHAPE))
    np.savez(tmp_path / "data.npz", x=np.stack([random(*_SHAPE, seed=n) for n in range(4)]))
    data = ["--representative-dataset", str(tmp_path / "data.npz")] if "int16x8" in then else []
    first = _compiled([str(tmp_path / "m.tflite"), *form], tmp_path, "1.tflite")
    capsys.readouterr()
    _compiled([first, *then, *data], tmp_path, "2.tflite")
    said = capsys.readouterr().err
    assert f"larger by {_size(tmp_path, 2) - _size(tmp_path, 1)} bytes: {why}" in said
