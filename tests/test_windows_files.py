"""Text files as editors on Windows save them: with a byte order mark, and lines that end with CR LF."""

from __future__ import annotations

import codecs
import pathlib

import pytest
from models_builder import fully_connected
from sharing import folder_with

from tflir.cli import main
from tflir.files import dumps, load
from tflir.passes.recipes import load_recipe
from tflir.passes.rewriting.pdl import ApplyPdlPass

_TOML = 'activations = "float"\n[[rule]]\nweights = {bits = 8}\n'
_JSON = """[{
 "regex": ".*", "operation": "*", "algorithm_key": "min_max_uniform_quantize",
 "op_config": {"weight_tensor_config": {"num_bits": 8}, "compute_precision": "INTEGER"}
}]
"""
_PDL = """pdl.pattern : benefit(1) {
  %0 = pdl.operand
  %1 = pdl.operation "tfl.neg"(%0 : !pdl.value)
  pdl.rewrite %1 {
    pdl.replace %1 with (%0 : !pdl.value)
  }
}
"""


def _saved(path: pathlib.Path, text: str) -> str:
    path.write_bytes(codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode())
    return str(path)


@pytest.mark.parametrize(("name", "text"), [("r.toml", _TOML), ("r.json", _JSON), ("r.txt", "dynamic_wi4_afp32\n")])
def test_recipes(tmp_path: pathlib.Path, name: str, text: str) -> None:
    (tmp_path / "plain").write_text(text)
    assert load_recipe(_saved(tmp_path / name, text)).rules == load_recipe(str(tmp_path / "plain")).rules


def test_text_of_a_model(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.tflite").write_bytes(fully_connected())
    text = dumps(load(str(tmp_path / "m.tflite")), "mlir")
    assert dumps(load(_saved(tmp_path / "m.mlir", text)), "mlir") == text


def test_patterns(tmp_path: pathlib.Path) -> None:
    assert list(ApplyPdlPass(_saved(tmp_path / "p.mlir", _PDL)).rules())


def test_statistics(tmp_path: pathlib.Path) -> None:
    folder = folder_with(tmp_path)
    model, stats, data = folder / "model.tflite", folder / "s.json", str(folder / "data.npz")
    assert main(["calibrate", str(model), "--representative-dataset", data, "-o", str(stats), "-q"]) == 0
    saved = _saved(folder / "saved.json", stats.read_text())
    how = ["--mode", "int8", "-q", "-o"]
    assert main(["compile", str(model), "--stats", str(stats), *how, str(folder / "a.tflite")]) == 0
    assert main(["compile", str(model), "--stats", saved, *how, str(folder / "b.tflite")]) == 0
    assert (folder / "a.tflite").read_bytes() == (folder / "b.tflite").read_bytes()
