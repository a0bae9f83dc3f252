"""The command line: statuses, one line of error, nothing half-written, and a quick start."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import time

import models_builder as build
import numpy as np
import pytest

from tflir.cli import main


@pytest.fixture
def model(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(build.fully_connected())
    return path


def _run(*arguments: object) -> int:
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def test_compile_makes_it_small(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("compile", model, "--optimize", "default") == 0
    out = model.with_name("model.opt.tflite")
    assert out.stat().st_size < model.stat().st_size / 2
    line = capsys.readouterr().err.strip()
    assert str(out) in line
    assert "x smaller" in line


def test_sizes_round_up_to_the_next_unit(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    """999 960 bytes are 1.0 MB, not 1000.0 kB."""

    def made(count: int) -> bytes:
        return build.fully_connected(np.zeros((count, 1), np.float32))

    data = made(1000)
    per_row = (len(made(2000)) - len(data)) / 1000
    data = made(1000 + int((999_990 - len(data)) / per_row))
    assert 999_950 <= len(data) < 1_000_000
    (tmp_path / "m.tflite").write_bytes(data)
    assert _run("compile", tmp_path / "m.tflite", "-o", tmp_path / "o.tflite") == 0
    assert ": 1.0 MB -> 1.0 MB" in capsys.readouterr().err


def test_the_same_input_gives_the_same_bytes(model: pathlib.Path) -> None:
    for name in ("a.tflite", "b.tflite"):
        assert _run("compile", model, "-o", model.with_name(name), "--optimize", "DEFAULT", "-q") == 0
    assert model.with_name("a.tflite").read_bytes() == model.with_name("b.tflite").read_bytes()


def test_text_and_back(model: pathlib.Path) -> None:
    text, back, direct = (model.with_name(n) for n in ("m.mlir", "back.tflite", "direct.tflite"))
    assert _run("compile", model, "-o", text, "-q") == 0
    assert _run("compile", text, "-o", back, "-q") == 0
    assert _run("compile", model, "-o", direct, "-q") == 0
    assert back.read_bytes() == direct.read_bytes()


def test_elided_text_can_not_become_a_model(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, back = model.with_name("m.mlir"), model.with_name("back.tflite")
    assert _run("compile", model, "-o", text, "--elide-constants", "-q") == 0
    assert _run("compile", text, "-o", back, "-q") == 1
    assert "without" in capsys.readouterr().err
    assert not back.exists()


def test_print_pipeline_compiles_nothing(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("compile", model, "--print-pipeline", "--optimize", "DEFAULT", "--supported-types", "float16") == 0
    assert capsys.readouterr().out.strip() == (
        "tfl-preserve-quantized{keep-float=false},tfl-canonicalize{share-constants=false},"
        "tfl-prepare-quantize-float16,tfl-post-quantize,tfl-clear-marks,tfl-canonicalize"
    )
    assert _run("compile", model, "--print-pipeline", "--optimize", "DEFAULT", "--disable-per-channel") == 0
    assert "tfl-prepare-quantize-dynamic-range{per-channel=false}" in capsys.readouterr().out
    assert not model.with_name("model.opt.tflite").exists()


def test_a_printed_pipeline_does_what_the_flags_do(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    _run("compile", model, "--print-pipeline", "--optimize", "DEFAULT")
    pipeline = capsys.readouterr().out.strip()
    one, other = model.with_name("one.tflite"), model.with_name("other.tflite")
    assert _run("compile", model, "-o", one, "-q", "-p", pipeline) == 0
    assert _run("compile", model, "-o", other, "-q", "--optimize", "DEFAULT") == 0
    assert one.read_bytes() == other.read_bytes()


def test_deprecated_flags_warn(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("compile", model, "--optimize", "OPTIMIZE_FOR_SIZE,OPTIMIZE_FOR_LATENCY") == 0
    assert capsys.readouterr().err.count("warning: ") == 2


def test_report_and_verbose(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = model.with_name("r.json")
    assert _run("compile", model, "--optimize", "DEFAULT", "--report", report, "-v", "--verify") == 0
    assert "1 weights to quantize" in capsys.readouterr().err
    assert "tfl-quantize" in json.dumps(json.loads(report.read_text("utf-8")))


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (["compile", "{none}"], 1, "can't be read"),
        (["compile", "{folder}"], 1, "is a directory"),
        (["compile", "{model}", "-o", "{folder}/new/"], 2, "is the name of a folder"),
        (["compile", "{empty}"], 1, "is empty"),
        (["compile", "{text}"], 1, "identifier"),
        (["compile", "{model}", "-o", "{model}", "--force"], 2, "is the input"),
        (["compile", "{model}", "-o", "{text}"], 2, "exists"),
        (["compile", "{model}", "-o", "{folder}/none/x.tflite"], 2, "folder does not exist"),
        (["compile", "{model}", "--optimize", "SMALLER"], 2, "'SMALLER' is none of DEFAULT"),
        (["compile", "{model}", "--supported-types", "float16"], 2, "without an optimization"),
        (["compile", "{model}", "--disable-per-channel"], 2, "without an optimization"),
        (["compile", "{model}", "--optimize", "DEFAULT", "-p", "canonicalize"], 2, "one or the other"),
        (["compile", "{model}", "-p", "tfl-kuantize"], 2, "tfl-quantize"),
        (["compile", "{model}", "--elide-constants"], 2, "for .mlir text"),
        (["compile", "{model}", "-o", "{folder}/m.mlir", "--verify"], 2, "runs a .tflite"),
        (["compile"], 2, "MODEL"),
        (["frobnicate"], 2, "frobnicate"),
        ([], 2, "COMMAND"),
        (["compile", "{bad}"], 1, "bad.mlir:1:"),
        (["inspect", "{text}"], 1, "identifier"),
    ],
)
def test_errors_are_one_line_with_a_status(
    arguments: list[str], status: int, why: str, model: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = model.parent
    (folder / "empty.tflite").touch()
    (folder / "text.tflite").write_text("this is a text, not a model")
    (folder / "bad.mlir").write_text("func.func @main( {")
    places = {
        "none": folder / "none.tflite", "folder": folder, "empty": folder / "empty.tflite", "model": model,
        "text": folder / "text.tflite", "bad": folder / "bad.mlir",
    }  # fmt: skip
    before = sorted(folder.iterdir())
    assert _run(*(a.format(**places) for a in arguments)) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert why in printed.err
    assert sorted(folder.iterdir()) == before


@pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="root may write anywhere")
def test_an_unwritable_folder(model: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert _run("compile", model) == 1
    finally:
        model.parent.chmod(stat.S_IRWXU)
    assert "can't be written" in capsys.readouterr().err


def test_a_failure_while_writing_leaves_nothing(model: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tflir.backends.tflite.buffers.BufferTables.write", broken)
    assert _run("compile", model) == 1
    assert [p.name for p in model.parent.iterdir()] == ["model.tflite"]


_SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite that runs in the background has it ignored
import tflir.backends.tflite.buffers as buffers
from tflir.cli import main
def slow(*_):
    print("writing", flush=True)
    time.sleep(60)
buffers.BufferTables.write = slow
sys.exit(main(["compile", sys.argv[1]]))
"""


