"""`tflir batch`: many models with the same options; what fails does not stop the others, and a second run goes on."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time
from typing import Any

import pytest
from models_builder import convolutions, fully_connected
from sharing import data_module, folder_with

from tflir.cli import main


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    made = folder_with(tmp_path)
    (made / "a.tflite").write_bytes(fully_connected())
    (made / "b.tflite").write_bytes(convolutions())
    (made / "bad.tflite").write_bytes(b"no model")
    return made


def _batch(folder: pathlib.Path, names: list[str], *more: str) -> int:
    return main(["batch", *(str(folder / name) for name in names), "--out", str(folder / "out"), *more])


def _said(capsys: pytest.CaptureFixture[str]) -> Any:
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == 1
    return said["models"]


def test_each_is_what_compile_makes_and_a_failure_does_not_stop_the_rest(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["a.tflite", "bad.tflite", "b.tflite", "missing.tflite"]
    assert _batch(folder, names, "--mode", "dynamic-range", "--verify") == 1
    shown = capsys.readouterr()
    assert shown.out.startswith("4 models, 2 failed")
    assert shown.out.count(" made") == 2
    assert " dB " in shown.out
    errors = shown.err.splitlines()
    assert len(errors) == 2
    assert all(line.startswith("error: ") for line in errors)
    assert "bad.tflite: " in errors[0]
    assert "missing.tflite: can't be read" in errors[1]
    for name in ("a.tflite", "b.tflite"):
        one = folder / f"one-{name}"
        assert main(["compile", str(folder / name), "-o", str(one), "--mode", "dynamic-range", "-q"]) == 0
        assert (folder / "out" / name).read_bytes() == one.read_bytes()
    assert sorted(path.name for path in (folder / "out").iterdir()) == [".tflir", "a.tflite", "b.tflite"]


def test_a_folder_stands_for_the_models_in_it(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.tflite").unlink()
    (folder / "deeper").mkdir()
    (folder / "deeper" / "c.tflite").write_bytes(fully_connected())
    assert _batch(folder, ["."], "--mode", "float16", "--json") == 0
    names = [pathlib.Path(made["model"]).name for made in _said(capsys)]
    assert names == ["a.tflite", "b.tflite", "model.tflite"]
    (folder / "none").mkdir()
    assert _batch(folder, ["none"], "--mode", "float16") == 2
    assert "holds no .tflite" in capsys.readouterr().err


def test_a_second_run_makes_what_is_not_there(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["a.tflite", "b.tflite"]
    assert _batch(folder, names[:1], "--mode", "float16", "--json") == 0
    (made,) = _said(capsys)
    assert (made["reused"], made["after"]) == (False, (folder / "out" / "a.tflite").stat().st_size)
    assert _batch(folder, names, "--mode", "float16", "--json") == 0
    assert [made["reused"] for made in _said(capsys)] == [True, False]
    assert _batch(folder, names, "--mode", "dynamic-range", "--json") == 1
    assert all("exists" in made["error"] for made in _said(capsys))
    assert _batch(folder, names, "--mode", "dynamic-range", "--json", "--force") == 0
    assert not any(made["reused"] or made["error"] for made in _said(capsys))


def test_a_limit_that_is_not_met_is_a_failure(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    limits = ["--verify", "--min-snr", "200", "--mode", "dynamic-range", "--json"]
    assert _batch(folder, ["a.tflite", "b.tflite"], *limits) == 1
    made = _said(capsys)
    assert all("below --min-snr 200" in one["unmet"][0] for one in made)
    assert all(one["snr_db"] < 200 for one in made)


def test_models_of_one_name_keep_their_folders(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("x", "y"):
        (folder / name).mkdir()
        (folder / name / "m.tflite").write_bytes(fully_connected())
    assert _batch(folder, ["x/m.tflite", "y/m.tflite"], "-q") == 0
    assert (folder / "out" / "x" / "m.tflite").is_file()
    assert (folder / "out" / "y" / "m.tflite").is_file()
    assert _batch(folder, ["a.tflite", "a.tflite"], "-q") == 2
    assert "two models would be written to it" in capsys.readouterr().err


@pytest.mark.parametrize("link", [None, "symbolic", "hard"])
def test_no_model_is_written_over_one_that_is_read(
    folder: pathlib.Path, link: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = folder / "a.tflite", folder / "out"
    out.mkdir()
    if link == "symbolic":
        (out / "a.tflite").symlink_to(model)
    elif link == "hard":
        (out / "a.tflite").hardlink_to(model)
    else:
        out = folder
    before = model.read_bytes()
    names = [str(model), str(folder / "b.tflite")]
    assert main(["batch", *names, "--out", str(out), "--mode", "float16", "--force"]) == 2
    assert capsys.readouterr().err == f"error: {out / 'a.tflite'}: is an input: name another folder with --out\n"
    assert model.read_bytes() == before


def test_a_run_that_is_killed_leaves_nothing_half_written_and_goes_on(folder: pathlib.Path) -> None:
    data = data_module(folder, "batched", "time.sleep(0.02)")
    for number in range(3):
        (folder / f"{number}.tflite").write_bytes((folder / "model.tflite").read_bytes())
    words = [sys.executable, "-m", "tflir", "batch", *(f"{number}.tflite" for number in range(3)), "--out", "out"]
    words += ["--mode", "int8", "--representative-dataset", data]
    run = subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(folder.glob("out/*.tflite")) and time.monotonic() < deadline:
        time.sleep(0.02)
    run.kill()
    run.wait()
    before = {path.name: path.read_bytes() for path in folder.glob("out/*.tflite")}
    assert 1 <= len(before) < 3
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True)
    assert done.stdout.count("was there") == len(before)
    contents = {(folder / "out" / f"{number}.tflite").read_bytes() for number in range(3)}
    assert contents == set(before.values())
