"""Rewrites one by one: `--explain` on a model, `--timing`, `--stop-after-rewrite`, `--bisect`, `--trace`, `--pdl`."""

from __future__ import annotations

import json
import pathlib
import re
import shutil
import subprocess
from typing import Any

import pytest

from tflir.frontends.mlir import parse_text
from tflir.ir.context import make_context
from tflir.opt.lines import Lines
from tflir.opt.main import main
from tflir.opt.trace_page import MODEL_SCRIPT
from tflir.pass_manager import run_passes
from tflir.passes.rewriting.events import SWEEP, Event, observing, recording

T = "tensor<4xf32>"
TEXT = f"""func.func @main(%x: {T} loc("x")) -> {T} {{
  %a = "tfl.add"(%x, %x) <{{fused_activation_function = "NONE"}}> : ({T}, {T}) -> {T} loc("a")
  %b = "tfl.relu"(%a) : ({T}) -> {T} loc("b")
  %c = "tfl.mul"(%b, %x) <{{fused_activation_function = "NONE"}}> : ({T}, {T}) -> {T} loc("c")
  %d = "tfl.relu6"(%c) : ({T}) -> {T} loc("d")
  %e = "tfl.relu"(%d) : ({T}) -> {T} loc("e")
  %f = "tfl.tanh"(%e) : ({T}) -> {T} loc("f")
  func.return %f : {T}
}}
"""
WRONG = """pdl.pattern @wrong : benefit(1) {
  %type = pdl.type
  %x = pdl.operand : %type
  %op = pdl.operation "tfl.tanh" (%x : !pdl.value) -> (%type : !pdl.type)
  pdl.rewrite %op {
    %new = pdl.operation "tfl.abs" (%x : !pdl.value)
    pdl.replace %op with %new
  }
}
"""


