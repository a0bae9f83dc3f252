"""16x8 leaves a bit for values beyond those of the samples, where the ranges are meant to hold all of them."""

from __future__ import annotations

import pathlib

import net_builder
import numpy as np
import pytest
from models_builder import random
from recording import nearness, run

from tflir.cli import main
from tflir.files import load_bytes
from tflir.ir.tfl.quantization import QuantizeOp
from tflir.ir.types import quantized_element

_X16 = ["--mode", "int16x8"]
_CLIPPED_DB, _HELD_DB = 15.0, 40.0


def _model(net: net_builder.Net, x: int) -> int:
    hidden = net.dense("hidden", x, random(32, 16, seed=1), act=1)
    return net.dense("last", hidden, random(8, 32, seed=2))


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(net_builder.model_of(_model, (1, 16)))
    np.savez("d.npz", x=np.stack([random(1, 16, seed=3)]))
    return tmp_path


def _beyond(folder: pathlib.Path, times: float, *given: str) -> float:
    """How near the compiled model is to the float one in dB, for a sample that is `times` the one it was made with."""
    arguments = ["compile", "m.tflite", "-o", "o.tflite", "--force", "--quiet", "--representative-dataset", "d.npz"]
    assert main([*arguments, *given]) == 0
    values = [random(1, 16, seed=3) * np.float32(times)]
    return nearness(run((folder / "o.tflite").read_bytes(), values), run((folder / "m.tflite").read_bytes(), values))


@pytest.mark.parametrize(
    "given",
    [_X16, [*_X16, "--calibration-method", "margin"], ["--recipe", "static_wi8_ai16"]],
    ids=["16x8", "margin", "recipe"],
)
def test_values_of_up_to_twice_the_range_are_held(given: list[str], folder: pathlib.Path) -> None:
    assert _beyond(folder, 1, *given) > _HELD_DB
    assert _beyond(folder, 1.9, *given) > _HELD_DB


@pytest.mark.parametrize(
    "given",
    [
        [*_X16, "--tf-compat"],
        [*_X16, "--calibration-method", "percentile", "--percentile", "100"],
        ["--mode", "int8"],
    ],
    ids=["as TensorFlow", "clipping asked for", "int8"],
)
def test_elsewhere_they_are_clipped(given: list[str], folder: pathlib.Path) -> None:
    assert _beyond(folder, 1.9, *given) < _CLIPPED_DB


def _first_scale(path: pathlib.Path) -> float:
    """The scale of the integers that the input becomes."""
    first = next(op for op in load_bytes(path.read_bytes()).walk() if isinstance(op, QuantizeOp))
    element = quantized_element(first.results[0])
    assert element is not None
    return float(element.layout.scales)


def test_rules_that_mix_widths_leave_it_to_the_int16_ops(folder: pathlib.Path) -> None:
    rule = '[[rule]]\nmatch = "{}"\nop = "FULLY_CONNECTED"\nweights = {{bits = 8}}\nactivations = "{}"\n'
    data = ["--representative-dataset", "d.npz"]
    sample = random(1, 16, seed=3)
    scales = {"int16": np.abs(sample).max() / 16383, "int8": (sample.max() - sample.min()) / 255}
    for first, last in (("int16", "int8"), ("int8", "int16")):
        (folder / "r.toml").write_text(rule.format("hidden", first) + rule.format("last", last))
        assert main(["compile", "m.tflite", "-o", "o.tflite", "--force", "--quiet", "--recipe", "r.toml", *data]) == 0
        assert _first_scale(folder / "o.tflite") == pytest.approx(scales[first], rel=1e-6)


def test_a_model_of_integers_made_anew_has_their_ranges(folder: pathlib.Path) -> None:
    made = ["compile", "m.tflite", "-o", "i.tflite", "--quiet", "--mode", "int8", "--representative-dataset", "d.npz"]
    assert main(made) == 0
    assert main(["compile", "i.tflite", "-o", "r.tflite", "--quiet", "--requantize", "int16"]) == 0
    integers, again = (_first_scale(folder / name) for name in ("i.tflite", "r.tflite"))
    assert 0.5 * 255 * integers < again * 32767 < 1.01 * 255 * integers
