"""Representative data that is code of a user's: whatever it raises is one line that names it, and its file is kept."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import models_builder as models
import pytest

from tflir.cli import main

FUNCTIONS = {
    "exits": "def samples():\n    import sys\n    sys.exit(0)\n",
    "ends": "def samples():\n    raise GeneratorExit\n",
    "bare": "def samples():\n    raise BaseException('bad')\n",
    "mute": (
        "class Mute(Exception):\n    def __str__(self):\n        raise SystemExit(4)\ndef samples():\n    raise Mute\n"
    ),
    "late": "def samples():\n    raise StopIteration\n",
    "array": (
        "class Lazy:\n    def __array__(self, *given, **named):\n        raise SystemExit(4)\n"
        "def samples():\n    yield [Lazy()]\n"
    ),
    "mapping": (
        "class Lazy(dict):\n    def __getitem__(self, name):\n        raise OSError('gone')\n"
        "def samples():\n    yield Lazy(image=1)\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder that holds a model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.tflite").write_bytes(models.convolutions())
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if (file := getattr(sys.modules[name], "__file__", None)) and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


def compiled(data: str, *more: str) -> tuple[int, str]:
    """Status and stderr of compiling the model with `data`."""
    said = io.StringIO()
    given = ["--optimize", "DEFAULT", "--representative-dataset", data, "-q", "--force", *more]
    with contextlib.redirect_stderr(said):
        return main(["compile", "m.tflite", *given]), said.getvalue()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_data_function_raises_is_one_line_that_names_it(folder: Path, name: str) -> None:
    (folder / f"data_{name}.py").write_text(FUNCTIONS[name])
    status, said = compiled(f"data_{name}:samples", "-o", "out.tflite")
    assert status == 1
    assert said.startswith(f"error: data_{name}:samples: ")
    assert said.count("\n") == 1
    assert not (folder / "out.tflite").exists()


@pytest.mark.parametrize("what", ["raise BaseException('bad')", "raise GeneratorExit", "import sys; sys.exit(0)"])
def test_a_module_that_fails_is_wrong_usage(folder: Path, what: str) -> None:
    name = f"module_{abs(hash(what))}"
    (folder / f"{name}.py").write_text(what)
    status, said = compiled(f"{name}:samples", "-o", "out.tflite")
    assert (status, said.count("\n")) == (2, 1)
    assert f"module {name} can't be imported" in said


@pytest.mark.parametrize("file", ["own.py", "inner/deep.py", "whole/__init__.py"])
def test_the_module_of_a_data_function_is_an_input(folder: Path, file: str) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(FUNCTIONS["exits"])
    module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    status, said = compiled(f"{module}:samples", "-o", file)
    assert status == 2
    assert "is an input" in said
    assert (folder / file).read_text() == FUNCTIONS["exits"]


def test_a_folder_of_data_keeps_its_data_and_takes_other_files(folder: Path) -> None:
    import numpy as np

    (folder / "data").mkdir()
    np.save(folder / "data" / "one.npy", models.random(1, 8, 8, 4))
    before = (folder / "data" / "one.npy").read_bytes()
    (folder / "data" / "old.tflite").write_bytes(b"old")
    assert compiled("data", "-o", "data/one.npy")[0] == 2
    assert (folder / "data" / "one.npy").read_bytes() == before
    assert compiled("data", "-o", "data/old.tflite") == (0, "")
    assert (folder / "data" / "old.tflite").read_bytes()[4:8] == b"TFL3"


PLACES = {
    "raises": (
        "import numpy as np\ndef samples():\n    yield [np.ones((1, 8, 8, 4), np.float32)]\n"
        "    raise ValueError('broken')\n",
        "fails after sample 1 with ValueError: broken",
        4,
        1,
    ),
    "inside": (
        "import numpy as np\ndef load():\n    return np.load('none.npy')\ndef samples():\n    yield [load()]\n",
        "FileNotFoundError",
        3,
        1,
    ),
    "exits": ("import sys\ndef samples():\n    sys.exit(0)\n", "sys.exit (SystemExit: 0)", 3, 1),
    "import": ("import numpy\n\nx = {}['a']\ndef samples(): ...\n", "KeyError: 'a'", 3, 2),
    "syntax": ("def samples():\n    return [\n", "SyntaxError", 2, 2),
    "missing": ("import nothing_of_this_name\n", "ModuleNotFoundError", 1, 2),
}


@pytest.mark.parametrize("given", ["module", "file"])
@pytest.mark.parametrize("name", PLACES)
def test_the_line_of_the_users_code_is_named(folder: Path, name: str, given: str) -> None:
    code, said_of_it, line, status = PLACES[name]
    (folder / f"place_{name}.py").write_text(code)
    found, said = compiled(f"place_{name}{'.py' if given == 'file' else ''}:samples", "-o", "out.tflite")
    assert (found, said.count("\n")) == (status, 1)
    assert said_of_it in said
    assert f" at place_{name}.py:{line}: fix the code there" in said or name == "syntax"
    assert f"place_{name}.py:" in said


def test_a_function_is_found_in_a_file_of_another_folder(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "beside.py").write_text("import numpy as np\nONE = np.ones((1, 8, 8, 4), np.float32)\n")
    code = "from beside import ONE\ndef samples():\n    yield [ONE]\nmade = [[ONE], [2 * ONE]]\n"
    (folder / "other" / "own-data.py").write_text(code)
    for data in ("other/own-data.py:samples", "other/own-data.py:made", str(folder / "other" / "own-data.py:samples")):
        assert compiled(data, "-o", "out.tflite") == (0, "")
    status, said = compiled("other/own-data.py:sample", "-o", "out.tflite")
    assert status == 2
    assert "did you mean 'samples'" in said
    assert compiled("other/none.py:samples", "-o", "out.tflite")[0] == 2
    assert compiled("other/own-data.py:samples", "-o", "other/own-data.py")[0] == 2
    assert (folder / "other" / "own-data.py").read_text() == code


def test_an_iterator_serves_every_reading(folder: Path) -> None:
    import tflir

    converter = tflir.Converter.from_file("m.tflite")
    converter.optimizations = ["DEFAULT"]
    converter.bias_correction = "on"
    converter.representative_dataset = ([models.random(1, 8, 8, 4, seed=n)] for n in range(4))
    once = converter.convert()
    converter.representative_dataset = [[models.random(1, 8, 8, 4, seed=n)] for n in range(4)]
    assert converter.convert() == once
    (folder / "iterator.py").write_text(
        "import numpy as np\nsamples = iter([[np.ones((1, 8, 8, 4), np.float32)]] * 3)\n"
    )
    assert compiled("iterator:samples", "-o", "out.tflite", "--bias-correction", "on") == (0, "")
