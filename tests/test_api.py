"""The functions of `import tflir`: models in and out of memory, compared, and shown in a notebook."""

from __future__ import annotations

import inspect
import math
import pathlib
import subprocess
import sys
from collections.abc import Callable

import models_builder as models
import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

import tflir
from tflir.cli import main


@pytest.fixture
def model(tmp_path: pathlib.Path) -> pathlib.Path:
    """The file of a small model."""
    path = tmp_path / "m.tflite"
    path.write_bytes(models.fully_connected())
    return path


def test_a_model_goes_through_memory_as_bytes_and_as_text(model: pathlib.Path) -> None:
    data = model.read_bytes()
    expected = tflir.dumps(tflir.load(model))
    assert tflir.dumps(tflir.loads(data)) == expected
    assert tflir.dumps(tflir.loads(bytearray(data))) == expected  # pyright: ignore[reportArgumentType]
    text = tflir.dumps(tflir.load(model), "mlir")
    assert tflir.dumps(tflir.loads(text)) == expected
    assert tflir.dumps(tflir.loads(text.encode())) == expected


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda module: tflir.load(tflir.dumps(module)), "loads"),
        (lambda module: tflir.loads(3), "bytes or the text"),
        (lambda module: tflir.loads(b"TFL3"), "<memory>"),
        (lambda module: tflir.loads("func.func @f() { nothing }"), "<memory>:1"),
        (lambda module: tflir.dumps(module, "json"), "'tflite' or 'mlir'"),
        (lambda module: tflir.compare(module, module, samples=0), "at least one"),
        (lambda module: tflir.compare(3, module), "path"),
    ],
)
def test_wrong_arguments_are_errors(model: pathlib.Path, call: Callable[[ModuleOp], object], says: str) -> None:
    with pytest.raises(tflir.Error, match=says):
        call(tflir.load(model))


def test_save_replaces_a_file_with_force_only(model: pathlib.Path) -> None:
    before = model.read_bytes()
    module = tflir.load(model)
    with pytest.raises(tflir.Error, match="exists"):
        tflir.save(module, model)
    assert model.read_bytes() == before
    tflir.save(module, model, force=True)
    tflir.save(module, model.with_suffix(".mlir"))
    assert model.with_suffix(".mlir").exists()


def test_compare_takes_paths_bytes_and_modules(model: pathlib.Path, tmp_path: pathlib.Path) -> None:
    module = tflir.load(model)
    text = tmp_path / "m.mlir"
    tflir.save(module, text)
    for other in (model, str(model), model.read_bytes(), module, text):
        assert [output.snr_db for output in tflir.compare(model, other).outputs] == [math.inf]
    tflir.run_passes(module, "tfl-prepare-quantize-dynamic-range{min-elements=0},tfl-quantize,tfl-post-quantize")
    inputs = [{"x": np.full((1, 64), n, np.float32)} for n in (1, 2)]
    found = tflir.compare(model, module, lambda: inputs)
    assert found.samples == 2
    assert not found.random
    assert 20 < found.outputs[0].snr_db < math.inf
    assert found.layers
    assert "signal to noise" in str(found)


def test_a_notebook_shows_short_ir(model: pathlib.Path) -> None:
    for module in (tflir.load(model), tflir.loads(model.read_bytes())):
        shown = module._repr_html_()  # pyright: ignore
        assert "tfl.fully_connected" in shown
        assert "loc(" not in shown
        assert len(shown) < 8000
        assert not hasattr(type(module), "_repr_html_")


def test_the_notebook_shows_what_a_module_is_now(model: pathlib.Path) -> None:
    module = tflir.load(model)
    tflir.run_passes(module, "tfl-prepare-quantize-dynamic-range{min-elements=0},tfl-quantize")
    assert "quant.uniform" in module._repr_html_()  # pyright: ignore


def test_help_and_dir_list_the_functions() -> None:
    for name in tflir.__all__:
        assert name in dir(tflir)
        thing = getattr(tflir, name)
        assert name == "__version__" or inspect.getdoc(thing), name


def test_the_package_is_a_command(model: pathlib.Path, tmp_path: pathlib.Path) -> None:
    out = tmp_path / "o.tflite"
    done = subprocess.run([sys.executable, "-m", "tflir", "compile", str(model), "-o", str(out)], check=False)
    assert done.returncode == 0
    other = tmp_path / "p.tflite"
    assert main(["compile", str(model), "-o", str(other)]) == 0
    assert out.read_bytes() == other.read_bytes()
