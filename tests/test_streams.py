"""Standard input and output: `-` for models and JSON, `--json` of each command, code of users that prints."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from models_builder import fully_connected, random

from tflir.cli import main
from tflir.commands.descriptions import COMMANDS
from tflir.options import of_command

FEED = """
import numpy as np
print("loading")
def samples():
    print("feeding")
    for n in range(4):
        yield [np.random.default_rng(n).random((1, 64), np.float32)]
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(fully_connected())
    (tmp_path / "feed.py").write_text(FEED)
    np.savez(tmp_path / "d.npz", x=np.stack([random(1, 64, seed=n) for n in range(8)]))
    return tmp_path


def _piped(*words: str, given: bytes = b"") -> tuple[bytes, str]:
    """What a command that succeeds prints on stdout and stderr."""
    done = subprocess.run([sys.executable, "-m", "tflir", *words], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.decode()


def test_models_and_statistics_go_through_pipes(folder: pathlib.Path) -> None:
    model = pathlib.Path("m.tflite").read_bytes()
    written, said = _piped("compile", "-", "-o", "-", "--mode", "dynamic-range", given=model)
    assert written[4:8] == b"TFL3"
    assert "<stdout>: " in said
    assert main(["compile", "m.tflite", "-o", "o.tflite", "--mode", "dynamic-range", "-q"]) == 0
    assert written == pathlib.Path("o.tflite").read_bytes()
    stats, _ = _piped("calibrate", "-", "-o", "-", "--representative-dataset", "d.npz", given=model)
    assert json.loads(stats)["samples"] == 8
    written, _ = _piped("compile", "m.tflite", "-o", "-", "--mode", "int8", "--stats", "-", given=stats)
    assert written[4:8] == b"TFL3"
    for command in ("inspect", "check", "benchmark"):
        more = ["--seconds", "0.1"] if command == "benchmark" else []
        assert json.loads(_piped(command, "-", "--json", *more, given=written)[0])
    assert json.loads(_piped("compare", "m.tflite", "-", "--json", given=written)[0])["models"][1] == "<stdin>"
    report, _ = _piped("compile", "m.tflite", "-o", "o.tflite", "--force", "--report", "-")
    assert json.loads(report)["bytes_before"] == len(model)


def test_a_search_writes_its_model_or_its_trace_to_standard_output(folder: pathlib.Path) -> None:
    command = ["search", "m.tflite", "--representative-dataset", "d.npz", "--bound", "snr>=20", "-q"]
    assert _piped(*command, "-o", "-")[0][4:8] == b"TFL3"
    trace = json.loads(_piped(*command, "-o", "o.tflite", "--trace", "-")[0])
    assert trace["result"]["evaluations"] > 0


@pytest.mark.parametrize("stdout", ["-o", "--report", "--json"])
def test_what_a_data_function_prints_does_not_mix_with_a_file(stdout: str, folder: pathlib.Path) -> None:
    given = {"-o": ["-o", "-"], "--report": ["-o", "o.tflite", "--report", "-"], "--json": ["--json"]}[stdout]
    for data in ("feed:samples", "feed.py:samples"):
        command = ["compile", "m.tflite", "--mode", "int8", "--representative-dataset", data, "--force", *given]
        written, said = _piped(*command)
        assert "feeding" in said
        assert written[4:8] == b"TFL3" if stdout == "-o" else json.loads(written)


_JSON: dict[str, list[str]] = {
    "compile": ["--mode", "int8", "--representative-dataset", "d.npz", "--verify"],
    "calibrate": ["--representative-dataset", "d.npz", "-o", "s.json"],
    "search": ["--representative-dataset", "d.npz", "--bound", "snr>=20", "-o", "o.tflite"],
    "inspect": [],
    "check": [],
    "compare": ["m.tflite"],
    "benchmark": ["--seconds", "0.1"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_its_facts_for_machines(
    name: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert any(said.flag == "--json" for said in of_command(name))
    if name not in _JSON:
        pytest.skip("tested with the command")
    assert main([name, "m.tflite", *_JSON[name], "--json"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert json.loads(printed.out)["version"] == 1


def test_the_facts_are_those_of_the_file(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "m.tflite", *_JSON["compile"], "-o", "o.tflite", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes_after"] == pathlib.Path("o.tflite").stat().st_size
    assert facts["remarks"] == ["mode: integer (--mode int8, representative data was given)"]
    assert facts["verification"]["samples"] == 8
    assert main(["compile", "m.tflite", "--mode", "float16", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outputs"] == ["m.opt.tflite"]
    assert main([*(["calibrate", "m.tflite"]), *_JSON["calibrate"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 8
    assert main(["search", "m.tflite", *_JSON["search"], "--force", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["bytes_after"] == pathlib.Path("o.tflite").stat().st_size
    assert facts["layers"]


@pytest.mark.parametrize(
    "arguments",
    [["compile", "-", "-o", "o.tflite", "--mode", "int8", "--stats", "-"], ["compare", "-", "-"],
     ["compile", "m.tflite", "--print-pipeline", "--json"], ["benchmark", "-", "-"],
     ["calibrate", "m.tflite", "--representative-dataset", "d.npz", "-o", "-", "--json"]],
)  # fmt: skip
def test_a_stream_is_used_once(arguments: list[str], folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_model_is_not_written_to_a_terminal(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream: Any = sys.stdout
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    assert main(["compile", "m.tflite", "-o", "-"]) == 2
    assert "no text for a terminal" in capsys.readouterr().err


def test_a_model_is_not_written_into_a_file_through_standard_output(folder: pathlib.Path) -> None:
    """If the run failed there would be half a file, or an empty one."""
    with open(folder / "out.tflite", "wb") as out:
        done = subprocess.run(
            [sys.executable, "-m", "tflir", "compile", "m.tflite", "-o", "-"],
            cwd=folder,
            stdout=out,
            stderr=-1,
            check=False,
        )
    assert done.returncode == 2
    assert b"name it: -o FILE" in done.stderr
    assert not (folder / "out.tflite").stat().st_size


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
@pytest.mark.parametrize("closed", ["stdout", "stderr", "both"])
def test_streams_that_are_closed_leave_no_traceback(closed: str, folder: pathlib.Path) -> None:
    ends = {"stdout": ">&-", "stderr": "2>&-", "both": ">&- 2>&-"}[closed]
    for words in ("inspect m.tflite", "compile m.tflite -o o.tflite --force --mode float16 --verify", "inspect none"):
        command = f"{sys.executable} -m tflir {words} {ends}"
        done = subprocess.run(command, shell=True, capture_output=True, check=False, env=os.environ)
        assert done.returncode == (1 if "none" in words else 0), (words, done.stderr)
        assert b"Traceback" not in done.stderr
