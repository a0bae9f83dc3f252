"""Where `tflir-opt` says that something failed, reproducers, and modules made as small as can be while they fail."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import models_builder as build
import pytest
from xdsl.dialects.builtin import ModuleOp

import tflir
from tflir.opt.main import main
from tflir.opt.reduction import reduced
from tflir.opt.removing import Kind

LONG = """func.func @main(%x: tensor<4xf32> loc("x")) -> (tensor<4xf32>, tensor<4xf32>) {
  %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("a")
  %1 = "tfl.cos"(%0) : (tensor<4xf32>) -> tensor<4xf32> loc("b")
  %2 = "tfl.tanh"(%1) : (tensor<4xf32>) -> tensor<4xf32> loc("c")
  %3 = "tfl.tanh"(%2) : (tensor<4xf32>) -> tensor<4xf32> loc("d")
  func.return %3, %1 : tensor<4xf32>, tensor<4xf32>
}
func.func @other(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}
"""
MLIR_REPRODUCER = """
{-#
  external_resources: {
    mlir_reproducer: {
      pipeline: "builtin.module(func.func(tfl-optimize),tfl-prune{sparsity=0.5 only=\\22b c\\22,w})",
      disable_threading: true,
      verify_each: true
    }
  }
#-}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.mlir").write_text(LONG)


def test_an_error_of_a_pass_shows_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.mlir", "-p", "tfl-choose-activations{strict=true}"]) != 0
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("error: a.mlir") for line in lines)


def test_an_error_of_the_verifier_shows_line_caret_and_function(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tflir.passes.optimize.optimize import OptimizePass

    def spoil(self: OptimizePass, module: object, report: object) -> None:
        op = next(op for op in module.walk() if op.name == "tfl.cos")
        op.properties["what"] = op.parent_op().properties["sym_name"]

    monkeypatch.setattr(OptimizePass, "rewrite", spoil)
    assert main(["a.mlir", "-p", "tfl-optimize", "--show-source"]) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "reproducer" not in line]
    assert lines[0].startswith("error: a.mlir:3:8: tfl-optimize left a module that is not valid")
    assert lines[1] == "  " + LONG.splitlines()[2]
    assert lines[2] == "  " + " " * 7 + "^"
    assert lines[3] == "note: a.mlir:1:1: in function @main"


