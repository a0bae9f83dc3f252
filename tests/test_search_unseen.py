"""What a search does with layers of which its data says nothing."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
import pytest
from models_builder import random
from net_builder import RELU, Net, model_of

from tflir.cli import main

_WIDTH = 32


def _net(weights: Any) -> bytes:
    """A layer whose results reach the output only where the second input is not 0."""

    def build(net: Net, x: int) -> int:
        first = net.dense("first", x, random(_WIDTH, _WIDTH, seed=1), act=RELU)
        gate = net.op("RELU", "gate", [net.dense("zeros", x, np.full((1, _WIDTH), -1, np.float32))], (1, 1))
        rare = net.dense("rare", first, weights)
        return net.op("ADD", "sum", [first, net.op("MUL", "product", [rare, gate], (1, _WIDTH))], (1, _WIDTH))

    return model_of(build, (1, _WIDTH))


def _searched(folder: pathlib.Path, model: bytes, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    """The form of the layer whose results are multiplied by 0, and what the command says."""
    (folder / "m.tflite").write_bytes(model)
    np.savez(folder / "a.npz", x=np.abs(random(24, 1, _WIDTH, seed=2)))
    words = ["search", str(folder / "m.tflite"), "--representative-dataset", str(folder / "a.npz")]
    words += ["-o", str(folder / "o.tflite"), "--bound", "snr>=15", "--trace", str(folder / "t.json"), "--force"]
    assert main(words) == 0
    trace = json.loads((folder / "t.json").read_text())
    return trace["result"]["kinds"]["rare"], capsys.readouterr().err


def test_a_layer_that_no_sample_needs_keeps_8_bits(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    form, said = _searched(tmp_path, _net(random(_WIDTH, _WIDTH, seed=3)), capsys)
    assert form.startswith("int8 per channel")
    assert "warning: 1 layer changes no output on the search data: it keeps 8 bits or more ('rare')" in said


def test_weights_that_4_bits_hold_may_be_narrow(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That no output changes says nothing of the data, if no weight changes."""
    form, said = _searched(tmp_path, _net(np.sign(random(_WIDTH, _WIDTH, seed=3))), capsys)
    assert form.startswith(("int4", "int2"))
    assert "no output" not in said
