"""Random inputs stay in the range that a quantized model's inputs hold, beyond which it would cut them."""

from __future__ import annotations

import pathlib

import models_builder as models
import numpy as np
import pytest
from sharing import SHAPE, folder_with

from tflir.backends.litert.compare import all_samples
from tflir.backends.litert.input_ranges import for_inputs, input_ranges
from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.comparison import compare


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(folder_with(tmp_path))
    data = np.random.default_rng(1).uniform(0, 0.25, (16, *SHAPE)).astype(np.float32)
    np.savez("data.npz", x=data)
    assert main(["calibrate", "model.tflite", "--representative-dataset", "data.npz", "-o", "s.json", "-q"]) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("mode", "interface", "low", "high"),
    [("int8", "float32", 0.0, 0.25), ("int8", "uint8", 0.0, 0.25), ("int16x8", "float32", -0.5, 0.5)],
)
def test_they_are_as_the_statistics_have_it(
    mode: str, interface: str, low: float, high: float, folder: pathlib.Path
) -> None:
    types = ["--inference-input-type", interface]
    assert main(["compile", "model.tflite", "-o", "q.tflite", "--mode", mode, "--stats", "s.json", "-q", *types]) == 0
    entries = Runner("model.tflite").entries
    drawn = np.stack([next(iter(one.values())) for one in all_samples(entries, "q.tflite", 3)[entries[0].key]])
    assert drawn.min() == pytest.approx(low, abs=0.01)
    assert drawn.max() == pytest.approx(high, abs=0.01)
    found = compare("model.tflite", "q.tflite")
    assert found.random
    assert found.outputs[0].snr_db > 25
    assert not found.advice.notes


def test_of_float_models_nothing_is_known() -> None:
    for model in (models.convolutions(), models.signatures()):
        entries = Runner(model).entries
        for entry in entries:
            assert not for_inputs(input_ranges(model)[entry.key], [port.name for port in entry.inputs])
            for sample in all_samples(entries, model, 2)[entry.key]:
                for value in sample.values():
                    assert -1 <= value.min() < -0.3 < 0.3 < value.max() <= 1


def test_inputs_are_matched_by_name_else_by_position() -> None:
    assert for_inputs([("a", (0, 1)), ("b", None)], ["b", "a"]) == {"a": (0, 1)}
    assert for_inputs([("a_i8", (0, 1)), ("b_i8", (2, 3))], ["b", "a"]) == {"b": (0, 1), "a": (2, 3)}
