"""Data for inputs that are quantized: integers are those that the input stores, floats are real numbers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models_builder import Model, int8, options

import tflir
from tflir.backends.litert.run import Array, Runner
from tflir.comparison import compare
from tflir.data.calibration import calibrate
from tflir.files import load_bytes
from tflir.jobs.team import Team


def _uint8() -> bytes:
    """A FULLY_CONNECTED of uint8 whose input stands for -1 to 0.9921875."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 16), np.uint8, scales=[1 / 128], zero_points=[128])
    values = np.random.default_rng(2).integers(1, 256, (8, 16)).astype(np.uint8)
    w = graph.constant("w", values, scales=[0.01], zero_points=[128])
    b = graph.constant("b", np.zeros(8, np.int32), scales=[0.01 / 128])
    y = graph.tensor("y", (1, 8), np.uint8, scales=[0.05], zero_points=[128])
    graph.op("FULLY_CONNECTED", [x, w, b], [y], options("FullyConnectedOptions"))
    graph.io([x], [y])
    return model.to_bytes()


STORED = np.random.default_rng(5).integers(0, 256, (16, 1, 16)).astype(np.uint8)
REAL = ((STORED.astype(np.float64) - 128) / 128).astype(np.float32)


def _compiled(data: Any, **fields: Any) -> tuple[bytes, list[str]]:
    converter = tflir.Converter.from_bytes(_uint8())
    converter.requantize = "int8"
    converter.representative_dataset = [[one] for one in data] if isinstance(data, np.ndarray) else data
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert(), converter.remarks


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"calibration_method": "mse"},
        {"requantize": "int16"},
    ],
)
def test_integers_and_what_they_stand_for_give_the_same_model(fields: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stored, said = _compiled(STORED, **fields)
        assert stored == _compiled(REAL, **fields)[0]
    assert not [line for line in said if "input 'x'" in line]


def test_the_input_that_was_uint8_gets_the_range_of_the_numbers() -> None:
    made, _ = _compiled(STORED, inference_input_type="uint8")
    (entry,) = Runner(made).entries
    assert entry.inputs[0].scales[0] == pytest.approx((REAL.max() - REAL.min()) / 255, rel=1e-6)


def test_workers_take_integers_as_one_process_does(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=STORED)
    alone, _ = _compiled(str(tmp_path / "data.npz"))
    converter = tflir.Converter.from_bytes(_uint8())
    converter.requantize, converter.representative_dataset = "int8", str(tmp_path / "data.npz")
    with Team(jobs=2) as team:
        converter.run_on(team)
        assert converter.convert() == alone


def test_models_are_compared_on_the_numbers_that_integers_stand_for() -> None:
    made, _ = _compiled(STORED)
    samples = [[one] for one in STORED]
    (integers,), (reals,) = (compare(_uint8(), made, data).outputs for data in (samples, [[one] for one in REAL]))
    assert integers == reals
    assert integers.snr_db > 25


def test_integers_of_another_type_are_taken_as_stored_and_a_line_says_so() -> None:
    made, said = _compiled(STORED.astype(np.int64))
    assert made == _compiled(STORED)[0]
    assert (
        "warning: int64 for input 'x' is taken as the uint8 that the model stores, 0 to 255 for -1 to 0.9922: "
        "real numbers are float32" in said
    )


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (_uint8, np.full((1, 16), 300), "input 'x' has values that uint8 can't hold"),
        (int8, np.full((1, 64), 200, np.uint8), "input 'x' has values that int8 can't hold"),
        (_uint8, np.full((1, 16), 255.0), "input 'x' holds -1 to 0.9922, and the data has 255 to 255"),
        (_uint8, np.full((1, 16), np.nan), "input 'x' has NaN or infinity"),
        (_uint8, np.full((1, 8), 0.5), "input 'x' is 1x8 where it wants 1x16"),
    ],
)
def test_what_the_input_can_not_hold_is_refused(model: Any, data: Array, message: str) -> None:
    with pytest.raises(tflir.Error, match=message):
        calibrate(load_bytes(model()), [[data]])


def test_scaling_options_make_real_numbers_of_integers() -> None:
    scaled, _ = _compiled(STORED, input_scale=1 / 128, input_offset=-1.0)
    assert scaled == _compiled(REAL)[0]
