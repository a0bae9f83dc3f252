"""`--min-snr` and `--max-accuracy-drop`, of `compare` and `compile --verify`: a gate, on one's own data and labels."""

from __future__ import annotations

import json
import math
from pathlib import Path

import models_builder as build
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from net_builder import Net, model_of

from tflir.backends.litert.compare import OutputComparison
from tflir.cli import main
from tflir.quality.accuracy import Accuracy
from tflir.quality.limits import Limits

F32 = np.float32
_COMPARE = ["compare", "a.tflite", "b.tflite", "--inputs", "test.npz"]
_COMPILE = ["compile", "a.tflite", "-o", "c.tflite", "--force", "--verify", "--test-data", "test.npz"]


def _net(net: Net, x: int, noise: float = 0.0) -> int:
    weights = build.random(16, 8, seed=1) + build.random(16, 8, seed=5) * F32(noise)
    hidden = net.dense("hidden", x, weights, build.random(16, seed=2), act=1)
    return net.dense("scores", hidden, build.random(4, 16, seed=3), build.random(4, seed=4))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model, one with noise in its weights, and data whose labels the first meets in 36 of 40."""
    monkeypatch.chdir(tmp_path)
    Path("a.tflite").write_bytes(model_of(_net, (1, 8)))
    Path("b.tflite").write_bytes(model_of(lambda net, x: _net(net, x, 0.5), (1, 8)))
    x = np.random.default_rng(0).uniform(-1, 1, (40, 1, 8)).astype(F32)
    labels = _classes("a.tflite", x)
    labels[:4] = (labels[:4] + 1) % 4
    np.savez("test.npz", x=x, labels=labels, truth=labels, half=labels[:20])
    np.savez("plain.npz", x=x[:20])
    return tmp_path


def _classes(model: str, x: np.ndarray) -> np.ndarray:
    runner = Interpreter(model)
    runner.allocate_tensors()
    classes: list[int] = []
    for sample in x:
        runner.set_tensor(runner.get_input_details()[0]["index"], sample)
        runner.invoke()
        classes.append(int(np.argmax(runner.get_tensor(runner.get_output_details()[0]["index"]))))
    return np.array(classes)


def _errors(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(arguments) == status
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]


def test_accuracy_of_both_models_by_the_labels(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_COMPARE, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["numbers"]["accuracy"]
    data = np.load("test.npz")
    after = float((_classes("b.tflite", data["x"]) == data["labels"]).mean())
    assert (found["before"], found["after"], found["samples"], found["labels"]) == (0.9, after, 40, "labels")
    assert found["drop"] == pytest.approx(100 * (0.9 - after))
    assert found["drop"] > 0
    assert main([*_COMPARE, "--labels", "truth"]) == 0
    said = capsys.readouterr().out
    assert f"accuracy: 90 % -> {100 * after:.4g} % (" in said
    assert "40 samples of test.npz, by its array 'truth'" in said


@pytest.mark.parametrize("command", [_COMPARE, [*_COMPARE, "--json"], _COMPILE, [*_COMPILE, "-q"]])
def test_limits_decide_the_status(command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if command[0] == "compile":
        command = [*command, "-p", "tfl-prune{sparsity=0.5 min-elements=2}"]
    assert _errors([*command, "--min-snr", "-99", "--max-accuracy-drop", "100"], 0, capsys) == []
    (line,) = _errors([*command, "--min-snr", "90"], 1, capsys)
    assert "output 'scores': " in line
    assert line.endswith("dB, below --min-snr 90")
    (line,) = _errors([*command, "--max-accuracy-drop", "0"], 1, capsys)
    assert "accuracy: 90 % -> " in line
    assert line.endswith("points lower), above --max-accuracy-drop 0")
    if command[0] == "compile":
        assert Path("c.tflite").exists(), "what does not hold can be looked at"


def test_identical_models_hold_any_limit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    same = ["compare", "a.tflite", "a.tflite", "--inputs", "test.npz"]
    assert _errors([*same, "--min-snr", "300", "--max-accuracy-drop", "0"], 0, capsys) == []


def test_labels_that_are_missing_or_do_not_fit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = ["compare", "a.tflite", "b.tflite", "--inputs", "plain.npz"]
    (line,) = _errors([*plain, "--max-accuracy-drop", "1"], 2, capsys)
    assert "plain.npz has no array 'labels' with labels" in line
    (line,) = _errors([*_COMPARE, "--labels", "class"], 2, capsys)
    assert "no array 'class'" in line
    (line,) = _errors([*_COMPARE, "--labels", "half"], 2, capsys)
    assert "20 labels for 40 samples" in line
    (line,) = _errors(["compare", "a.tflite", "b.tflite", "--max-accuracy-drop", "1"], 2, capsys)
    assert "the data has no array 'labels'" in line
    compiling = ["compile", "a.tflite", "-o", "d.tflite", "--verify", "--max-accuracy-drop", "1"]
    (line,) = _errors(compiling, 2, capsys)
    assert not Path("d.tflite").exists(), "it is refused before the work"
    data = np.load("test.npz")
    np.savez("odd.npz", x=data["x"], labels=np.zeros((40, 3), np.int64))
    assert main(["compare", "a.tflite", "b.tflite", "--inputs", "odd.npz"]) == 0
    assert "accuracy is not measured: labels of shape (3,)" in capsys.readouterr().out


def test_options_that_would_do_nothing_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["compile", "a.tflite", "-o", "e.tflite"]
    for flag, value in (("--min-snr", "0"), ("--max-accuracy-drop", "0"), ("--labels", "truth")):
        (line,) = _errors([*base, flag, value], 2, capsys)
        assert f"{flag} does nothing without --verify" in line
    (line,) = _errors([*base, "--test-data", "test.npz"], 2, capsys)
    assert "--test-data does nothing without --verify or --report" in line
    idle = [*base, "-p", "tfl-optimize", "--representative-dataset", "plain.npz", "--verify"]
    assert _errors(idle, 0, capsys) == []
    (line,) = _errors([*idle, "--force", "--test-data", "test.npz"], 2, capsys)
    assert "--representative-dataset does nothing" in line
    (line,) = _errors(["compare", "a.tflite", "b.tflite", "--input-scale", "2"], 2, capsys)
    assert "without --inputs" in line


def test_test_data_is_what_is_verified_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--optimize", "DEFAULT", "--representative-dataset", "plain.npz", "--report", "r.json"]
    assert main([*_COMPILE, *more]) == 0
    assert "32 samples of test.npz" in capsys.readouterr().err
    report = json.loads(Path("r.json").read_text())["verification"]
    assert (report["inputs"], report["accuracy"]["samples"]) == ("32 samples of test.npz", 40)
    assert main([*_COMPILE, *more[:-1], "r.html", "--min-snr", "99"]) == 1
    page = Path("r.html").read_text("utf-8")
    assert "Accuracy: 90 % → " in page
    assert "Not met: output &#x27;scores&#x27;: " in page
    np.savez("bytes.npz", x=np.full((3, 1, 8), 100, np.uint8))
    scaled = ["compile", "a.tflite", "-o", "f.tflite", "--verify", "--test-data", "bytes.npz", "--input-scale", "0.01"]
    assert main(scaled) == 0
    assert "3 samples of bytes.npz" in capsys.readouterr().err
    assert _errors([*_COMPILE[:-1], "no.npz"], 1, capsys)[0].startswith("error: no.npz: no such file")


def test_labels_are_for_the_one_signature_that_has_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.tflite").write_bytes(build.signatures())
    x = build.random(6, 1, 4)
    same = ["compare", "s.tflite", "s.tflite", "--inputs"]
    np.savez("both.npz", x=x, labels=x.argmax(-1))
    (line,) = _errors([*same, "both.npz", "--labels", "labels"], 2, capsys)
    assert "the data is for 'double' and 'half': call the arrays of the samples KEY/INPUT" in line
    np.savez("one.npz", **{"half/x": x}, labels=x.argmax(-1))
    assert main([*same, "one.npz"]) == 0
    assert "accuracy: 100 % -> 100 % (the same), 6 samples of one.npz" in capsys.readouterr().out


def test_limits_of_columns_and_of_what_is_not_measured() -> None:
    column = OutputComparison("", "y", (1, 4), 50.0, 0.1, column=2, column_snr_db=12.0)
    assert Limits(20.0, None).unmet([column], None) == [
        "output 'y' at 2 of its last dimension: 12.0 dB, below --min-snr 20"
    ]
    assert Limits(20.0, None).unmet([OutputComparison("k", "y", (1,), -math.inf, 1.0)], None) == [
        "output 'y' of signature 'k': -∞ dB, below --min-snr 20"
    ]
    assert len(Limits(None, 1.0).unmet([], None)) == 1
    assert not Limits(None, 1.0).unmet([], Accuracy(0.98, 0.97, 100, "labels"))
    assert not Limits(None, 0.0).unmet([], Accuracy(0.97, 0.98, 100, "labels"))
