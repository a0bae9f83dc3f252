"""`--calibration-method` from recording to the written model: histograms of a model, their files, and refusals."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import models_builder as build
import numpy as np
import pytest
from histograms import histogram_of
from models_builder import Model, options, random

import tflir
from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.data.calibration import calibrate
from tflir.data.recorded import Recorded, fingerprint, read_recorded
from tflir.files import load_bytes
from tflir.ir.functions import functions
from tflir.ir.histogram import Histogram
from tflir.ir.names import name_of
from tflir.ir.option_words import RANGE_METHODS
from tflir.ir.statistics import ranges_of
from tflir.passes.calibration.logged import values_of

F32 = np.float32
WEIGHTS = random(3, 4)


def _model(*, named: bool = True) -> bytes:
    """Reshape, fully connected, tanh; without names, every tensor has the same one."""
    model = Model()
    graph = model.graph()
    names = ("flat", "made", "out") if named else ("", "", "")
    x = graph.tensor("x", (1, 2, 4))
    flat, made, out = (graph.tensor(name, (2, size)) for name, size in zip(names, (4, 3, 3), strict=True))
    graph.op("RESHAPE", [x, graph.constant("s", np.array([2, 4], np.int32))], [flat], options("ReshapeOptions"))
    graph.op("FULLY_CONNECTED", [flat, graph.constant("w", WEIGHTS), -1], [made], options("FullyConnectedOptions"))
    graph.op("TANH", [made], [out])
    graph.io([x], [out])
    return model.to_bytes()


def _samples(count: int = 20) -> list[list[Any]]:
    samples = [[random(1, 2, 4, seed=n)] for n in range(count)]
    samples[3][0][0, 0, 0] = 40.0
    return samples


@pytest.mark.parametrize("named", [True, False])
def test_histograms_are_those_that_numpy_counts(named: bool) -> None:
    samples = _samples()
    recorded = calibrate(load_bytes(_model(named=named)), samples, histograms=True)
    found = recorded.histograms
    assert found is not None
    assert found.keys() == recorded.ranges.keys()
    arguments, flat, made, out = (found[key] for key in sorted(found))
    everything = np.stack([sample for (sample,) in samples])
    assert arguments == flat == histogram_of(everything)
    computed = everything.reshape(-1, 4) @ WEIGHTS.T
    assert made.count == out.count == computed.size
    expected = histogram_of(computed)
    mine, numpys = (dict(zip(one.bins, one.counts, strict=True)) for one in (made, expected))
    moved = sum(abs(mine.get(n, 0) - numpys.get(n, 0)) for n in {*mine, *numpys})
    assert moved <= 4  # of elements beside the edge of a bin, by another order of sums
    assert recorded.ranges == calibrate(load_bytes(_model(named=named)), samples).ranges


def test_every_signature_is_counted_for_itself() -> None:
    rows = np.ones((1, 4), F32)
    found = calibrate(load_bytes(build.signatures()), [{"x": rows}], histograms=True)
    assert found.histograms is not None
    assert found.histograms.keys() == found.ranges.keys()
    assert {key for key, one in found.histograms.items() if one.bins == histogram_of(2 * rows).bins}


def test_ranges_of_a_loop_are_chosen_from_its_histograms() -> None:
    module = load_bytes(build.loop())
    (entry,) = Runner(build.loop()).entries
    sample = {port.name: np.ones(tuple(abs(n) for n in port.shape), port.dtype) for port in entry.inputs}
    recorded = calibrate(module, [sample], histograms=True)
    assert recorded.histograms is not None
    inside = {key for key in recorded.ranges if key[0] != "main"}
    assert inside
    assert inside <= recorded.histograms.keys()
    recorded.apply(module, method="mse")


def test_files_hold_histograms_and_merge_in_any_order(tmp_path: Path) -> None:
    module = load_bytes(_model())
    samples = _samples()
    whole = calibrate(module, samples, histograms=True)
    paths = [tmp_path / f"{n}.json" for n in range(3)]
    for n, path in enumerate(paths, 1):
        calibrate(module, samples, shard=(n, 3), histograms=True).write(path)
    for order in itertools.permutations(paths):
        assert read_recorded(order, module, method="entropy") == whole
    whole.write(tmp_path / "whole.json")
    assert json.loads((tmp_path / "whole.json").read_text())["version"] == 2
    assert read_recorded([tmp_path / "whole.json"]) == whole


def test_a_shard_without_samples_says_so() -> None:
    module, samples = load_bytes(_model()), _samples()
    count = len(samples)
    assert not any("shard" in line for line in calibrate(module, samples, shard=(count, count)).warnings)
    empty = calibrate(module, samples, shard=(count + 2, count + 2))
    assert empty.warnings == (f"shard {count + 2} of {count + 2} has none of the samples: there are only {count}",)


def test_a_file_without_histograms_takes_those_of_the_others_away(tmp_path: Path) -> None:
    module = load_bytes(_model())
    samples = _samples()
    calibrate(module, samples, shard=(1, 2)).write(tmp_path / "old.json")
    calibrate(module, samples, shard=(2, 2), histograms=True).write(tmp_path / "new.json")
    assert json.loads((tmp_path / "old.json").read_text())["version"] == 1
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    assert read_recorded(paths) == read_recorded(paths[::-1]) == calibrate(module, samples)
    with pytest.raises(tflir.Error, match=r"old\.json: has no histograms, .*method mse .*calibrate again"):
        read_recorded(paths[::-1], method="mse")


def _file(**changes: Any) -> str:
    held = {"format": "tflir statistics", "version": 2, "model": fingerprint(load_bytes(build.fully_connected()))}
    ranges = {"samples": 1, "ranges": [["main", 0, -1.0, 1.0]], "intermediates": []}
    return json.dumps(held | ranges | {"histograms": [["main", 0, 3, [-5, 7], [1, 2]]]} | changes)


def test_a_second_form_is_read(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(_file())
    assert read_recorded([tmp_path / "s.json"]).histograms == {("main", 0): Histogram(3, (-5, 7), (1, 2))}


@pytest.mark.parametrize(
    "histograms",
    [
        5, [[]], {"a": 1}, None, [["main", 0, 3, [-5, 7], [1]]], [["main", 0, 3, [7, -5], [1, 2]]],
        [["main", 0, 3, [7, 7], [1, 2]]], [["main", 0, -3, [7], [1]]], [["main", 0, 3, [7], [0]]],
        [["main", 0, 3, [4080], [1]]], [["main", 0, 3, [-4081], [1]]], [["main", 0, 3, [7.0], [1]]],
        [["main", 0, 3, [True], [1]]], [["main", 0, 3, [7], [2**63]]], [["main", 0, 2**62, [7], [2**62]]],
        [["main", 0, 3, "7", "1"]], [["main", 1, 3, [7], [1]]], [["main", 0, 0, [], []]], [["main", 0, 1, 7, 1]],
        [["main", 0, 3, [10**400], [1]]],
    ],
)  # fmt: skip
def test_histograms_that_no_calibration_gives_are_refused(tmp_path: Path, histograms: Any) -> None:
    (tmp_path / "s.json").write_text(_file(histograms=histograms))
    with pytest.raises(tflir.Error, match=r"s\.json: is no statistics file of this version") as caught:
        read_recorded([tmp_path / "s.json"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [0, 3, True, "2", 2.0, None])
def test_other_versions_are_refused(tmp_path: Path, version: Any) -> None:
    (tmp_path / "s.json").write_text(_file(version=version))
    with pytest.raises(tflir.Error, match="is no statistics file of this version"):
        read_recorded([tmp_path / "s.json"])


def _applied(recorded: Recorded, data: bytes, **how: Any) -> dict[str, tuple[float, float]]:
    module = load_bytes(data)
    recorded.apply(module, **how)
    return {
        name_of(value) or "": (one.low, one.high)
        for function in functions(module)
        for value, one in ranges_of(function).items()
    }


def test_a_method_narrows_the_range_of_a_value_with_an_outlier() -> None:
    samples = _samples(2000)
    recorded = calibrate(load_bytes(_model()), samples, histograms=True)
    minmax = _applied(recorded, _model())
    assert minmax == _applied(calibrate(load_bytes(_model()), samples), _model())
    everything = np.stack([sample for (sample,) in samples])
    low, high = _applied(recorded, _model(), method="percentile", percentile=99.0)["x"]
    np.testing.assert_allclose((low, high), np.percentile(everything, [1, 99]), rtol=1 / 16)
    for method in ("percentile", "entropy"):
        found = _applied(recorded, _model(), method=method)
        assert found.keys() == minmax.keys()
        assert found["x"] == found["flat"]
        assert found["x"][1] < 40


@pytest.mark.parametrize("method", RANGE_METHODS)
@pytest.mark.parametrize("ops", ["TFLITE_BUILTINS_INT8", "TFLITE_BUILTINS"])
def test_data_and_its_statistics_give_the_same_model(tmp_path: Path, method: str, ops: str) -> None:
    (tmp_path / "m.tflite").write_bytes(_model())
    np.savez(tmp_path / "d.npz", x=np.stack([sample for (sample,) in _samples(200)]))
    model, data, stats = (str(tmp_path / name) for name in ("m.tflite", "d.npz", "s.json"))
    assert main(["calibrate", model, "--representative-dataset", data, "-o", stats, "-q",
                 "--calibration-method", method]) == 0  # fmt: skip
    made: list[bytes] = []
    for source in (["--representative-dataset", data], ["--stats", stats]):
        out = tmp_path / f"{len(made)}.tflite"
        words = ["compile", model, "-o", str(out), "--optimize", "DEFAULT", "--supported-ops", ops, "-q", *source]
        assert main([*words, "--calibration-method", method]) == 0
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_the_model_that_calibrate_writes_has_the_chosen_ranges(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(_model())
    np.savez(tmp_path / "d.npz", x=np.stack([sample for (sample,) in _samples(200)]))
    words = ["calibrate", str(tmp_path / "m.tflite"), "--representative-dataset", str(tmp_path / "d.npz"), "-q"]
    how = ["--calibration-method", "percentile", "--percentile", "99"]
    assert main([*words, "-o", str(tmp_path / "c.tflite"), *how]) == 0
    module = tflir.load(tmp_path / "c.tflite")
    (function,) = functions(module)
    assert ranges_of(function)[next(values_of(function))].high < 40


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-o", "s.json", "--percentile", "99"], "--percentile does nothing without --calibration-method percentile"),
        (["-o", "s.json", "--calibration-method", "mse", "--percentile", "99"], "--percentile does nothing without"),
        (
            ["-o", "s.json", "--calibration-method", "percentile", "--percentile", "99"],
            "--percentile does nothing beside statistics",
        ),
        (["-o", "s.json", "--calibration-method", "mse", "--tf-compat"], "exclude each other"),
    ],
)
def test_what_calibrate_would_ignore_is_refused(
    tmp_path: Path, words: list[str], why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(_model())
    np.savez("d.npz", x=np.ones((2, 1, 2, 4), F32))
    assert main(["calibrate", "m.tflite", "--representative-dataset", "d.npz", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert why in line


@pytest.mark.parametrize("value", ["50", "100.1", "0", "nan", "x", ""])
def test_a_percentile_is_above_50_and_at_most_100(value: str) -> None:
    converter = tflir.Converter.from_bytes(_model())
    converter.optimizations, converter.representative_dataset = ["DEFAULT"], _samples()  # type: ignore[list-item]
    converter.calibration_method, converter.percentile = "percentile", value  # type: ignore[assignment]
    with pytest.raises(tflir.Error, match="percentile: "):
        converter.convert()


def test_old_statistics_are_refused_in_a_line_that_names_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.tflite").write_bytes(_model())
    calibrate(load_bytes(_model()), _samples()).write(tmp_path / "s.json")
    words = ["compile", str(tmp_path / "m.tflite"), "--optimize", "DEFAULT", "--stats", str(tmp_path / "s.json")]
    assert main([*words, "--calibration-method", "mse"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "s.json: has no histograms" in line
    assert "calibrate again with --calibration-method mse" in line


def test_a_model_with_variables_takes_every_method() -> None:
    recorded = calibrate(load_bytes(build.stateful()), [[np.ones((1, 4), F32)]], histograms=True)
    assert recorded.histograms is not None
    assert recorded.histograms.keys() <= recorded.ranges.keys()
    for method in RANGE_METHODS:
        recorded.apply(load_bytes(build.stateful()), method=method)