def test_an_error_of_the_text_shows_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("b.mlir").write_text(LONG.replace("tfl.cos", "tfl.coz"))
    assert main(["b.mlir", "--show-source=always"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "b.mlir:3:" in lines[0]
    assert lines[1].strip().startswith('%1 = "tfl.coz"')
    assert lines[2].strip() == "^"


# Reproducers.


def test_a_reproducer_runs_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.mlir", "-p", "tfl-optimize,tfl-require-integer"]) == 3
    first = capsys.readouterr().err
    assert "run it with --run-reproducer" in first
    assert main(["tflir-reproducer.mlir", "--run-reproducer"]) == 3
    again = capsys.readouterr().err
    assert "tfl-require-integer: 4 ops can't be integer" in first
    assert "tfl-require-integer: 4 ops can't be integer" in again
    assert main(["a.mlir", "--run-reproducer"]) == 2
    assert "names no pipeline" in capsys.readouterr().err


def test_a_reproducer_of_mlir_runs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("b.mlir").write_text(LONG + MLIR_REPRODUCER)
    assert main(["b.mlir", "--run-reproducer", "--dump-pass-pipeline"]) == 2  # there is no such weight
    assert 'only="b c",w' in capsys.readouterr().err


def test_an_older_reproducer_of_mlir_runs(capsys: pytest.CaptureFixture[str]) -> None:
    Path("b.mlir").write_text(
        "// configuration: -pass-pipeline='builtin.module(cse,tfl-optimize)' -verify-each=true\n" + LONG
    )
    assert main(["b.mlir", "--run-reproducer", "--dump-pass-pipeline"]) == 0
    assert "Pass Manager with 2 passes" in capsys.readouterr().err


# Reduction.


def _ops(path: str) -> list[str]:
    return [op.name for op in tflir.load(path).walk() if op.name.startswith("tfl.")]


def test_the_smallest_module_in_which_a_pipeline_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.mlir", "-p", "tfl-require-integer", "--reduce", "-o", "small.mlir"]) == 0
    assert len(_ops("small.mlir")) == 1
    assert "@other" not in Path("small.mlir").read_text()
    assert "reduced in" in capsys.readouterr().err
    assert main(["small.mlir", "-p", "tfl-require-integer"]) == 3
    assert main(["small.mlir", "-p", "tfl-optimize", "--reduce"]) == 2
    assert "does not fail" in capsys.readouterr().err


@pytest.mark.parametrize("interesting_is", [0, 1])
def test_the_smallest_module_for_a_command_whatever_status_it_ends_with(interesting_is: int) -> None:
    Path("test.py").write_text(
        "import sys\n"
        "found = 'tfl.cos' in open(sys.argv[1]).read()\n"
        f"sys.exit({interesting_is} if found else {1 - interesting_is})\n"
    )
    assert main(["a.mlir", "--reduce-test", f"{sys.executable} test.py", "-o", "small.mlir"]) == 0
    assert _ops("small.mlir") == ["tfl.cos"]
    assert 'loc("b")' in Path("small.mlir").read_text()


def test_few_tests_find_one_op_among_many() -> None:
    ops = "\n".join(f'%{i + 1} = "tfl.tanh"(%{i}) : (tensor<4xf32>) -> tensor<4xf32>' for i in range(500))
    ops = ops.replace('%300 = "tfl.tanh"', '%300 = "tfl.cos"')
    Path("a.mlir").write_text(
        f"func.func @main(%0: tensor<4xf32>) -> tensor<4xf32> {{\n{ops}\nfunc.return %500 : tensor<4xf32>\n}}\n"
    )
    Path("test.py").write_text(
        "import sys\nopen('log', 'a').write('.')\nsys.exit('tfl.cos' not in open(sys.argv[1]).read())\n"
    )
    assert main(["a.mlir", "--reduce-test", f"{sys.executable} test.py", "-o", "small.mlir"]) == 0
    assert _ops("small.mlir") == ["tfl.cos"]
    assert len(Path("log").read_text()) < 50


CALLED = """func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = func.call @inner(%x) : (tensor<2xf32>) -> tensor<2xf32>
  %1 = "tfl.cos"(%0) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %1 : tensor<2xf32>
}
func.func private @inner(%x: tensor<2xf32>) -> tensor<2xf32> {
  %0 = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0]> : tensor<2xf32>}> : () -> tensor<2xf32>
  %1:2 = "tfl.topk_v2"(%0, %n) : (tensor<2xf32>, tensor<i32>) -> (tensor<2xf32>, tensor<2xi32>)
  func.return %1#0 : tensor<2xf32>
}
"""


def _at_most(count: int, test: Callable[[ModuleOp], bool]) -> Callable[[ModuleOp], bool]:
    """A test of reduction that fails when it is asked too often, as by a reduction that does not end."""
    asked = itertools.count(1)

    def interesting(module: ModuleOp) -> bool:
        assert next(asked) <= count, "the reduction does not end"
        return test(module)

    return interesting


def test_a_constant_of_a_called_function_is_not_removed_over_and_over() -> None:
    text = CALLED.replace(
        "%1:2 =", '%n = "tfl.pseudo_const"() <{value = dense<2> : tensor<i32>}> : () -> tensor<i32>\n%1:2 ='
    )
    Path("a.mlir").write_text(text)
    small = reduced(tflir.load("a.mlir"), _at_most(100, lambda module: "func.call" in str(module)))
    names = [op.name for op in small.walk()]
    assert names.count("func.func") == 2
    assert [name for name in names if name.startswith("tfl.")] == ["tfl.pseudo_const"]


def test_reduction_ends_whatever_a_kind_says_that_it_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (Kind("nothing", lambda _: [0, 1], lambda *_: True),)
    monkeypatch.setattr("tflir.opt.reduction.KINDS", kinds)
    module = tflir.load("a.mlir")
    assert str(reduced(module, _at_most(100, lambda _: True))) == str(module)


@pytest.mark.parametrize(
    "make", [build.loop, build.branch, build.stateful, build.signatures, build.strings, build.int8]
)
def test_every_reduced_model_reads_back(make: object) -> None:
    Path("m.tflite").write_bytes(make())
    Path("test.py").write_text("import sys\nsys.exit(len(open(sys.argv[1]).read()) < 10)\n")
    command = f"{sys.executable} test.py"
    assert main(["m.tflite", "--reduce-test", command, "-o", "small.mlir"]) == 0
    assert tflir.load("small.mlir") is not None


def test_a_command_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a.mlir", "--reduce-test", "no-such-command"]) == 2
    assert "--reduce-test no-such-command" in capsys.readouterr().err
