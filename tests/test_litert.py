"""Models run in LiteRT and are compared; what goes wrong there is one line."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import models_builder as models
import numpy as np
import pytest
from rich.console import Console

from tflir.backends.litert.compare import compare_models, random_sample
from tflir.backends.litert.isolated import IsolatedRunner, isolated
from tflir.backends.litert.quiet import Said, quiet
from tflir.backends.litert.run import Port, Runner, reason
from tflir.commands.terminal import decibels
from tflir.data.calibration import calibrate, samples_of
from tflir.files import load_bytes
from tflir.ir.errors import Error
from tflir.options import Options
from tflir.report.verify import grade, verify

ALL = ("fully_connected", "convolutions", "gather", "loop", "branch", "signatures", "stateful", "int8", "dynamic")


def port(dtype: object, shape: tuple[int, ...] = (64,)) -> Port:
    return Port("in", "in", 0, shape, np.dtype(dtype), np.zeros(0), np.zeros(0, np.int64), 0)


@pytest.mark.parametrize("name", ALL)
def test_a_model_is_identical_to_itself(name: str) -> None:
    model = getattr(models, name)()
    found = compare_models(model, model)
    assert found
    for output in found:
        assert output.snr_db == math.inf
        assert output.max_difference == 0


@pytest.mark.parametrize("delegate", [True, False])
def test_runs_by_signature_or_tensor_name(delegate: bool) -> None:
    runner = Runner(models.fully_connected(np.eye(4, dtype=np.float32)), delegate=delegate, num_threads=1)
    (entry,) = runner.entries
    assert entry.key == "serving_default"
    result = runner.run(entry, {"x": np.float32([[1, 2, 3, 4]])})["y"]
    np.testing.assert_allclose(result[0], np.arange(1, 5) + models.random(4, seed=1), rtol=1e-6)


def test_runs_from_a_path_and_adds_the_batch(tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(models.dynamic())
    runner = Runner(path)
    (entry,) = runner.entries
    assert entry.inputs[0].shape == (-1, 4)
    assert runner.run(entry, {"x": np.zeros(4)})["y"].tolist() == [[1, 1, 1, 1]]
    assert runner.run(entry, {"x": np.zeros((3, 4))})["y"].shape == (3, 4)


@pytest.mark.skipif(os.name != "posix" or sys.platform == "darwin", reason="names of files are UTF-8 there")
def test_runs_from_a_path_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"m\xff.tflite")
    with pytest.raises(Error, match=r"m\?\.tflite: can't be read: no such file"):
        Runner(str(path))
    path.write_bytes(models.fully_connected())
    runner = Runner(str(path))
    (entry,) = runner.entries
    assert runner.run(entry, random_sample(entry.inputs, np.random.default_rng(0)))


def test_every_run_starts_with_cleared_variables() -> None:
    runner = Runner(models.stateful())
    (entry,) = runner.entries
    first, second = (runner.run(entry, {"x": np.ones((1, 4))})["y"].tolist() for _ in range(2))
    assert first == second == [[4, 4]]


def test_integers_with_scales_come_out_as_floats() -> None:
    runner = Runner(models.int8())
    (entry,) = runner.entries
    result = runner.run(entry, {"x": np.zeros((1, 64), np.float32)})["y"]  # 0 is stored as 3, the zero point
    assert result.dtype == np.float32
    assert not result.any()


def test_each_signature_is_compared() -> None:
    found = compare_models(models.signatures(), models.signatures())
    assert {(output.signature, output.name, output.shape) for output in found} == {
        ("double", "y", (1, 4)),
        ("half", "y", (1, 4)),
    }


def test_signal_to_noise_ratio() -> None:
    weights = models.random(32, 64)
    found = compare_models(models.fully_connected(weights), models.fully_connected(weights * np.float32(1.01)))
    assert 35 < found[0].snr_db < 45
    assert 0 < found[0].max_difference < 1


def test_given_samples_are_used_and_a_lacking_one_is_not() -> None:
    original, other = models.fully_connected(), models.fully_connected(models.random(32, 64) * np.float32(1.5))
    zero = compare_models(original, other, [{"x": np.zeros((1, 64), np.float32)}])
    assert zero[0].snr_db == math.inf
    assert compare_models(original, other, [{"z": np.zeros(1)}])[0].snr_db < 20


def test_a_compiled_model_that_lacks_a_signature_is_an_error() -> None:
    with pytest.raises(Error, match="signature 'double' is not what it is in the original"):
        compare_models(models.signatures(), models.fully_connected())


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        (np.float32, -1, 1),
        (np.int32, 0, 1),
        (np.int64, 0, 1),
        (np.bool_, 0, 1),
        (np.int8, -128, 127),
        (np.uint8, 0, 255),
    ],
)
def test_random_inputs(dtype: type, low: int, high: int) -> None:
    values = [random_sample([port(dtype, (4096,))], np.random.default_rng(1))["in"] for _ in range(2)]
    assert values[0].dtype == dtype
    assert np.array_equal(*values)
    assert low <= values[0].min() < values[0].max() <= high
    if np.dtype(dtype).itemsize == 1:
        assert (int(values[0].min()), int(values[0].max())) == (low, high)


def test_there_are_no_random_strings() -> None:
    with pytest.raises(Error, match="no random data for string inputs"):
        compare_models(models.strings(), models.strings())


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("Foo", "LiteRT has no kernel for custom op 'Foo'"),
        ("FlexErf", r"needs TensorFlow ops \(Flex\), such as FlexErf"),
    ],
)
def test_ops_without_a_kernel(code: str, what: str) -> None:
    model = models.custom(code)
    with pytest.raises(Error, match=what) as caught:
        compare_models(model, model)
    assert "\n" not in str(caught.value)


def test_no_model_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(Error, match=r"LiteRT can't run it: .*not a valid Flatbuffer"):
        Runner(b"no model at all")
    with pytest.raises(Error, match="Could not open") as caught:
        Runner(tmp_path / "absent.tflite")
    assert caught.value.file.endswith("absent.tflite")


def test_a_reason_without_words_comes_from_what_was_printed() -> None:
    said = Said()
    said.text = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nERROR: it broke\n"
    assert "it broke" in str(reason("", said.complaints()))


def test_the_runtime_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    model = models.convolutions()
    compare_models(model, model)
    assert capfd.readouterr() == ("", "")


def test_what_native_code_writes_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    said = Said()
    with quiet(said):
        os.write(2, b"chatter\n")
    os.write(2, b"after\n")
    assert said.text == "chatter\n"
    assert capfd.readouterr().err == "after\n"


def test_verify_prints_each_output(tmp_path: Path) -> None:
    original, compiled = tmp_path / "a.tflite", tmp_path / "b.tflite"
    original.write_bytes(models.signatures())
    compiled.write_bytes(models.signatures())
    out = io.StringIO()
    found = verify(original, compiled, Console(file=out, width=80))
    assert len(found.outputs) == 2
    assert not found.layers
    for word in ("double", "half", "identical", "∞"):
        assert word in out.getvalue()


def test_grades() -> None:
    words = [grade(snr)[0] for snr in (math.inf, 50, 20, 19.9, 10, 3, -math.inf)]
    assert words == ["identical", "good", "good", "fair", "fair", "poor", "poor"]
    assert [decibels(snr) for snr in (math.inf, -math.inf, 12.345)] == ["∞", "-∞", "12.3 dB"]


def test_relative_names_are_of_the_folder_that_one_works_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that runs models lives on when the folder changes."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.tflite").write_bytes(models.fully_connected())
        monkeypatch.chdir(tmp_path / name)
        assert IsolatedRunner(f"{name}.tflite").entries


_LEFT = "len(__import__('importlib').import_module('tflir.backends.litert.{}').{})"
"""How many models a module of the child process holds."""


def _held() -> int:
    places = ("isolated", "_runners"), ("histograms", "_counting")
    return sum(isolated(eval, _LEFT.format(*place)) for place in places)


@pytest.mark.parametrize("spoiled", [1, 3])
def test_the_child_lets_go_of_a_model_whose_calibration_fails(spoiled: int) -> None:
    def samples() -> Iterator[list[np.ndarray]]:
        for number in range(4):
            yield [np.full((1, 64), np.nan if number == spoiled else 1, np.float32)]

    module, before = load_bytes(models.fully_connected()), _held()
    with pytest.raises(Error, match="NaN"):
        calibrate(module, samples, histograms=True)
    with pytest.raises(Error, match="sample"):
        calibrate(module, lambda: iter([["no array"]]), histograms=True)
    with pytest.raises(Error, match="sample"):
        samples_of(
            models.fully_connected(), module, Options(representative_dataset=lambda: iter([["no array"]])), most=3
        )
    assert _held() == before


def test_closing_does_not_start_a_process_for_a_model_that_died_with_its_own() -> None:
    with pytest.raises(Error, match="LiteRT aborts"), IsolatedRunner(models.fully_connected()):
        isolated(os.abort)
    assert not _has_child()


def _has_child() -> bool:
    from tflir.backends.litert import isolated as module

    return module._child is not None
