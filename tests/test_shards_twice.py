"""One shard of statistics or of second moments that is given twice: its samples would count twice."""

from __future__ import annotations

import pathlib
import shutil

import pytest
from sharing import folder_with

from tflir.cli import main

_HOW = {"--stats": [], "--moments": ["--stats", "1.json", "--weight-algorithm", "gptq"]}


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(folder_with(tmp_path))
    for number in (1, 2):
        files = ["-o", f"{number}.json", "--moments-out", f"{number}.npz", "--shard", f"{number}/2", "-q"]
        assert main(["calibrate", "model.tflite", "--representative-dataset", "data.npz", *files]) == 0
    shutil.copy("1.json", "copy.json")
    shutil.copy("1.npz", "copy.npz")
    return tmp_path


def _compile(flag: str, files: str) -> int:
    return main(["compile", "model.tflite", "--mode", "int8", *_HOW[flag], flag, files, "-o", "o.tflite", "--force"])


@pytest.mark.parametrize(("flag", "ending"), [("--stats", "json"), ("--moments", "npz")])
def test_a_file_is_refused_and_a_copy_is_said(
    flag: str, ending: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = folder / f"1.{ending}"
    assert _compile(flag, f"1.{ending},2.{ending},{again}") == 2
    said = f"error: {flag} names the file '{again}' twice: its samples would count twice: name it once\n"
    assert capsys.readouterr().err == said
    assert _compile(flag, f"1.{ending},2.{ending},copy.{ending}") == 0
    said = (
        f"warning: copy.{ending} has the same content as 1.{ending}: if they are of one shard, its samples count twice"
    )
    assert said in capsys.readouterr().err.splitlines()
    assert _compile(flag, f"1.{ending},2.{ending}") == 0
    assert "warning" not in capsys.readouterr().err
