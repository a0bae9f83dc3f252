"""What is said where nothing was quantized, and of options that have no effect beside a recipe."""

from __future__ import annotations

import pathlib

import pytest
from models_builder import random
from net_builder import Net, model_of

from tflir.cli import main
from tflir.search.bound import Bound


def _dense(net: Net, x: int) -> int:
    return net.op("SOFTMAX", "y", [net.dense("dense", x, random(32, 64, seed=1))], (1, 32))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mode", "dynamic-range", "--skip", "FULLY_CONNECTED"], "ops that could be are skipped"),
        (
            ["--mode", "dynamic-range", "--quantize-only", "SOFTMAX"],
            "ops that could be are not among those to quantize",
        ),
        (["--recipe", "{rules}"], "the recipe leaves weights float"),
    ],
)
def test_what_was_left_out_on_purpose_is_said(
    words: list[str], said: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.tflite").write_bytes(model_of(_dense, (1, 64)))
    (tmp_path / "r.toml").write_text('[[rule]]\nweights = "float"\n')
    given = [word.format(rules=tmp_path / "r.toml") for word in words]
    assert main(["compile", str(tmp_path / "m.tflite"), "-o", str(tmp_path / "o.tflite"), *given]) == 0
    assert f"nothing was quantized: {said}" in capsys.readouterr().err


def test_scales_per_channel_are_the_business_of_a_recipe(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.tflite").write_bytes(model_of(_dense, (1, 64)))
    words = ["compile", str(tmp_path / "m.tflite"), "-o", str(tmp_path / "o.tflite"), "--disable-per-channel"]
    assert main([*words, "--recipe", "dynamic_wi4_afp32"]) == 2
    assert "--disable-per-channel does nothing beside --recipe" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "said"), [(0.0, "0.00"), (-0.0, "0.00"), (-1e-9, "0.00"), (-0.5, "0.50"), (0.5, "-0.50")]
)
def test_a_drop_of_0_has_no_sign(value: float, said: str) -> None:
    assert Bound(1.0, is_accuracy=True).shown(value) == f"accuracy drop {said} %"
