"""`tflir-opt`: input, output, exit statuses, what it leaves behind, plug-ins."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from xdsl.xdsl_opt_main import xDSLOptMain

from tflir import pass_manager, plugins
from tflir.frontends.mlir import parse_text
from tflir.ir.errors import Error
from tflir.opt.main import main
from tflir.universe import TFLIR_UNIVERSE

RELU = """func.func @main(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("y")
  func.return %0 : tensor<4xf32>
}
"""


@pytest.fixture(name="relu")
def _relu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "relu.mlir"
    path.write_text(RELU)
    return path


def test_help_and_wrong_usage_need_neither_numpy_nor_xdsl() -> None:
    for arguments in (["--help"], ["--version"], ["--nonsense"]):
        code = (
            f"import sys; from tflir.opt.main import main\n"
            f"try: main({arguments})\nexcept SystemExit: pass\n"
            "assert not {'xdsl', 'numpy'} & set(sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_text_to_model_and_back(relu: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(relu), "-o", "relu.tflite"]) == 0
    assert Path("relu.tflite").read_bytes()[4:8] == b"TFL3"
    assert main(["relu.tflite", "--print-debuginfo", "-o", "again.mlir"]) == 0
    assert 'loc("y")' in Path("again.mlir").read_text()
    assert main(["again.mlir", "--emit", "tflite", "-o", "again.tflite"]) == 0
    assert Path("again.tflite").read_bytes() == Path("relu.tflite").read_bytes()
    assert main(["relu.tflite"]) == 0
    assert '%y = "tfl.relu"(%x)' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["missing.mlir"], 1, "error: missing.mlir: can't be read"),
        (["."], 1, "error: .: is a directory"),
        (["relu.mlir", "-p", "nothing"], 2, "error: no pass is called 'nothing'"),
        (["relu.mlir", "-p", "tfl-quantize{"], 2, "error: pipeline 'tfl-quantize{'"),
        (["relu.mlir", "-p", "tfl-quantize{tf-compat=7.5}"], 2, "error: pass tfl-quantize"),
        (["relu.mlir", "--emit", "tflite", "--split-input-file"], 2, "error: --emit tflite writes one model"),
        (["relu.mlir", "-o", "relu.mlir"], 2, "error: relu.mlir: is the input"),
        (["relu.mlir", "-o", "no/such/folder.mlir"], 2, "its folder does not exist"),
    ],
)
def test_failures(
    arguments: list[str], status: int, message: str, relu: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out
    assert relu.read_text() == RELU


def test_questions(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, wanted in (
        (["--list-passes"], "tfl-quantize\n"),
        (["--show-dialects"], "activations: relu"),
        (["--explain", "tfl-quantize"], "tf-compat: bool = false"),
    ):
        assert main(arguments) == 0
        assert wanted in capsys.readouterr().out
    assert main(["--explain", "tfl-quantise"]) == 2


def test_flags_of_passes_and_spaces_in_pipelines() -> None:
    (one,) = pass_manager.parse_pipeline("builtin.module( tfl-quantize{tf-compat} )")
    assert one == pass_manager.find_pass("tfl-quantize")(tf_compat=True)
    assert [p.name for p in pass_manager.parse_pipeline("cse , tfl-quantize,\n dce")] == ["cse", "tfl-quantize", "dce"]


# A pass of someone else's.


@pytest.fixture(name="counting")
def _counting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example plug-in as if it were installed."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "plugin_example"))
    entry = EntryPoint("counting", "counting.universe:COUNTING", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry])
    plugins.plugin_universes.cache_clear()
    yield
    plugins.plugin_universes.cache_clear()


@pytest.mark.usefixtures("counting")
def test_a_plug_in_brings_passes_and_ops(relu: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(relu), "-p", "counting-count-ops", "--pass-statistics", "-o", "out.mlir"]) == 0
    assert "1 kinds counted" in capsys.readouterr().err
    line = '"counting.count"() <{of = "tfl.relu", number = 1 : i32}> : () -> ()'
    assert line in Path("out.mlir").read_text()
    assert main(["out.mlir"]) == 0  # its op reads back
    assert line in capsys.readouterr().out
    assert main(["--list-passes"]) == 0
    assert "counting-count-ops (of plug-in counting)" in capsys.readouterr().out
    assert main(["out.mlir", "--emit", "tflite", "-o", "out.tflite"]) == 1
    assert "counting.count has no operator in the format" in capsys.readouterr().err


def test_a_plug_in_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("broken", "no_such_module:X", plugins.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [entry])
    plugins.plugin_universes.cache_clear()
    with pytest.warns(RuntimeWarning, match="plug-in broken"):
        assert plugins.plugin_universes() == {}
    plugins.plugin_universes.cache_clear()


def test_plain_xdsl_opt_reads_our_dialect_and_runs_our_passes(relu: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(TFLIR_UNIVERSE.all_dialects) == {"tfl", "quant", "tf_type"}
    xDSLOptMain(args=[str(relu), "-p", "tfl-quantize,tfl-post-quantize"]).run()
    assert '"tfl.relu"' in capsys.readouterr().out


# Failing passes.


@pytest.fixture(name="bad_pass")
def _bad_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import dataclass

    from tflir.passes.base import TflPass

    @dataclass(frozen=True)
    class Bad(TflPass):
        """Fails, or leaves IR that is not valid."""

        name = "bad"
        how: str = "raise"

        def rewrite(self, module, report) -> None:
            relu = next(op for op in module.walk() if op.name == "tfl.relu")
            if self.how == "raise":
                raise KeyError("oh no")
            if self.how == "error":
                raise Error("can't be done", op=relu.name, status=3)
            relu.properties["what"] = relu.parent_op().properties["sym_name"]

    monkeypatch.setattr(plugins, "plugin_universes", lambda: {"bad": plugins.Universe(all_passes={"bad": lambda: Bad})})


@pytest.mark.usefixtures("bad_pass")
@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        ("raise", 1, "bad: 'oh no'"),
        ("error", 3, "bad: can't be done (tfl.relu)"),
        ("invalid", 1, "bad left a module that is not valid: property 'what' is not defined"),
    ],
)
def test_a_failing_pass_leaves_a_reproducer(
    how: str, status: int, message: str, relu: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(relu), "-p", f"bad{{how={how}}}"]) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert "tflir-reproducer.mlir" in captured.err
    assert not captured.out
    left = Path("tflir-reproducer.mlir").read_bytes()
    assert b"-p 'bad{how=" in left
    module = parse_text(left, "left")
    assert '"tfl.relu"' in "".join(op.name.join('""') for op in module.walk())
    assert b'loc("x")' in left


def test_a_module_without_a_block_is_an_error_not_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "empty.mlir"
    path.write_text('"builtin.module"() ({}) : () -> ()')
    assert main([str(path)]) == 1
    assert "its region has 0 blocks" in capsys.readouterr().err
