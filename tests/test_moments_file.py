"""Files of second moments: `tflir calibrate --moments-out` writes what `tflir compile --moments` reads."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import models_builder as build
import numpy as np
import pytest
from models_builder import random

from tflir.backends.litert.moments import Moments, Sums, together
from tflir.cli import main

READ = np.stack([random(1, 64, seed=n) for n in range(8)])
GPTQ = ["--weight-algorithm", "gptq", "--bias-correction", "auto"]
MODES = {
    "dynamic range": (["--recipe", "dynamic_wi8_afp32"], []),
    "integer": (["--optimize", "DEFAULT"], ["--stats", "s.json"]),
    "4 bits": (["--recipe", "dynamic_wi4_afp32"], []),
}


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    (tmp_path / "m.tflite").write_bytes(build.fully_connected(random(32, 64)))
    np.savez(tmp_path / "d.npz", x=READ)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _calibrate(*more: str, stats: str = "s.json", moments: str = "m.npz") -> int:
    files = ["-o", stats, "--moments-out", moments]
    return main(["calibrate", "m.tflite", "--representative-dataset", "d.npz", *files, "--force", *more])


def _sums(path: str, part: int) -> tuple[int, np.ndarray, np.ndarray]:
    with np.load(path) as arrays:
        count, total, products = (arrays[f"{part}/0/{field}"] for field in ("count", "total", "products"))
        return int(count), total, products


def test_the_file_has_the_sums_of_what_the_layer_read(folder: pathlib.Path) -> None:
    assert _calibrate() == 0
    with np.load("m.npz") as arrays:
        head = json.loads(arrays["head"].tobytes())
    assert head["format"] == "tflir moments"
    assert [reading["columns"] for reading in head["readings"]] == [64]
    held = READ[3::4, 0].astype(np.float64)  # of every four samples the last is held out
    kept = np.delete(READ[:, 0], [3, 7], axis=0).astype(np.float64)
    for part, rows in enumerate((kept, held)):
        count, total, products = _sums("m.npz", part)
        assert count == len(rows)
        np.testing.assert_allclose(total, rows.sum(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(products, rows.T @ rows, rtol=1e-4, atol=1e-5)


TREES: dict[int, Callable[[list[np.ndarray]], np.ndarray]] = {
    1: lambda b: b[0],
    2: lambda b: b[0] + b[1],
    3: lambda b: (b[0] + b[1]) + b[2],
    5: lambda b: ((b[0] + b[1]) + (b[2] + b[3])) + b[4],
}


@pytest.mark.parametrize("count", TREES)
def test_blocks_are_added_as_a_tree_whether_they_wait_in_memory_or_in_a_file(count: int) -> None:
    parts = [[random(size, size, seed=at) for at in range(count)] for size in (4, 600)]  # 600 x 600 is over 1 MB

    def blocks() -> Iterator[Sums]:
        for at in range(count):
            yield [*(Moments(1, np.full(2, at, np.float64), part[at].copy()) for part in parts), None]

    small, large, unread = together(blocks(), 3)
    assert unread is None
    for found, part in zip((small, large), parts, strict=True):
        assert found is not None
        assert found.count == count
        np.testing.assert_array_equal(found.products, TREES[count](part))
        np.testing.assert_array_equal(found.total, np.full(2, sum(range(count))))
    assert together(iter(()), 3) == [None] * 3


@pytest.mark.parametrize("mode", MODES)
def test_moments_of_a_file_give_the_bytes_that_the_data_gives(mode: str, folder: pathlib.Path) -> None:
    assert _calibrate("-q") == 0
    flags, stats = MODES[mode]
    local = ["--weight-algorithm", "gptq"] if stats else GPTQ  # with data, static int8 measures the whole model
    common = ["compile", "m.tflite", *flags, *local, "-q"]
    assert main([*common, "--representative-dataset", "d.npz", "-o", "data.tflite"]) == 0
    assert main([*common, *stats, "--moments", "m.npz", "-o", "file.tflite"]) == 0
    assert (folder / "file.tflite").read_bytes() == (folder / "data.tflite").read_bytes()


def test_bias_correction_without_data_is_decided_by_each_layer(folder: pathlib.Path) -> None:
    assert _calibrate("-q") == 0
    flags = ["--optimize", "DEFAULT", "--stats", "s.json", "--moments", "m.npz", *GPTQ, "-q"]
    assert main(["compile", "m.tflite", *flags, "-o", "file.tflite"]) == 0


def test_files_of_shards_are_added(folder: pathlib.Path) -> None:
    names = [f"{number}.npz" for number in (1, 2)]
    for number, name in enumerate(names, 1):
        assert _calibrate("-q", "--shard", f"{number}/2", stats=f"{number}.json", moments=name) == 0
    counts = [_sums(name, part)[0] for name in names for part in range(2)]
    assert counts == [3, 1, 3, 1]
    together = sum(_sums(name, part)[2] for name in names for part in range(2))
    every = READ[:, 0].astype(np.float64)
    np.testing.assert_allclose(together, every.T @ every, rtol=1e-4, atol=1e-5)
    flags = ["--recipe", "dynamic_wi8_afp32", "--bias-correction", "on", "-q", "--moments"]
    assert main(["compile", "m.tflite", *flags, ",".join(names), "-o", "both.tflite"]) == 0
    assert main(["compile", "m.tflite", *flags, names[0], "-o", "one.tflite"]) == 0
    assert (folder / "both.tflite").read_bytes() != (folder / "one.tflite").read_bytes()


def test_workers_write_the_same_file(folder: pathlib.Path) -> None:
    assert _calibrate("-q") == 0
    assert _calibrate("-q", "--jobs", "2", moments="jobs.npz") == 0
    assert (folder / "jobs.npz").read_bytes() == (folder / "m.npz").read_bytes()


def _changed(**arrays: Any) -> None:
    with np.load("m.npz") as held:
        kept = dict(held)
    np.savez("m.npz", **(kept | arrays))


DAMAGES = {
    "no archive": lambda: pathlib.Path("m.npz").write_bytes(b"PK nothing"),
    "a text": lambda: pathlib.Path("m.npz").write_text("{}"),
    "one array": lambda: np.savez("m.npz", x=READ),
    "a head of words": lambda: _changed(head=np.frombuffer(b"[1, 2", np.uint8)),
    "a head of another kind": lambda: _changed(head=np.frombuffer(b"[]", np.uint8)),
    "sums of another shape": lambda: _changed(**{"0/0/products": np.zeros((3, 3), np.float32)}),
    "sums of another type": lambda: _changed(**{"0/0/products": np.zeros((64, 64), np.int8)}),
    "sums that are not finite": lambda: _changed(**{"0/0/total": np.full(64, np.nan)}),
    "no samples": lambda: _changed(**{"0/0/count": np.array(0)}),
    "objects": lambda: _changed(**{"0/0/total": np.array([None] * 64)}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_in_a_line(
    damage: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _calibrate("-q") == 0
    DAMAGES[damage]()
    flags = ["--recipe", "dynamic_wi8_afp32", *GPTQ, "--moments", "m.npz", "-q"]
    assert main(["compile", "m.tflite", *flags, "-o", "o.tflite"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert said == ["error: m.npz: is no file of second moments: make one with tflir calibrate --moments-out"]
    assert not (folder / "o.tflite").exists()


REFUSED = {
    "of another model": (["--moments", "m.npz", *GPTQ], "m.npz: the moments are of another model"),
    "not there": (["--moments", "none.npz", *GPTQ], "none.npz: can't be read: "),
    "nothing rounds": (["--moments", "m.npz", "--weight-algorithm", "mse"], "does nothing without GPTQ"),
    "the data too": (["--moments", "m.npz", *GPTQ, "--representative-dataset", "d.npz"], "--moments"),
    "no ranges of channels": (["--moments", "m.npz", *GPTQ, "--equalize", "on"], "--equalize"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_used_is_refused(case: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _calibrate("-q") == 0
    (folder / "m.tflite").write_bytes(build.fully_connected(random(32, 64, seed=5)))
    flags, said = REFUSED[case]
    status = 1 if case in ("of another model", "not there") else 2
    try:
        found = main(["compile", "m.tflite", "-o", "o.tflite", "--recipe", "dynamic_wi8_afp32", *flags])
    except SystemExit as stop:
        found = stop.code
    assert found == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_the_moments_go_to_a_file_of_their_own(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _calibrate(moments="-") == 2
    assert _calibrate(stats="same.json", moments="same.json") == 2
    assert _calibrate(moments="d.npz") == 2
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_the_document_for_machines_names_the_file(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _calibrate("--json") == 0
    assert json.loads(capsys.readouterr().out)["moments"] == {"output": "m.npz", "inputs": 1}
