"""Representative data that is not what it should be, and what it does not make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import models_builder as build
import numpy as np
import pytest

import tflir
from tflir.data.calibration import calibrate
from tflir.data.recorded import Recorded, fingerprint, read_recorded
from tflir.files import load_bytes

F32 = np.float32
X = np.ones((1, 4), F32)


def _refusal(source: Any, data: bytes | None = None, **how: Any) -> str:
    with pytest.raises(tflir.Error) as refused:
        calibrate(load_bytes(data or build.dynamic()), source, **how)
    return str(refused.value)


def _fails() -> Iterator[Any]:
    yield [X]
    raise KeyError("mine")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (_fails, "fails after sample 1 with KeyError: 'mine'"),
        (lambda: None, "fails with TypeError: 'NoneType' object is not iterable"),
        ([], "has no samples"),
        ([[X], [X, X]], "sample 2: has 2 values where the inputs are 'x'"),
        ([{"y": X}], "no value for input 'x'"),
        ([[[[1, 2], [3]]]], "input 'x' has rows of different lengths"),
        ([[X.astype(np.float64) * 1e300]], "input 'x' has values that float32 can't hold"),
        ([["word"]], "input 'x' wants float32, not str"),
        ([b"bytes"], "sample 1: is a bytes"),
        (5, "a representative dataset can't be a int"),
        ("missing.npz", "missing.npz: no such file"),
        ("no_such_module:give", "module no_such_module can't be imported"),
    ],
)
def test_what_is_no_sample_is_refused_by_number(source: Any, message: str) -> None:
    assert message in _refusal(source)


def test_a_module_that_fails_to_import_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_data.py").write_text("raise RuntimeError('at once')\n")
    monkeypatch.chdir(tmp_path)
    assert "can't be imported: RuntimeError: at once" in _refusal("broken_data:give")


@pytest.mark.parametrize("damage", [slice(60, None), slice(130, 131)])
def test_a_damaged_archive_is_refused(tmp_path: Path, damage: slice) -> None:
    path = tmp_path / "d.npz"
    np.savez(path, x=np.ones((9, 4), F32))
    data = bytearray(path.read_bytes())
    data[damage] = b"" if damage.stop is None else bytes([data[damage.start] ^ 255])
    path.write_bytes(data)
    assert str(path) in _refusal(str(path))


def test_samples_of_differing_sizes() -> None:
    found = calibrate(load_bytes(build.dynamic()), [[np.full((n, 4), n, F32)] for n in (1, 5, 0, 2)])
    assert found.ranges == {("main", 0): (1, 5), ("main", 2): (2, 6)}


def test_the_first_samples_are_of_every_signature(tmp_path: Path) -> None:
    rows = np.ones((3, 1, 4), F32)
    np.savez(tmp_path / "d.npz", **{"double/x": rows, "half/x": 2 * rows})
    found = calibrate(load_bytes(build.signatures()), str(tmp_path / "d.npz"), samples=2)
    assert found.ranges[("double", 1)] == (2, 2)
    assert found.ranges[("half", 2)] == (1, 1)


def test_a_runtime_error_does_not_name_the_file_that_only_ran() -> None:
    message = _refusal([[np.ones((2, 3), F32)]], build.custom())
    assert message.startswith("LiteRT has no kernel for custom op 'Foo'")


def test_variables_start_anew_unless_tensorflow_lets_them_go_on() -> None:
    samples = [[X], [2 * X]]
    assert calibrate(load_bytes(build.stateful()), samples).ranges[("main", 5)] == (4, 8)
    assert calibrate(load_bytes(build.stateful()), samples, tf_compat=True).ranges[("main", 5)] == (4, 12)
    assert "no part of a run" in _refusal(samples, build.stateful(), tf_compat=True, shard=(1, 2))


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, '{"format": "other"}', "\0"])
def test_what_is_no_statistics_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(tflir.Error, match="is no statistics file"):
        read_recorded([tmp_path / "s.json"])


def _statistics(**changes: Any) -> str:
    """A statistics file of `fully_connected` in which something is changed."""
    held = {"format": "tflir statistics", "version": 1, "model": fingerprint(load_bytes(build.fully_connected()))}
    return json.dumps(held | {"samples": 1, "ranges": [["main", 0, -1.0, 1.0]], "intermediates": []} | changes)


@pytest.mark.parametrize(
    "text",
    [
        _statistics(samples=-1), _statistics(samples=1.5), _statistics(samples=True), _statistics(samples=0),
        _statistics(samples=1).replace('"samples": 1', '"samples": 1e999'),
        _statistics(ranges=[["main", 0, -1.0, 10**400]]), _statistics(ranges=[["main", 1e999, 0.0, 1.0]]),
        _statistics(ranges=[["main", -1, 0.0, 1.0]]), _statistics(ranges=[["main", 0, 1.0, 0.0]]),
        _statistics(ranges=[["main", 0, -1e39, 1e39]]), _statistics(ranges=[["main", 0, "0", "1"]]),
        _statistics(ranges=[["main", 0, float("nan"), 1.0]]), _statistics(ranges=[["main", 0, True, 1.0]]),
        _statistics(ranges=5), _statistics(ranges=[[]]), _statistics(intermediates=[["main", 0, [None]]]),
    ],
)  # fmt: skip
def test_numbers_that_no_calibration_gives_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(tflir.Error, match=r"s\.json: is no statistics file of this version"):
        read_recorded([tmp_path / "s.json"])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ranges": [["other", 0, 0.0, 1.0]]}, "a function 'other', which the model lacks"),
        ({"ranges": [["main", 99, 0.0, 1.0]]}, "a range of value 99 of 'main'"),
        ({"intermediates": [["other", 0, [None] * 5]]}, "a function 'other'"),
        ({"model": "?"}, "of another model"),
        ({"ranges": [], "samples": 0}, "has no samples"),
    ],
)
def test_statistics_that_do_not_fit_the_model_name_their_file(tmp_path: Path, changes: Any, why: str) -> None:
    (tmp_path / "s.json").write_text(_statistics(**changes))
    converter = tflir.Converter.from_bytes(build.fully_connected())
    converter.optimizations, converter.stats = [tflir.Optimize.DEFAULT], [tmp_path / "s.json"]
    with pytest.raises(tflir.Error, match=rf"s\.json: .*{why}") as caught:
        converter.convert()
    assert caught.value.status == 1


def test_floats_read_back_as_they_were(tmp_path: Path) -> None:
    third = float(F32(1) / F32(3))
    one = Recorded("m", 1, {("f", 0): (-third, float(F32(1e-45)))})
    one.write(tmp_path / "s.json")
    assert read_recorded([tmp_path / "s.json"]) == one
