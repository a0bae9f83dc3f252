"""Options of passes as people write them, what `--explain` says of them, and pipelines of the API."""

from __future__ import annotations

import pydoc
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.universe import Universe

import tflir
from tflir import plugins
from tflir.frontends.mlir import parse_text
from tflir.opt.main import main
from tflir.pass_manager import parse_pipeline
from tflir.pass_options import option_help, pass_options
from tflir.passes.registry import load_pass, pass_names
from tflir.passes.sparsity.prune import PrunePass

RELU = b"""func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}
"""


@dataclass(frozen=True)
class SeenPass(ModulePass):
    """Notes that it ran."""

    name = "seen"

    count: int = 1
    """How many times."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        SEEN.append(self.count)


SEEN: list[int] = []


def _prune(pipeline: str) -> PrunePass:
    (made,) = parse_pipeline(pipeline)
    assert isinstance(made, PrunePass)
    return made


@pytest.mark.parametrize("spelled", ["0.5", ".5", "5e-1", "5.0E-01", "+0.5", "50.e-2"])
def test_floats_as_mlir_writes_them(spelled: str) -> None:
    made = _prune(f"tfl-prune{{sparsity={spelled} min-elements=2}}")
    assert (made.sparsity, made.min_elements) == (0.5, 2)


def test_a_whole_number_for_a_float_and_commas_between_options() -> None:
    assert _prune("tfl-prune{sparsity=0}").sparsity == 0
    made = _prune("tfl-prune{sparsity=0.5, min-elements=2,structure=2:4}")
    assert (made.sparsity, made.min_elements, made.structure) == (0.5, 2, "2:4")
    assert _prune('tfl-prune{only=a,b,"c, d=e", min-elements=2}').only == ("a", "b", "c, d=e")
    assert _prune("tfl-prune{only=12}").only == ("12",)


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("tfl-prune{sparsity=half}", "option sparsity takes a number, not 'half'"),
        ("tfl-prune{min-elements=2.5}", "option min-elements takes a whole number, not '2.5'"),
        ("tfl-quantize{hybrid=3}", "option hybrid takes true or false, not '3'"),
        ("tfl-prune{sparsty=0.5}", "did you mean 'sparsity'"),
        ("tfl-set-batch{n=0}", "n=0 is no number of samples"),
        ("tfl-strip{kinds=names,shapes}", "'shapes' can't be removed"),
        ("tfl-modify-io-nodes{input-type=int32}", "an input or output can't be int32"),
        ("tfl-prepare-quantize{headroom=9}", "headroom=9: a number of bits from 0 to 8"),
        ("tfl-prepare-quantize{bias-bits=16}", "bias_bits=16"),
        ("tfl-convert-int16-as-tensorflow{bias-bits=16}", "bias_bits=16"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_runs(pipeline: str, words: str) -> None:
    with pytest.raises(tflir.Error) as caught:
        parse_pipeline(f"canonicalize,{pipeline}")
    assert words in str(caught.value)
    assert caught.value.status == 2


@pytest.mark.parametrize("name", list(pass_names()))
def test_every_option_says_what_it_is_for(name: str) -> None:
    pass_class = load_pass(name)
    assert {option.name for option in pass_options(pass_class)} == set(option_help(pass_class))


def test_explain_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--explain", "tfl-modify-io-nodes"]) == 0
    after = capsys.readouterr().out.partition("options:")[2]
    assert "Type of the inputs: float32, int8, uint8 or int16; as they are" in after


def test_pipelines_are_text_passes_or_lists_of_both() -> None:
    SEEN.clear()
    module = parse_text(RELU, "a.mlir")
    assert tflir.run_passes(module, "") == []
    reports = tflir.run_passes(module, ["canonicalize,tfl-optimize", SeenPass(2), "tfl-quantize"])
    assert [report.name for report in reports] == ["canonicalize", "tfl-optimize", "seen", "tfl-quantize"]
    assert len(tflir.run_passes(module, SeenPass())) == 1
    assert SEEN == [2, 1]


@pytest.mark.parametrize("wrong", [5, None, b"tfl-quantize", [5], SeenPass, {"tfl-quantize": 1}])
def test_what_is_no_pipeline(wrong: Any) -> None:
    with pytest.raises(tflir.Error, match="run_passes takes the text of a pipeline or passes, not"):
        tflir.run_passes(parse_text(RELU, "a.mlir"), wrong)


def test_what_is_no_module() -> None:
    with pytest.raises(tflir.Error, match=r"works on a module, not on str"):
        tflir.run_passes("model.tflite", "tfl-quantize")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", ["m.txt", "m.json", "m", "m.tflite.bak"])
def test_a_name_that_does_not_say_what_to_write(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(tflir.Error, match=r"neither \.tflite nor \.mlir"):
        tflir.save(parse_text(RELU, "a.mlir"), tmp_path / name)
    source = tmp_path / "a.mlir"
    source.write_bytes(RELU)
    assert main([str(source), "-o", str(tmp_path / name)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / name).exists()
    assert main([str(source), "-o", str(tmp_path / name), "--emit", "mlir"]) == 0


def test_dir_and_help_list_what_there_is() -> None:
    assert set(tflir.__all__) <= set(dir(tflir))
    text = pydoc.plain(pydoc.render_doc(tflir))
    assert "class Converter(" in text
    assert "run_passes(module" in text


@pytest.mark.parametrize(
    ("taken", "owners"),
    [("tfl-optimize", "in tflir and in plug-in one"), ("canonicalize", "in plug-in one and in xdsl")],
)
def test_a_pass_that_two_bring(taken: str, owners: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "plugin_universes", lambda: {"one": Universe(all_passes={taken: lambda: SeenPass})})
    with pytest.raises(tflir.Error) as caught:
        parse_pipeline(taken)
    assert f"pass '{taken}' is {owners}" in str(caught.value)
    assert caught.value.status == 2


def test_a_pass_that_two_plug_ins_bring(monkeypatch: pytest.MonkeyPatch) -> None:
    universe = Universe(all_passes={"seen": lambda: SeenPass})
    monkeypatch.setattr(plugins, "plugin_universes", lambda: {"one": universe, "two": universe})
    with pytest.raises(tflir.Error, match="in plug-in one and in plug-in two"):
        tflir.run_passes(parse_text(RELU, "a.mlir"), "seen")


def test_what_flags_run_is_ours_whatever_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "entry_points", lambda group: [EntryPoint("broken", "no_such:X", plugins.GROUP)])
    assert [each.name for each in parse_pipeline("tfl-optimize", by_flags=True)] == ["tfl-optimize"]


@pytest.mark.parametrize(
    "pipeline",
    [
        "tfl-prune{sparsity=0.5 sparsity=0.6}",
        "tfl-prune{min-elements=1 sparsity=0.5 min_elements=2}",
        'cse,tfl-prune{only="a=b" sparsity=0.5 only=c}',
    ],
)
def test_an_option_given_twice_is_refused(pipeline: str) -> None:
    with pytest.raises(tflir.Error, match="given twice") as caught:
        parse_pipeline(pipeline)
    assert caught.value.status == 2


def test_options_of_two_passes_are_not_one() -> None:
    assert len(parse_pipeline('tfl-prune{sparsity=0.5 only="only=x"},tfl-prune{sparsity=0.6}')) == 2
