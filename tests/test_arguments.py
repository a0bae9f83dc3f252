"""What no option and no argument means: named twice, empty, of a wrong type, or without effect."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import models_builder as build
import pytest

import tflir
from tflir.cli import main
from tflir.opt import main as opt


@pytest.fixture
def model(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(build.fully_connected())
    return path


def _run(command: Callable[[list[str]], int], *arguments: object) -> int:
    try:
        return command([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


@pytest.mark.parametrize(
    "twice",
    [
        ("-o", "a.tflite", "--output", "b.tflite"),
        ("-p", "tfl-optimize", "-p", "cse"),
        ("--report", "a.json", "--report", "b.html"),
    ],
)
def test_one_of_two_values_is_not_forgotten(
    model: pathlib.Path, twice: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(main, "compile", model, *twice) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert twice[0] in said
    assert "twice" in said
    assert list(model.parent.iterdir()) == [model]


@pytest.mark.parametrize(
    "words",
    [
        ("{0}", "{1}", "{2}", "--out", "{out}", "--mode", "float16"),
        ("{0}", "--out", "{out}", "{1}", "--mode", "float16", "{2}"),
        ("--out", "{out}", "{0}", "{1}", "--mode", "float16", "{2}"),
        ("{0}", "{1}", "--out", "{out}", "--mode", "float16", "--", "{2}"),
    ],
)
def test_several_models_may_stand_on_both_sides_of_options(words: tuple[str, ...], tmp_path: pathlib.Path) -> None:
    models = [tmp_path / f"{number}.tflite" for number in range(3)]
    for one in models:
        one.write_bytes(build.fully_connected())
    assert _run(main, "batch", "--quiet", *(word.format(*models, out=tmp_path / "out") for word in words)) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tflite")) == [one.name for one in models]


def test_what_stands_behind_options_is_checked_too(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (("batch", model, "--out", "o", ""), "argument OTHER: is empty: see tflir batch --help"),
        (("batch", model, "--out", "o", "--bogus", "x"), "unrecognized arguments: --bogus"),
        (("compile", model, "--mode", "float16", "x"), "unrecognized arguments: x"),
    ):
        assert _run(main, *words) == 2
        assert said in capsys.readouterr().err


def test_two_runs_may_name_an_option_each(model: pathlib.Path) -> None:
    assert [_run(main, "compile", model, "-q", "--force", "-o", model.with_name("o.tflite")) for _ in range(2)] == [
        0,
        0,
    ]


@pytest.mark.parametrize("arguments", [("inspect", ""), ("compile", ""), ("compile", " ")])
def test_an_empty_model_name_is_wrong_usage(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(main, *arguments) == 2
    assert "MODEL: is empty" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [("-o", ""), ("--reproducer", ""), ("--explain", "")])
def test_an_empty_value_in_opt_is_wrong_usage(
    model: pathlib.Path, flags: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(opt.main, model, *flags) == 2
    said = capsys.readouterr().err
    assert flags[0] in said
    assert "is empty" in said


@pytest.mark.parametrize("command", ["compile", "calibrate"])
def test_a_model_that_is_not_there_is_named_before_its_output(
    tmp_path: pathlib.Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "no" / "model.tflite"
    more = ("--representative-dataset", "x.npz", "-o", tmp_path / "o.json") if command == "calibrate" else ()
    assert _run(main, command, missing, *more) == 1
    assert capsys.readouterr().err.startswith(f"error: {missing}: can't be read")


@pytest.mark.parametrize(
    "flags",
    [
        ("--print-ir-after-all",),
        ("--pass-statistics",),
        ("--reproducer", "r.mlir"),
        ("--print-resources", "--emit", "tflite"),
        ("--print-generic", "--emit", "tflite"),
    ],
)
def test_an_option_of_opt_without_effect_is_warned_of(
    model: pathlib.Path, flags: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    out = model.with_name("out.tflite" if "tflite" in flags else "out.mlir")
    assert _run(opt.main, model, *flags, "-o", out) == 0
    said = capsys.readouterr().err
    assert said.startswith(f"warning: {flags[0]} does nothing")
    assert said.count("\n") == 1


@pytest.mark.parametrize("path", [None, 1, b"model.tflite", [], {}])
@pytest.mark.parametrize("take", [tflir.load, tflir.Converter.from_file, lambda path: tflir.save(_module(), path)])
def test_what_is_no_path_is_refused(take: Callable[[Any], Any], path: Any) -> None:
    with pytest.raises(tflir.Error, match="named by its path") as caught:
        take(path)
    assert caught.value.status == 2


@pytest.mark.parametrize("data", [None, 1, "model.tflite", [1, 2]])
def test_what_is_no_bytes_is_refused(data: Any) -> None:
    with pytest.raises(tflir.Error, match="is bytes") as caught:
        tflir.Converter.from_bytes(data)
    assert caught.value.status == 2


def test_a_module_in_place_of_a_function_is_refused() -> None:
    with pytest.raises(tflir.Error, match="function") as caught:
        tflir.Converter.from_module(_module())  # pyright: ignore[reportArgumentType]
    assert caught.value.status == 2


def _module() -> Any:
    from tflir.files import load_bytes

    return load_bytes(build.fully_connected())


@pytest.mark.parametrize("name", [":f", ".:f", "..:f", "a b:f", "a..b:f"])
@pytest.mark.parametrize("command", ["calibrate", "compile"])
def test_functions_of_modules_that_no_module_is_called(
    model: pathlib.Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--optimize", "DEFAULT") if command == "compile" else ()
    assert _run(main, command, model, "-o", model.with_name("o.tflite"), "--representative-dataset", name, *more) in (
        1,
        2,
    )
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
