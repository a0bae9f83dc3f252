"""What `mlir-opt` takes on its command line, `tflir-opt` takes too: pipelines, passes as flags, names of options."""

from __future__ import annotations

from pathlib import Path

import pytest

import tflir
from tflir.opt.flags import all_flags, by_name
from tflir.opt.main import main
from tflir.pass_manager import parse_pipeline, works_per_function
from tflir.passes.registry import load_pass, pass_names

PROGRAM = """func.func @main(%x: tensor<1x4xf32> loc("x")) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<[[1.0, 2.0, 3.0, 4.0], [0.5, 0.0, 0.0, 0.5]]> : tensor<2x4xf32>}> : () -> tensor<2x4xf32>
  %b = "tfl.no_value"() <{value}> : () -> none
  %y = "tfl.fully_connected"(%x, %w, %b) <{fused_activation_function = "NONE", weights_format = "DEFAULT", keep_num_dims = false}> : (tensor<1x4xf32>, tensor<2x4xf32>, none) -> tensor<1x2xf32> loc("y")
  %z = "tfl.relu"(%y) : (tensor<1x2xf32>) -> tensor<1x2xf32> loc("z")
  func.return %z : tensor<1x2xf32>
}
"""  # noqa: E501
UNKNOWN = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = "theirs.op"(%x) <{how = 1 : i32}> {note = "kept"} : (tensor<4xf32>) -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}
"""


@pytest.fixture(name="program")
def _program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("a.mlir").write_text(PROGRAM)
    return "a.mlir"


def _said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> tuple[str, str]:
    try:
        found = main(list(arguments))
    except SystemExit as leaving:
        found = leaving.code
    captured = capsys.readouterr()
    assert found == status, captured.err
    return captured.out, captured.err


# Pipelines.


@pytest.mark.parametrize(
    "pipeline",
    [
        "tfl-optimize,tfl-prune{sparsity=0.5 min-elements=2}",
        "builtin.module(tfl-optimize,tfl-prune{sparsity=0.5 min-elements=2})",
        "builtin.module( func.func( tfl-optimize ), tfl-prune{sparsity=5e-1,min-elements=2} )",
        "any(func.func(tfl-optimize)),tfl-prune{min-elements={2} sparsity=.5}",
    ],
)
def test_spellings_of_one_pipeline(pipeline: str) -> None:
    first, second = parse_pipeline(pipeline)
    assert (first.name, second.name) == ("tfl-optimize", "tfl-prune")
    assert second.spec().parameters == {"sparsity": (0.5,), "min_elements": (2,)}


@pytest.mark.parametrize(
    ("pipeline", "words"),
    [
        ("func.func(tfl-prune{sparsity=0.5})", "tfl-prune works on the whole module"),
        ("gpu.module(tfl-optimize)", r"'gpu.module\(…\)': a pipeline works on builtin.module"),
        ("tfl-optimize,DEFAULT", "DEFAULT stands for the passes that the options of tflir compile give"),
        ("func.func(builtin.module(tfl-optimize))", "a function holds no builtin.module"),
        ("builtin.module(tfl-optimize", r"expected a comma or '\)'"),
        ("builtin.module(tfl-optimize))", "character 29: expected a comma or the end"),
        ("tfl-optimize,,tfl-quantize", "character 14: expected the name of a pass"),
        ("tfl-quantize{hybrid=}", "expected a value"),
        ("any(" * 40 + "a" + ")" * 40, "nested more than 16 deep"),
    ],
)
def test_pipelines_that_are_refused(pipeline: str, words: str) -> None:
    with pytest.raises(tflir.Error, match=words) as caught:
        parse_pipeline(pipeline)
    assert caught.value.status == 2


def test_booleans_and_strings_as_mlir_reads_them() -> None:
    for text, value in (("1", True), ("0", False), ("true", True), ("FALSE", False), ('"true"', True)):
        (one,) = parse_pipeline(f"tfl-quantize{{hybrid={text}}}")
        assert one.spec(include_default=True).parameters["hybrid"] == (value,)
    (one,) = parse_pipeline(r"""tfl-prune{sparsity=0 only='a b',"c\\d","e\d"}""")
    assert one.spec().parameters == {"sparsity": (0.0,), "only": ("a b", "c\\d", "e\\d")}


# What works on each function.

TWO = PROGRAM.replace("@main", "@one") + PROGRAM.replace("@main", "@two").replace("2.0", "9.0")
RANGES = "{tfl.tensor = {quantization = {min = array<f32: -1.0>, max = array<f32: 1.0>}}}"


@pytest.mark.parametrize("name", [name for name in pass_names() if works_per_function(load_pass(name))])
def test_a_pass_that_works_per_function_does_to_two_what_it_does_to_each(name: str) -> None:
    before = "tfl-prepare-quantize" if name in ("tfl-quantize", "tfl-post-quantize") else ""
    texts: list[str] = []
    for text in (TWO, *TWO.split("\n}\n")[:2]):
        ranged = (text if text is TWO else text + "\n}\n").replace('<1x4xf32> loc("x")', f'<1x4xf32> {RANGES} loc("x")')
        module = tflir.loads(ranged)
        tflir.run_passes(module, before)
        tflir.run_passes(module, f"func.func({name})")
        texts.append(tflir.dumps(module, "mlir").removeprefix("builtin.module {\n").removesuffix("} loc(unknown)\n"))
    assert texts[0] == texts[1] + texts[2]


# Passes as flags.


def test_passes_as_flags_run_in_their_order(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--tfl-prune=sparsity=0.5 min-elements=2", "--canonicalize", "-tfl-optimize"]
    _, err = _said(capsys, program, *flags, "--dump-pass-pipeline", "-o", "out.mlir")
    assert "Pass Manager with 3 passes:" in err
    order = [err.index(name) for name in ("tfl-prune{sparsity=0.5", "canonicalize", "tfl-optimize")]
    assert order == sorted(order)
    assert 'fused_activation_function = "RELU"' in Path("out.mlir").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tfl-optimise"], "did you mean '--tfl-optimize'"),
        (["--tfl-optimize", "-p", "tfl-quantize"], "exclude each other"),
        (["--tfl-prune=sparsity=half"], "option sparsity takes a number"),
        (["--mlir-timming"], "did you mean '--mlir-timing'"),
        (["--timing=maybe"], "neither true nor false"),
        (["--emit", "onnx"], "none of mlir, tflite"),
        (["--reduce", "--reduce-test", "true"], "exclude each other"),
        (["--reduce"], "--reduce has no pipeline"),
        (["--elide-elements-if-larger=-1"], "no whole number"),
    ],
)
def test_flags_that_are_refused(
    arguments: list[str], words: str, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, err = _said(capsys, program, *arguments, status=2)
    assert words in err
    assert err.count("\n") == 1


# Names of mlir-opt.


def test_the_table_has_each_name_once() -> None:
    names = [name for flag in all_flags() for name in (flag.name, *flag.also)]
    assert len(names) == len(set(names)) == len(by_name())


@pytest.mark.parametrize(
    ("flag", "times", "which"),
    [
        ("--mlir-print-ir-before=tfl-optimize", 1, "Before tfl-optimize"),
        ("--mlir-print-ir-after=tfl-optimize,canonicalize", 2, "After canonicalize"),
        ("--mlir-print-ir-after-all", 2, "After tfl-optimize"),
        ("-mlir-print-ir-before-all", 2, "Before canonicalize"),
        ("--mlir-print-ir-after-change", 1, "After tfl-optimize"),
        ("--print-ir-before-change", 1, "Before tfl-optimize"),
        ("--mlir-disable-threading", 0, ""),
    ],
)
def test_dumps(flag: str, times: int, which: str, program: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = _said(capsys, program, "-p", "canonicalize,tfl-optimize", flag)
    assert err.count("// -----// IR Dump") == times
    assert which in err
    assert "IR Dump" not in out


def test_what_is_printed_before_a_change_is_the_program_before_it(
    program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, err = _said(capsys, program, "-p", "tfl-optimize", "--print-ir-before-change")
    assert '"tfl.relu"' in err
    _, err = _said(capsys, program, "-p", "tfl-optimize", "--print-ir-after-change")
    assert '"tfl.relu"' not in err


def test_a_folder_of_dumps(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    _said(capsys, program, "-p", "canonicalize,tfl-optimize", "--mlir-print-ir-tree-dir=dumps")
    folder = Path("dumps", "builtin_module_no-symbol-name")
    assert sorted(path.name for path in folder.iterdir()) == ["0_canonicalize.mlir", "1_tfl-optimize.mlir"]
    assert main([str(folder / "1_tfl-optimize.mlir")]) == 0
    _, err = _said(capsys, program, "-p", "cse", "--print-ir-tree-dir", program, status=2)
    assert err.startswith("error: a.mlir")


def test_elements_and_generic_form(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = _said(capsys, program, "--mlir-elide-elementsattrs-if-larger=4")
    assert "dense_resource<__elided__> : tensor<2x4xf32>" in out
    out, _ = _said(capsys, program, "--mlir-elide-elementsattrs-if-larger=8", "--mlir-print-op-generic")
    assert "__elided__" not in out
    assert '"func.func"()' in out


def test_round_trips_and_unknown_dialects(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    _said(capsys, program, "--verify-roundtrip")
    Path("b.mlir").write_text(UNKNOWN)
    _, err = _said(capsys, "b.mlir", status=1)
    assert "unknown op 'theirs.op'" in err
    out, _ = _said(capsys, "b.mlir", "--allow-unregistered-dialect", "--verify-roundtrip", "-p", "cse")
    assert '"theirs.op"(%x)' in out
    assert 'note = "kept"' in out
    Path("c.mlir").write_text(UNKNOWN.replace("theirs.op", "tfl.no_such_op"))
    _, err = _said(capsys, "c.mlir", "--allow-unregistered-dialect", status=1)
    assert "unknown op 'tfl.no_such_op'" in err


def test_what_is_not_verified(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.mlir").write_text(PROGRAM.replace('activation_function = "NONE"', 'activation_function = "NUN"'))
    _said(capsys, "bad.mlir", status=1)
    for flag in ("--no-verify-input", "--verify-input=false", "--mlir-very-unsafe-disable-verifier-on-parsing"):
        out, _ = _said(capsys, "bad.mlir", flag)
        assert "NUN" in out
    _said(capsys, "bad.mlir", "--no-verify-input", "-p", "cse", status=1)
    _said(capsys, "bad.mlir", "--no-verify-input", "--no-verify-each", "-p", "cse")


def test_markers_of_parts(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    part = "func.func @f() {\n  func.return\n}\n"
    Path("parts.mlir").write_text(part + "// ----- next\n" + part)
    for flag in ("--split-input-file", "-split-input-file"):
        out, _ = _said(capsys, flag, "parts.mlir")
        assert out.count("builtin.module") == 2
        assert out.count("// -----\n") == 1
    Path("parts.mlir").write_text(part + "// =====\n" + part)
    out, _ = _said(capsys, "parts.mlir", "--split-input-file=// =====", "--output-split-marker=// #")
    assert out.count("// #\n") == 1


def test_analyses_print_tables_in_place_of_the_program(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = _said(capsys, program, "--tfl-print-op-stats", "--tfl-print-memory")
    lines = [line.split() for line in out.splitlines()]
    assert ["tfl.fully_connected", "f32", "1", "32"] in lines
    assert ["@main", "2", "24", "tfl.fully_connected", "y"] in lines
    assert "func.func @main" not in out
    out, _ = _said(capsys, program, "-p", "tfl-print-op-stats", "-o", "out.mlir")
    assert "tfl.relu" in out
    assert "tfl.relu" in Path("out.mlir").read_text()