_CLEANING = _SLOW.replace(
    "    time.sleep(60)",
    """
    try:
        time.sleep(60)
    finally:  # what the signal interrupts may fail then
        print("cleaning", flush=True)
        time.sleep(0.3)
        raise RuntimeError("release unlocked lock")
""",
)
_PARSING = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import tflir.passes.recipes
from tflir.cli import main
def slow(*_):
    print("writing", flush=True)
    time.sleep(60)
tflir.passes.recipes.load_recipe = slow
sys.exit(main(["compile", sys.argv[1], "--recipe", "r.toml"]))
"""
_SIGNALS = pytest.mark.skipif(sys.platform == "win32", reason="signals")


def _writing(program: str, model: pathlib.Path) -> subprocess.Popen[str]:
    """A program that has begun to write, as it says, and does so for a minute."""
    command = [sys.executable, "-c", program, str(model)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    time.sleep(0.1)
    return process


@_SIGNALS
@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_that_is_sent_twice_lets_the_program_clean_up(
    model: pathlib.Path, number: signal.Signals, said: str
) -> None:
    process = _writing(_CLEANING, model)
    assert process.stdout is not None
    process.send_signal(number)
    assert process.stdout.readline() == "cleaning\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (128 + number, said)
    assert [p.name for p in model.parent.iterdir()] == ["model.tflite"]


@_SIGNALS
def test_an_interruption_while_options_are_read_is_one_line(model: pathlib.Path) -> None:
    process = _writing(_PARSING, model)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err.strip()) == (130, "interrupted")


@_SIGNALS
@pytest.mark.parametrize(("number", "said"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_an_interruption_leaves_nothing(model: pathlib.Path, number: signal.Signals, said: str) -> None:
    process = _writing(_SLOW, model)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert err.strip() == said
    assert [p.name for p in model.parent.iterdir()] == ["model.tflite"]


@pytest.mark.skipif(sys.platform == "win32", reason="pipes")
@pytest.mark.parametrize(
    "arguments",
    [["help", "--man"], ["help", "compile"], ["compile", "--help"], ["completion", "fish"],
     ["inspect", "{model}", "-v"], ["inspect", "{model}", "--json"], ["compile", "{model}", "--dry-run"]],
)  # fmt: skip
def test_a_reader_that_goes_leaves_no_traceback(arguments: list[str], model: pathlib.Path) -> None:
    command = [sys.executable, "-m", "tflir", *(word.format(model=model) for word in arguments)]
    reading, writing = os.pipe()
    os.close(reading)
    environment = os.environ | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment, check=False)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode in (0, 1)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_behind_standard_output_is_one_line(model: pathlib.Path) -> None:
    command = [sys.executable, "-m", "tflir", "inspect", str(model), "--json"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output can't be written: no space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["compile", "--help"], ["compile"], ["nothing"], ["help", "search"]]
)
def test_help_and_usage_errors_import_neither_numpy_nor_xdsl(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom tflir.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "assert not {'numpy', 'xdsl', 'rich', 'shtab'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_quiet_compilation_imports_neither_rich_nor_the_runtime(model: pathlib.Path) -> None:
    code = (
        "import sys\nfrom tflir.cli import main\n"
        f"main(['compile', {str(model)!r}, '-q', '--optimize', 'DEFAULT'])\n"
        "assert not {'rich', 'ai_edge_litert', 'importlib.metadata'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_debug_shows_the_traceback(model: pathlib.Path) -> None:
    from tflir.ir.errors import Error

    with pytest.raises(Error):
        _run("compile", model.with_name("none"), "--debug")
