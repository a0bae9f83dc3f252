"""What plug-ins bring: typed custom ops, rules, frontends, tables, facts. The example of a plug-in shows each."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import models_builder as build
import numpy as np
import pytest

import tflir
from tflir import plugins
from tflir.cli import main as tflir_main
from tflir.ir.constants import elements
from tflir.ir.tfl.dialect import op_class_by_name
from tflir.opt.main import main as opt_main

_EXAMPLE = Path(__file__).parent / "plugin_example"
_BRINGS = (
    EntryPoint("counting", "counting.universe:COUNTING", plugins.GROUP),
    EntryPoint("counting", "counting.plugin:PLUGIN", plugins.EXTENSIONS),
)
OPTIONS = struct.pack("<f", 2.5) + b"and more"
RANGES = "{tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 1.0>}}}"
OTHER = "{tfl.tensor = {quantization = {min = array<f32: -4.0>, max = array<f32: 3.0>}}}"
PROGRAM = f"""func.func @main(%x: tensor<1x4xf32> {RANGES} loc("x")) -> tensor<1x4xf32> {{
  %y = "acme.soft_clip"(%x) <{{limit = 0.5 : f32}}> {OTHER} : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("y")
  %z = "acme.permute_lanes"(%y) <{{custom_option = #tfl<const_bytes : "0x0102">}}> {OTHER} : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("z")
  func.return %z : tensor<1x4xf32>
}}
"""  # noqa: E501


def _find(monkeypatch: pytest.MonkeyPatch, *entries: EntryPoint) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(_EXAMPLE))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [one for one in entries if one.group == group])
    plugins.forget()
    yield
    monkeypatch.undo()
    plugins.forget()


@pytest.fixture(name="installed")
def _installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example as if it were installed."""
    yield from _find(monkeypatch, *_BRINGS)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _ops(module: Any) -> dict[str, Any]:
    return {op.name: op for op in module.walk()}


# Typed custom ops.


@pytest.mark.usefixtures("installed")
def test_a_custom_operator_becomes_the_vendors_op_and_comes_out_byte_for_byte() -> None:
    model = build.custom("AcmeSoftClip", OPTIONS)
    module = tflir.loads(model)
    op = _ops(module)["acme.soft_clip"]
    assert op.limit.value.data == 2.5
    assert tflir.dumps(module) == tflir.dumps(tflir.loads(model))
    assert OPTIONS in tflir.dumps(module)
    text = tflir.dumps(module, "mlir")
    assert tflir.dumps(tflir.loads(text)) == tflir.dumps(module)
    op.properties["limit"] = type(op.limit)(0.5, op.limit.type)
    again = tflir.dumps(module)
    assert b"and more" not in again
    assert struct.pack("<f", 0.5) in again


@pytest.mark.usefixtures("installed")
def test_options_that_a_plug_in_keeps_as_bytes() -> None:
    module = tflir.loads(build.custom("AcmePermuteLanes", b"\1\2\3"))
    assert _ops(module)["acme.permute_lanes"].custom_option.data == b"\1\2\3"
    assert b"\1\2\3" in tflir.dumps(module)


@pytest.mark.usefixtures("installed")
def test_what_the_vendors_op_can_not_hold_stays_a_custom_op() -> None:
    with pytest.warns(RuntimeWarning, match="AcmeSoftClip: its options are shorter than a float: it stays tfl.custom"):
        module = tflir.loads(build.custom("AcmeSoftClip", b"\1"))
    assert "tfl.custom" in _ops(module)
    assert "tfl.custom" in _ops(tflir.loads(build.custom("Other", b"\1")))


def test_without_the_plug_in_it_is_a_custom_op() -> None:
    assert "tfl.custom" in _ops(tflir.loads(build.custom("AcmeSoftClip", OPTIONS)))


@pytest.mark.usefixtures("installed")
def test_the_quantizer_treats_it_by_its_facts() -> None:
    module = tflir.loads(PROGRAM)
    tflir.run_passes(module, "tfl-prepare-quantize,tfl-quantize,tfl-post-quantize")
    found = _ops(module)
    clip, permute = found["acme.soft_clip"], found["acme.permute_lanes"]
    assert "!quant.uniform<i8" in str(clip.operands[0].type)
    assert clip.operands[0].type != clip.results[0].type
    assert permute.operands[0].type == permute.results[0].type
    again = _ops(tflir.loads(tflir.dumps(module)))
    assert again["acme.soft_clip"].limit.value.data == 0.5
    assert again["acme.permute_lanes"].custom_option.data == b"\1\2"


def _dense() -> Any:
    """A module of the vendor's layer, most of whose weight is zero."""
    module = tflir.loads(
        f"""func.func @main(%x: tensor<1x64xf32> {RANGES} loc("x")) -> tensor<1x64xf32> {{
          %w = "tfl.pseudo_const"() <{{value = dense<1.0> : tensor<64x64xf32>}}> : () -> tensor<64x64xf32> loc("w")
          %y = "acme.dense"(%x, %w) <{{custom_option = #tfl<const_bytes : "0x01">}}> {OTHER} : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<1x64xf32> loc("y")
          func.return %y : tensor<1x64xf32>
        }}"""  # noqa: E501
    )
    weight = np.where(build.random(64, 64, seed=3) > 1.5, build.random(64, 64), 0).astype(np.float32)
    _ops(module)["tfl.pseudo_const"].properties["value"] = elements(weight)
    return module


@pytest.mark.usefixtures("installed")
def test_a_vendors_layer_gets_a_scale_for_each_row() -> None:
    module = _dense()
    tflir.run_passes(module, "tfl-prepare-quantize,tfl-quantize,tfl-post-quantize")
    weight = _ops(module)["acme.dense"].operands[1].type
    assert "!quant.uniform<i8<-127:127>:f32:0, {" in str(weight)
    module = _dense()
    tflir.run_passes(module, "tfl-prepare-quantize-dynamic-range,tfl-quantize,tfl-post-quantize")
    op = _ops(module)["acme.dense"]
    assert "!quant.uniform<i8" in str(op.operands[1].type)
    assert str(op.operands[0].type) == "tensor<1x64xf32>"


@pytest.mark.usefixtures("installed")
def test_a_vendors_layer_reads_sparse_weights() -> None:
    module = _dense()
    tflir.run_passes(module, "tfl-dense-to-sparse{target=size}")
    assert "tfl.pseudo_sparse_const" in _ops(module)
    again = _ops(tflir.loads(tflir.dumps(module)))
    assert again["acme.dense"].custom_option.data == b"\1"
    assert again["acme.dense"].operands[1].owner.name == "tfl.densify"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (["--optimize", "DEFAULT", "--supported-ops", "TFLITE_BUILTINS_INT8"], True),
        (["--optimize", "DEFAULT", "--skip", "AcmeSoftClip"], False),
    ],
)
def test_the_command_quantizes_and_leaves_out_by_the_code(given: list[str], wanted: bool) -> None:
    Path("m.mlir").write_text(PROGRAM)
    assert tflir_main(["compile", "m.mlir", "-o", "o.tflite", "-q", *given]) == 0
    op = _ops(tflir.load("o.tflite"))["acme.soft_clip"]
    assert ("!quant.uniform" in str(op.results[0].type)) == wanted


