"""`compile --dry-run`: it says what the conversion then does, and changes no file."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
import pytest
from models_builder import fully_connected, random

from tflir.cli import main


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(fully_connected())
    np.savez(tmp_path / "d.npz", x=np.stack([random(1, 64, seed=n) for n in range(4)]))
    return tmp_path


def _files(folder: pathlib.Path) -> dict[str, tuple[int, bytes]]:
    return {file.name: (file.stat().st_mtime_ns, file.read_bytes()) for file in folder.iterdir()}


_DATA = ["--representative-dataset", "d.npz"]


@pytest.mark.parametrize(
    ("given", "mode"),
    [
        ([], "mode: none"),
        (["--optimize", "EXPERIMENTAL_SPARSITY"], "mode: sparsity"),
        (["-p", "tfl-optimize"], "mode: passes (those that are given)"),
        (["--mode", "dynamic-range"], "mode: dynamic range (--mode dynamic-range)"),
        (["--mode", "int8", *_DATA], "mode: integer (--mode int8, representative data was given)"),
        (["--optimize", "DEFAULT", *_DATA, "--calibration-method", "auto"], "mode: integer (representative data was"),
        (["--recipe", "dynamic_wi8_afp32", "--rules-out", "r.toml"], "mode: dynamic range (recipe dynamic_wi8_afp32)"),
        (["--mode", "float16", "--verify", "--report", "r.html", "-v"], "mode: float16 (--mode float16)"),
    ],
)
def test_it_says_the_mode_the_passes_and_the_files(
    given: Sequence[str], mode: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", "m.tflite", *given, "--print-pipeline"] if "--verify" not in given else ["help"]) == 0
    pipeline = capsys.readouterr().out.strip()
    before = _files(folder)
    assert main(["compile", "m.tflite", *given, "--dry-run"]) == 0
    assert _files(folder) == before
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[0].startswith(mode)
    assert said.err == ""
    assert "would write m.opt.tflite" in lines
    assert ("would write r.html" in lines) == ("--report" in given)
    assert ("would write r.toml" in lines) == ("--rules-out" in given)
    assert ("would run both models in LiteRT" in lines) == ("--verify" in given)
    if "--verify" not in given:
        assert f"passes: {pipeline or 'none'}" in lines


def test_warnings_are_said_once(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "m.tflite", "--mode", "float16", *_DATA, "--dry-run"]) == 0
    said = "".join(capsys.readouterr())
    assert said.count("warning: --representative-dataset does nothing beside --mode float16") == 1


@pytest.mark.parametrize(
    ("given", "status", "why"),
    [
        (["--mode", "int8"], 2, "needs the ranges"),
        (["--mode", "int8", "--representative-dataset", "no.npz"], 1, "no.npz: can't be read: no such file"),
        (["--mode", "int8", "--stats", "no.json"], 1, "no.json: can't be read: no such file"),
        (["-o", "d.npz"], 2, "d.npz: exists"),
        (["-o", "no/o.tflite"], 2, "its folder does not exist"),
        (["--quiet"], 2, "--dry-run and --quiet exclude each other"),
    ],
)
def test_what_would_be_refused_is_refused(
    given: Sequence[str], status: int, why: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", "m.tflite", *given, "--dry-run"]) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert why in lines[0]


def test_what_would_be_overwritten_is_said(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "m.opt.tflite").write_bytes(b"old")
    assert main(["compile", "m.tflite", "--force", "--dry-run"]) == 0
    assert "would write m.opt.tflite (which is there already)" in capsys.readouterr().out
    assert (folder / "m.opt.tflite").read_bytes() == b"old"