@pytest.fixture
def program(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "in.mlir"
    path.write_text(TEXT)
    return str(path)


@pytest.fixture
def wrong(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "wrong.mlir"
    path.write_text(WRONG)
    return str(path)


def test_explain_on_a_model_says_what_each_rule_did(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([program, "--explain", "tfl-optimize=FuseActivation"]) == 0
    assert capsys.readouterr().out == (
        f"tfl-optimize on {program}\n"
        "  FuseActivation\n"
        "    applied 2 times, first to tfl.relu 'b'\n"
        "    1 left alone: the op before it has an activation already (first: tfl.mul 'd')\n"
    )
    assert main([program, "-p", "tfl-optimize", "--explain", "tfl-optimize"]) == 0
    assert "FoldPad\n    not applied\n    no op was one that it is about" in capsys.readouterr().out


def test_explain_names_the_rules_that_there_are(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--explain", "tfl-optimize=FoldPad"]) == 0
    assert "Folds a pad into a convolution without padding" in capsys.readouterr().out
    assert main(["--explain", "tfl-optimize=FoldPod"]) == 2
    assert "no rule 'FoldPod'; did you mean 'FoldPad'?" in capsys.readouterr().err
    assert main([program, "--explain", "tfl-optimize=FoldPod"]) == 2
    assert main([program, "-p", "tfl-canonicalize", "--explain", "tfl-optimize"]) == 2
    assert "the pipeline has no pass 'tfl-optimize' to be explained" in capsys.readouterr().err


def test_timing_has_the_rules_below_their_pass(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([program, "-p", "tfl-optimize", "--timing"]) == 0
    lines = [line.split(maxsplit=2)[2] for line in capsys.readouterr().err.splitlines()[1:]]
    assert lines[:4] == ["read", "tfl-optimize", "FuseActivation  (2 rewrites)", "SliceOfStrideOne"]


def _ops(text: str) -> list[str]:
    return re.findall(r"tfl\.(\w+)", text)


@pytest.mark.parametrize(
    ("limit", "ops"),
    [
        (0, ["add", "relu", "mul", "relu6", "relu", "tanh"]),
        (1, ["add", "mul", "relu6", "relu", "tanh"]),
        (2, ["add", "mul", "relu", "tanh"]),
    ],
)
def test_stopping_leaves_the_program_as_it_is_then(
    program: str, limit: int, ops: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([program, "-p", "tfl-optimize", "--stop-after-rewrite", str(limit)]) == 0
    out, err = capsys.readouterr()
    assert _ops(out) == ops
    assert limit == 0 or f"note: stopped after rewrite {limit}: FuseActivation of tfl-optimize on tfl.relu" in err
    assert main([program, "-p", "tfl-optimize", "--stop-after-rewrite", "9"]) == 0
    assert "there are 2 rewrites in all" in capsys.readouterr().err


def test_bisect_finds_the_rewrite_that_changes_outputs(
    program: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([program, "-p", "tfl-optimize", "--pdl", wrong, "--bisect", "outputs"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"the check fails first after rewrite 3 of 3 \(\d runs\): wrong of tfl-apply-pdl on tfl.tanh 'f'", first
    )
    assert [line[:2] for line in rest] == ["- ", "+ "]
    assert '"tfl.tanh"(%e)' in rest[0]
    assert '%f = "tfl.abs"(%e)' in rest[1]


def test_bisect_by_a_command(program: str, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = f"{shutil.which('grep')} -q tfl.relu6"
    assert main([program, "-p", "tfl-optimize", "--bisect", command]) == 0
    assert "first after rewrite 2 of 2" in capsys.readouterr().out


def test_bisect_takes_few_runs(tmp_path: pathlib.Path, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    before = "x"
    for number in range(40):
        lines.append(
            f'%a{number} = "tfl.add"(%{before}, %x) <{{fused_activation_function = "NONE"}}> : ({T}, {T}) -> {T}'
        )
        lines.append(f'%r{number} = "tfl.relu"(%a{number}) : ({T}) -> {T} loc("r{number}")')
        before = f"r{number}"
    lines.append(f'%y = "tfl.tanh"(%{before}) : ({T}) -> {T}\nfunc.return %y : {T}')
    path = tmp_path / "long.mlir"
    path.write_text(f"func.func @main(%x: {T}) -> {T} {{\n" + "\n".join(lines) + "\n}\n")
    found = [str(path), "-p", f'tfl-apply-pdl{{file="{wrong}"}},tfl-optimize', "--bisect", "outputs"]
    assert main(found) == 0
    said = capsys.readouterr().out
    assert "first after rewrite 1 of 41" in said
    runs = re.search(r"\((\d+) runs\)", said)
    assert runs is not None
    assert int(runs[1]) <= 7


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("outputs", "the check passes after all 2 rewrites: there is nothing to bisect"),
        ("outputs=lots", "'lots' is no number"),
        ("/no/such/command", "--bisect /no/such/command: no such file"),
    ],
)
def test_what_can_not_be_bisected_is_said(
    program: str, check: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([program, "-p", "tfl-optimize", "--bisect", check]) == 2
    assert said in capsys.readouterr().err


def _applied(lines: list[tuple[int, str]], edits: list[Any]) -> list[tuple[int, str]]:
    """The lines after edits, by what an edit is said to be."""
    for kind, number, before, text in edits:
        order = [line for line, _ in lines]
        if kind == "+":
            at = order.index(before) + 1 if before in order else 0
            lines = [*lines[:at], (number, text), *lines[at:]]
        elif kind == "-":
            lines = [line for line in lines if line[0] != number]
        else:
            lines = [(line, text if line == number else old) for line, old in lines]
    return lines


def test_the_edits_of_each_step_give_the_program_after_it(wrong: str) -> None:
    module = parse_text(TEXT.encode(), "in.mlir", make_context())
    lines = Lines(module)
    state = lines.all()

    def check(event: Event) -> None:
        nonlocal state
        state = _applied(state, lines.after(event))
        assert state == lines.all()

    with observing(check):
        run_passes(module, f'tfl-optimize,tfl-apply-pdl{{file="{wrong}"}},tfl-canonicalize')
    assert [text.strip() for _, text in state][1:] == [
        f'%b = tfl.add %x, %x {{fused_activation_function = "RELU"}} : {T}',
        f'%d = tfl.mul %b, %x {{fused_activation_function = "RELU6"}} : {T}',
        f'%f = "tfl.abs"(%d) : ({T}) -> {T}',
        f"func.return %f : {T}",
    ]


def test_trace_is_one_page_with_a_step_for_each_rewrite(program: str, wrong: str, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "out.html"
    assert (
        main([program, "-p", "tfl-optimize", "--pdl", wrong, "--trace", str(path), "-o", str(tmp_path / "o.mlir")]) == 0
    )
    text = path.read_text()
    assert not re.search(r"(src|href)=|https?:", text)
    held = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert held is not None
    data = json.loads(held[1])
    assert [step["rule"] for step in data["steps"]] == ["FuseActivation", "FuseActivation", "wrong"]
    kinds = [[edit[0] for edit in step["edits"]] for step in data["steps"]]
    assert kinds == [["-", "~"], ["-", "~"], ["-", "+"]]


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_page_goes_back_and_forth_and_marks_lines(program: str, wrong: str, tmp_path: pathlib.Path) -> None:
    from tflir.opt.trace import Trace

    module = parse_text(TEXT.encode(), "in.mlir", make_context())
    trace = Trace(module, "test")
    with observing(trace.tell):
        run_passes(module, f'tfl-optimize,tfl-apply-pdl{{file="{wrong}"}}')
    script = MODEL_SCRIPT + (
        f"const program = new Program({json.dumps(trace.data())});"
        "const all = [];"
        "for (const step of [0, 1, 2, 3, 99, 1, 0, 2]) {"
        "  program.go(step); all.push([program.step, program.marked()]); }"
        "console.log(JSON.stringify(all));"
    )
    out = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True).stdout
    shown = {}
    for step, rows in json.loads(out):
        assert shown.setdefault(step, rows) == rows
    marks = {step: [(kind, _ops(text)) for kind, text in rows if kind] for step, rows in shown.items()}
    assert marks[0] == []
    assert marks[1] == [("was", ["add"]), ("changed", ["add"]), ("removed", ["relu"])]
    assert marks[3] == [("added", ["abs"]), ("removed", ["tanh"])] or marks[3] == [
        ("removed", ["tanh"]),
        ("added", ["abs"]),
    ]


def test_passes_without_rules_count_as_one_rewrite(program: str) -> None:
    module = parse_text(TEXT.encode(), "in.mlir", make_context())
    with recording() as events:
        run_passes(module, "tfl-strip{kinds=names},tfl-optimize")
    assert [(event.number, event.pass_name, event.rule) for event in events] == [
        (1, "tfl-strip", SWEEP),
        (2, "tfl-optimize", "FuseActivation"),
        (3, "tfl-optimize", "FuseActivation"),
    ]
