"""Passes beside those that the options give: DEFAULT in a pipeline, `--before` and `--after`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import models_builder as build
import pytest

import tflir
from tflir.cli import main

_DYNAMIC = "tfl-preserve-quantized{keep-float=false}"


@pytest.fixture(name="model")
def _model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("m.tflite").write_bytes(build.fully_connected())
    return "m.tflite"


def _pipeline(capsys: pytest.CaptureFixture[str], *given: str, status: int = 0) -> str:
    assert main(["compile", "m.tflite", "--print-pipeline", *given]) == status
    captured = capsys.readouterr()
    return captured.err if status else captured.out.strip()


def test_default_stands_for_what_the_flags_give(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = _pipeline(capsys, "--optimize", "DEFAULT")
    assert plain.startswith(_DYNAMIC)
    given = ["--optimize", "DEFAULT", "-p"]
    assert _pipeline(capsys, *given, "tfl-optimize,DEFAULT,tfl-strip") == f"tfl-optimize,{plain},tfl-strip"
    assert _pipeline(capsys, *given, "builtin.module(func.func(cse,tfl-optimize),DEFAULT)") == (
        f"func.func(cse,tfl-optimize),{plain}"
    )
    assert _pipeline(capsys, "-p", "tfl-optimize,DEFAULT") == "tfl-optimize"


def test_passes_before_and_after_others(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = [
        "--optimize",
        "DEFAULT",
        "--before",
        "tfl-quantize=cse,dce",
        "--after",
        "tfl-quantize=tfl-strip{kinds=names}",
    ]
    found = _pipeline(capsys, *given)
    assert "tfl-prepare-quantize-dynamic-range,cse,dce,tfl-quantize,tfl-strip{kinds=names},tfl-post-quantize" in found
    assert _pipeline(capsys, "-p", "cse", "--after", "cse=dce") == "cse,dce"


def test_what_is_added_to_a_requantization_keeps_its_place(capsys: pytest.CaptureFixture[str], model: str) -> None:
    Path("m.tflite").write_bytes(build.int8())
    found = _pipeline(
        capsys, "--requantize", "int8", "-p", "cse,DEFAULT,dce", "--after", "tfl-dequantize-model=canonicalize"
    )
    names = [part.partition("{")[0] for part in found.split(",")]
    assert names[:3] == ["cse", "tfl-lower-fake-quant", "tfl-densify-fold"]
    assert names[-1] == "dce"
    assert names[names.index("tfl-dequantize-model") + 1] == "canonicalize"
    assert main(["compile", "m.tflite", "--requantize", "int8", "-p", "cse,DEFAULT,dce", "-q"]) == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--optimize", "DEFAULT", "--after", "tfl-quantise=cse"], "did you mean 'tfl-quantize'"),
        (["--after", "tfl-quantize=cse"], "--after tfl-quantize: the pipeline has no such pass"),
        (["-p", "DEFAULT,DEFAULT"], "names DEFAULT twice"),
        (["-p", "DEFAULT{x=1}"], "it has no options"),
        (["--optimize", "DEFAULT", "-p", "func.func(DEFAULT)"], "works on the module"),
        (["--optimize", "DEFAULT", "-p", "tfl-optimize"], "write DEFAULT in --passes"),
        (["--optimize", "DEFAULT", "--before", "tfl-quantize=cse,{"], "expected the name of a pass"),
    ],
)
def test_what_is_refused(given: list[str], words: str, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert words in _pipeline(capsys, *given, status=2)


@pytest.mark.parametrize(
    "after",
    [{"tfl-quantize": "cse,dce"}, "tfl-quantize=cse,dce", ["tfl-quantize=cse,dce"], [("tfl-quantize", "cse,dce")]],
)
def test_attributes_of_a_converter(after: Any, model: str) -> None:
    converter = tflir.Converter.from_file(model)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.passes = "tfl-optimize,DEFAULT"
    converter.after = after
    assert "tfl-quantize,cse,dce,tfl-post-quantize" in converter.pipeline()
    assert len(converter.convert()) < Path(model).stat().st_size
    names = [report.name for report in converter.reports]
    assert names[0] == "tfl-optimize"
    assert names[names.index("tfl-quantize") + 1 :][:2] == ["cse", "dce"]


def test_analyses_print_their_tables(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--optimize", "DEFAULT", "-p", "DEFAULT,tfl-print-op-stats", "-o", "o.tflite"]
    assert main(["compile", model, *given]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("tfl-print-op-stats: ops by kind")
    assert "tfl.fully_connected" in captured.out
    assert "o.tflite: " in captured.err
