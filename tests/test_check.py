"""`tflir check`: tables, JSON, exit status, speed, and that no runtime is imported."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

import pytest

import tflir
from tflir.cli import main
from tflir.ir.targets import TARGETS, Status, Target, fails, takes

Q = "tensor<1x8x8x4x!quant.uniform<i8:f32, 0.1>>"
F = "tensor<1x8x8x4xf32>"
EXAMPLE = pathlib.Path(__file__).parent.parent / "examples" / "digits_cnn" / "model.tflite"
MODEL = f"""
func.func @main(%x: {Q}) -> {Q} {{
  %0 = "tfl.hard_swish"(%x) : ({Q}) -> {Q} loc("a")
  %1 = "tfl.tanh"(%0) : ({Q}) -> {Q} loc("b")
  %2 = "tfl.hard_swish"(%1) : ({Q}) -> {Q} loc("c")
  func.return %2 : {Q}
}}
"""


@pytest.fixture
def model(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "model.mlir"
    path.write_text(MODEL)
    return str(path)


def test_says_what_is_refused_why_and_what_mends_it(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", model]) == 0
    said = capsys.readouterr().out
    assert "xnnpack: 1 of 3 operators taken, 1 partition of 1 operator" in said
    row = next(line for line in said.splitlines() if "HARD_SWISH" in line)
    count, operator, kind, share, *rest = row.split()
    assert (count, operator, kind) == ("2", "HARD_SWISH", "int8")
    assert 0 < float(share.rstrip("%")) < 100
    assert rest == ["refused", "float", "only", "tfl-mend-xnnpack", "a"]


def test_several_targets(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", model, "--target", "xnnpack,tflm", "--target", "litert"]) == 0
    said = capsys.readouterr().out
    assert "tflm: 3 of 3 operators taken" in said
    assert said.count("time") == 1
    assert "litert: 3 of 3 operators taken" in said


def test_strict_is_about_the_exit_status(model: str) -> None:
    assert main(["check", model, "--strict"]) == 1
    assert main(["check", model, "--strict", "--target", "tflm"]) == 0
    assert main(["check", model, "--strict", "--target", "litert"]) == 0


def test_wrong_usage(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", model, "--target", "xnpack"]) == 2
    assert "did you mean 'xnnpack'" in capsys.readouterr().err
    assert main(["check", "no.tflite"]) == 1


def test_json(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", model, "--target", "xnnpack", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["targets"]
    assert (found["name"], found["operators"], found["taken"], found["rest_runs_in"]) == ("xnnpack", 3, 1, "litert")
    assert found["partitions"] == [{"subgraph": "main", "operators": [1]}]
    first = found["ops"][0]
    assert (first["operator"], first["tensor"], first["kinds"]) == ("HARD_SWISH", "a", "int8")
    assert (first["status"], first["reason"], first["mend"]) == ("refused", "float only", "tfl-mend-xnnpack")
    assert "LiteRT" in first["known"]
    assert first["rest"]["status"] == "taken"
    assert found["ops"][1]["status"] == "taken"
    assert 0 < sum(op["share"] for op in found["ops"]) <= 1


def test_from_python(model: str) -> None:
    for given in (model, tflir.load(model), EXAMPLE.read_bytes()):
        (found,) = tflir.check(given)
        assert found.target.name == "xnnpack"
    first, second = tflir.check(model, ["xnnpack", "tflm"])
    assert [op.operator for op in first.refused] == ["HARD_SWISH", "HARD_SWISH"]
    assert all(op.fallback is not None and op.fallback.taken for op in first.refused)
    assert not first.unsound
    assert not second.refused
    assert str(first) == (
        "xnnpack: 1 of 3 ops taken, 1 partition\n  2 x HARD_SWISH int8 refused: float only (tfl-mend-xnnpack)"
    )


@pytest.mark.parametrize("status", ["wrong", "unloadable", "crashes"])
def test_what_runs_the_rest_may_fail(status: Status, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    rest = Target("rest", "another chip", (), (fails(status, "HARD_SWISH", reason="it is odd"),), others=True)
    chip = Target("chip", "a chip", (takes("TANH"),), known="made up", runs_in="rest")
    try:
        for target in (rest, chip):
            TARGETS.add(target.name, lambda target=target: target, "test")
        (found,) = tflir.check(model, "chip")
        assert [op.verdict.reason for op in found.unsound] == ["it has no kernel"] * 2
        assert main(["check", model, "--target", "chip"]) == 0
        assert "Of these, what rest does not run rightly" in (said := capsys.readouterr().out)
        assert f"{status}" in said
    finally:
        TARGETS.clear()


def test_a_thousand_ops_take_less_than_a_second() -> None:
    names = ("cos", "sin", "abs", "sign", "exp")
    lines = [f'%{n} = "tfl.{names[n % 5]}"({f"%{n - 1}" if n else "%x"}) : ({F}) -> {F}' for n in range(1000)]
    text = "\n".join(lines)
    module = tflir.loads(f"func.func @main(%x: {F}) -> {F} {{\n{text}\nfunc.return %999 : {F}\n}}")
    tflir.check(module)
    began = time.perf_counter()
    (found,) = tflir.check(module)
    assert time.perf_counter() - began < 1
    assert found.taken == 800
    assert len(found.partitions) == 201


def test_no_runtime_is_imported() -> None:
    code = """
import sys
from tflir.cli import main
main(["check", sys.argv[1], "--target", "xnnpack,tflm,ethos-u,litert"])
assert not [name for name in sys.modules if name.startswith(("ai_edge", "tensorflow", "tflir.backends.litert"))]
"""
    subprocess.run([sys.executable, "-c", code, str(EXAMPLE)], check=True, capture_output=True)


def test_the_runtime_delegates_what_the_table_says(tmp_path: pathlib.Path) -> None:
    for name, options in (("float", []), ("dr", ["--optimize", "DEFAULT"]), ("half", ["--supported-types", "float16"])):
        more = ["--optimize", "DEFAULT"] if name == "half" else []
        assert main(["compile", str(EXAMPLE), "-o", str(tmp_path / f"{name}.tflite"), *options, *more]) == 0
    tflir.save(tflir.loads(MODEL), tmp_path / "refused.tflite")
    tool = EXAMPLE.parents[2] / "benchmarks" / "delegation.py"
    done = subprocess.run([sys.executable, str(tool), str(tmp_path)], check=True, capture_output=True, text=True)
    assert "100.00 %" in done.stdout
    assert "4 of 4 models have the number of delegate nodes that is said" in done.stdout
