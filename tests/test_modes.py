"""`--mode`: each name gives the bytes that TensorFlow's options give, and one line names a contradiction."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from models_builder import random
from net_builder import Net, model_of

import tflir
from tflir.cli import main
from tflir.modes import NAMED_MODES

_X16 = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"


def _net(net: Net, x: int) -> int:
    one = net.dense("one", x, random(64, 64), random(64, seed=1), act=1)
    return net.op("SOFTMAX", "two", [one], (1, 64))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("modes")
    (made / "model.tflite").write_bytes(model_of(_net, (1, 64)))
    np.savez(made / "data.npz", x=np.stack([random(1, 64, seed=n) for n in range(4)]))
    return made


def _compile(folder: pathlib.Path, given: str) -> tuple[int, bytes]:
    out = folder / "out.tflite"
    out.unlink(missing_ok=True)
    words = [word.format(data=folder / "data.npz") for word in given.split()]
    try:
        status = main(["compile", str(folder / "model.tflite"), "-o", str(out), *words])
    except SystemExit as stop:
        status = int(stop.code or 0)
    return status, out.read_bytes() if out.exists() else b""


@pytest.mark.parametrize("name", NAMED_MODES)
def test_a_name_gives_the_bytes_of_the_options_that_it_stands_for(
    name: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named = NAMED_MODES[name]
    data = " --representative-dataset {data}" if named.needs_ranges else ""
    expected = _compile(folder, named.flags + data)
    capsys.readouterr()
    assert _compile(folder, f"--mode {name}{data}") == expected
    assert expected[0] == 0
    said = capsys.readouterr().err
    assert said.startswith(f"mode: {named.selects} (--mode {name}")
    assert ("representative data was given" in said) == named.needs_ranges
    assert _compile(folder, f"--mode {name} {named.flags}{data}") == expected


@pytest.mark.parametrize("name", [name for name, named in NAMED_MODES.items() if named.needs_ranges])
def test_a_mode_that_needs_ranges_says_so(name: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _compile(folder, f"--mode {name}") == (2, b"")
    assert f"--mode {name} needs the ranges of activations: give --representative" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("--mode int8 --supported-types float16", "--mode int8 and this value of --supported-types contradict"),
        ("--mode float16 --supported-ops TFLITE_BUILTINS_INT8", "value of --supported-ops contradict"),
        ("--mode int8-only --supported-ops TFLITE_BUILTINS", "stands for --optimize DEFAULT --supported-ops"),
        ("--mode float16 --recipe dynamic_wi8_afp32", "--recipe and --mode exclude each other"),
        ("--mode float16 -p tfl-optimize", "--mode does nothing beside --passes"),
        ("--mode dynamic-range --representative-dataset {data}", "does nothing beside --mode dynamic-range"),
        ("--mode dynamic-range --stats no.json", "--stats does nothing beside --mode dynamic-range"),
        ("--mode int8 --representative-dataset {data} --allow-float DIV", "--allow-float does nothing beside --mode"),
        ("--mode int16x8 --representative-dataset {data} --allow-float DIV", "give --supported-ops instead of --mode"),
        ("--mode int-8", "did you mean 'int8'"),
    ],
)
def test_what_contradicts_a_mode_is_refused_in_a_line(
    given: str, said: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _compile(folder, given) == (2, b"")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert said in lines[0]


@pytest.mark.parametrize("kind", ["int8", "int16"])
@pytest.mark.parametrize("name", NAMED_MODES)
def test_a_quantized_model_made_anew_is_of_the_mode_or_refused(
    name: str, kind: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _compile(folder, "--mode int8 --representative-dataset {data} --force")
    quantized = str((folder / "out.tflite").rename(folder / "quantized.tflite"))
    capsys.readouterr()
    status = main(["compile", quantized, "-o", f"{quantized}.out.tflite", "--mode", name, "--requantize", kind])
    pathlib.Path(f"{quantized}.out.tflite").unlink(missing_ok=True)
    said = capsys.readouterr().err
    may = {"int8": ("int8", "int8-only"), "int16": ("int16x8",)}[kind]
    assert status == (0 if name in may else 2), said
    assert f"--requantize {kind}" in said or name in may
    assert f"--mode {name}" in said


def test_sparsity_is_added_to_a_mode(folder: pathlib.Path) -> None:
    assert _compile(folder, "--mode float16 --optimize EXPERIMENTAL_SPARSITY") == _compile(
        folder, "--optimize DEFAULT,EXPERIMENTAL_SPARSITY --supported-types float16"
    )


def test_a_mode_in_python(folder: pathlib.Path) -> None:
    converter = tflir.Converter.from_file(folder / "model.tflite")
    converter.mode = "float16"
    assert converter.convert() == _compile(folder, "--mode float16")[1]
    assert tuple(converter.optimizations) == ()
    converter.target_spec.supported_types = ["int8"]
    with pytest.raises(tflir.Error, match="--mode float16 and this value of --supported-types contradict"):
        converter.convert()
    converter.mode = "int7"
    with pytest.raises(tflir.Error, match=r"mode: .*'int7' is none of dynamic-range, float16"):
        converter.convert()