@pytest.mark.usefixtures("installed")
def test_inspect_calls_it_a_custom_operator(capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.tflite").write_bytes(build.custom("AcmeSoftClip", OPTIONS))
    assert tflir_main(["inspect", "m.tflite"]) == 0
    assert "AcmeSoftClip" in capsys.readouterr().out


@pytest.mark.usefixtures("installed")
def test_the_interpreter_runs_its_kernel() -> None:
    text = PROGRAM.partition("  %z")[0] + "  func.return %y : tensor<1x4xf32>\n}\n"
    (found,) = tflir.interpret(tflir.loads(text), [np.array([[0.25, -0.5, 1.5, -9.5]], np.float32)]).values()
    np.testing.assert_allclose(found, [[0.25, -0.5, 0.5 + np.tanh(1.0), -0.5 - np.tanh(9.0)]], rtol=1e-6)
    with pytest.raises(tflir.Error, match="no kernel of the custom op 'AcmePermuteLanes'"):
        tflir.interpret(tflir.loads(PROGRAM), [np.zeros((1, 4), np.float32)])


# Rules, frontends, tables.


@pytest.mark.usefixtures("installed")
def test_a_frontend_by_the_ending_of_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.lines").write_text("4\nrelu\nrelu\ntanh\n")
    assert [op.name for op in tflir.load("m.lines").walk()][2:-1] == ["tfl.relu", "tfl.relu", "tfl.tanh"]
    assert tflir_main(["compile", "m.lines", "-o", "o.tflite", "-q"]) == 0
    assert opt_main(["m.lines", "-p", "tfl-apply-rules{rules=acme-activations},canonicalize"]) == 0
    assert capsys.readouterr().out.count("tfl.relu") == 1
    assert tflir_main(["compile", "m.lines", "-o", "o.tflite", "--verify", "--force"]) == 2
    Path("m.lines").write_text("4\nrleu\n")
    assert opt_main(["m.lines"]) == 1
    assert "m.lines:2:" in capsys.readouterr().err


@pytest.mark.usefixtures("installed")
def test_tables_of_costs_and_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.lines").write_text("4\nrelu\ntanh\n")
    assert opt_main(["m.lines", "-p", "tfl-check-kernels{kernels=acme}"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any("tfl.tanh" in row and "it has no kernel" in row for row in rows)
    assert not any("tfl.relu " in row for row in rows)
    assert opt_main(["m.lines", "-p", "tfl-check-kernels{kernels=acme require=true}"]) == 3
    assert "acme does not run it: it has no kernel (tfl.tanh)" in capsys.readouterr().err
    assert opt_main(["m.lines", "-p", "tfl-check-kernels{kernels=acne}"]) == 2
    assert "did you mean 'acme'" in capsys.readouterr().err
    assert opt_main(["m.lines", "-p", "tfl-dense-to-sparse{target=latency cpu=acme}"]) == 0
    capsys.readouterr()
    assert opt_main(["m.lines", "-p", "tfl-dense-to-sparse{target=latency cpu=acne}"]) == 2
    assert "use any, avx2, avx512, avx512-cached, zen4, acme" in capsys.readouterr().err


# Facts of built-in ops.


def _is_tanh_integer(**given: Any) -> bool:
    text = PROGRAM.replace('"acme.soft_clip"(%x) <{limit = 0.5 : f32}>', '"tfl.tanh"(%x)').partition("  %z")[0]
    text += "  func.return %y : tensor<1x4xf32>\n}\n"
    converter = tflir.Converter.from_module(lambda: tflir.loads(text))
    converter.optimizations = [tflir.Optimize.DEFAULT]
    for name, value in given.items():
        setattr(converter, name, value)
    found = _ops(tflir.loads(converter.convert()))["tfl.tanh"]
    return "!quant.uniform" in str(found.results[0].type)


@pytest.mark.usefixtures("installed")
def test_facts_are_changed_where_the_plug_in_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _is_tanh_integer()
    assert not _is_tanh_integer(plugins=["counting"])
    assert not _is_tanh_integer(plugins=["counting.plugin:PLUGIN"])
    assert _is_tanh_integer()
    monkeypatch.setenv("TFLIR_PLUGINS", "counting")
    assert not _is_tanh_integer()
    assert op_class_by_name("tfl.tanh").INFO.quantizable


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "facts", "words"),
    [
        ("nobody", {}, "no plug-in is called 'nobody'"),
        ("one", {"tfl.tanhh": {"quantizable": False}}, "which is no built-in op"),
        ("one", {"tfl.tanh": {"quantisable": False}}, "did you mean 'quantizable'"),
        ("counting,one", {"tfl.tanh": {"quantizable": True}}, "plug-ins counting and one both change quantizable"),
    ],
)
def test_facts_that_can_not_be_changed(
    name: str, facts: Any, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("m.lines").write_text("4\nrelu\n")
    found = {**plugins.plugins(), "one": plugins.Plugin(facts=facts)}
    monkeypatch.setattr(plugins, "plugins", lambda: found)
    assert tflir_main(["compile", "m.lines", "-o", "o.tflite", "--plugin", name]) == 2
    assert words in capsys.readouterr().err
    assert op_class_by_name("tfl.tanh").INFO.quantizable


# Names that are taken, and what nobody pays for.


def test_a_taken_name_is_an_error_that_names_both(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = EntryPoint("twin", "counting.plugin:PLUGIN", plugins.EXTENSIONS)
    for _ in _find(monkeypatch, *_BRINGS, twin):
        with pytest.raises(
            tflir.Error, match="custom operator 'AcmeSoftClip' is in plug-in counting and in plug-in twin"
        ):
            tflir.loads(build.custom("AcmeSoftClip", OPTIONS))
        Path("m.lines").write_text("4\nrelu\n")
        assert opt_main(["m.lines"]) == 2
        assert "'.lines' is in plug-in counting and in plug-in twin" in capsys.readouterr().err
        assert opt_main(["--list-plugins"]) == 0
        said = capsys.readouterr().out
        assert "clash: rules 'acme-activations' is in plug-in counting and in plug-in twin" in said
        assert "facts, with --plugin: tfl.tanh quantizable" in said


@pytest.mark.usefixtures("installed")
def test_a_name_of_ours_that_a_plug_in_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("m.lines").write_text("4\nrelu\n")
    taking = plugins.Plugin(
        frontends={".tflite": lambda: lambda content, name: None}, cost_tables={"avx2": lambda: None}
    )
    monkeypatch.setattr(plugins, "plugins", lambda: {"taking": taking})
    assert opt_main(["--list-plugins"]) == 0
    said = capsys.readouterr().out
    assert "clash: frontends '.tflite' is in tflir and in plug-in taking" in said
    assert "clash: cost tables 'avx2' is in tflir and in plug-in taking" in said
    assert tflir_main(["compile", "m.lines", "-o", "o.tflite", "--plugin", "taking"]) == 2
    assert "frontend of files '.tflite' is in tflir and in plug-in taking" in capsys.readouterr().err


def test_a_plug_in_named_as_an_object(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in _find(monkeypatch):
        Path("m.mlir").write_text(PROGRAM)
        named = ["--plugin", "counting.universe:COUNTING"]
        assert opt_main(["m.mlir"]) == 1
        assert opt_main(["m.mlir", *named, "--counting-count-ops=at-least=1"]) == 0
        assert '"acme.soft_clip"' in capsys.readouterr().out
        assert tflir_main(["compile", "m.mlir", "-o", "o.tflite", "-q", *named]) == 0
        assert b"AcmeSoftClip" in Path("o.tflite").read_bytes()
        assert opt_main(["m.mlir", "--plugin", "no_such_module:X"]) == 2
        assert opt_main(["m.mlir", "--plugin", "counting.rules:patterns"]) == 2
        assert "is no Plugin and no Universe" in capsys.readouterr().err


def test_nobody_pays_for_plug_ins_who_does_not_ask_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(group: str) -> list[EntryPoint]:
        raise AssertionError(f"{group} was looked for")

    monkeypatch.setattr(plugins, "entry_points", never)
    plugins.forget()
    Path("m.tflite").write_bytes(build.fully_connected())
    Path("m.bin").write_bytes(build.fully_connected())
    assert tflir_main(["compile", "m.tflite", "-o", "o.tflite", "--optimize", "DEFAULT", "-q"]) == 0
    assert tflir_main(["compile", "m.bin", "-o", "o.mlir", "-q"]) == 0
    assert tflir_main(["compile", "o.mlir", "-o", "p.tflite", "-q"]) == 0
    assert opt_main(["m.tflite", "-o", "q.mlir"]) == 0
    assert tflir_main(["inspect", "m.tflite"]) == 0
    monkeypatch.undo()
    plugins.forget()


def test_a_package_that_is_installed(tmp_path: Path) -> None:
    """The example in a folder as pip leaves it: nothing of this process helps to find it."""
    shutil.copytree(_EXAMPLE / "counting", tmp_path / "site" / "counting")
    about = tmp_path / "site" / "tflir_counting-0.1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tflir-counting\nVersion: 0.1.0\n")
    project = (_EXAMPLE / "pyproject.toml").read_text()
    groups = re.findall(r'\[project\.entry-points\."([\w.]+)"\]\n(\w+) = "([\w.:]+)"', project)
    (about / "entry_points.txt").write_text("".join(f"[{group}]\n{name} = {value}\n" for group, name, value in groups))
    Path("m.tflite").write_bytes(build.custom("AcmeSoftClip", OPTIONS))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    code = "import sys; from tflir.opt.main import main; sys.exit(main(['m.tflite', '-p', 'counting-count-ops']))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"acme.soft_clip"' in done.stdout
