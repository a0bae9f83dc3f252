"""Latency of models side by side: every model has its figures or its reason; no test says how long anything takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import models_builder as build
import pytest
from aborting import abort

import tflir
from tflir.backends.litert import profiler
from tflir.backends.litert.profiler import OpTime
from tflir.backends.litert.run import Runner
from tflir.backends.litert.timing import Job, Timing, measure
from tflir.benchmarking import brief_latency, milliseconds
from tflir.cli import main

BRIEFLY = 0.01


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("a.tflite").write_bytes(build.convolutions())
    Path("b.tflite").write_bytes(build.int8())
    Path("c.tflite").write_bytes(b"no model")
    return tmp_path


@pytest.mark.parametrize("name", ["fully_connected", "loop", "signatures", "stateful", "int8", "dynamic", "gather"])
def test_every_kind_of_model_is_timed_and_profiled(name: str) -> None:
    (found,) = tflir.benchmark([getattr(build, name)()], seconds=BRIEFLY, profile=True)
    assert not found.error
    assert 0 < found.least <= found.median <= found.load
    assert found.runs >= 3
    assert found.memory > 0
    assert found.profile or found.profile_error


def test_own_kernels_stand_beside_the_delegate() -> None:
    both = tflir.benchmark([build.convolutions(), build.int8()], seconds=BRIEFLY, no_delegate=True)
    assert [timing.job.delegate for timing in both] == [True, False, True, False]
    assert [timing.partitions > 0 for timing in both] == [True, False, True, False]
    assert all(timing.delegated <= timing.ops for timing in both)


def test_a_crash_leaves_the_other_models_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tflir.backends.litert.timing.finish", abort)
    first, second = measure([Job(build.fully_connected()), Job(b"no model")], BRIEFLY)
    assert re.fullmatch(r"LiteRT aborts: SIGABRT, .*Check failed.*", first.error)
    assert "LiteRT can't run it" in second.error


def test_what_the_model_lacks_is_said() -> None:
    (found,) = tflir.benchmark([build.signatures()], seconds=BRIEFLY, signature="none")
    assert found.error == "no signature is called 'none': there are double, half"
    for wrong in ({"seconds": 0.0}, {"threads": 0}):
        with pytest.raises(tflir.Error, match="must be above 0"):
            tflir.benchmark([build.signatures()], **wrong)  # pyright: ignore[reportArgumentType]


def test_a_signature_that_is_not_the_first_is_run() -> None:
    keys = [entry.key for entry in Runner(build.signatures()).entries]
    (found,) = tflir.benchmark([build.signatures()], seconds=BRIEFLY, signature=keys[-1], profile=True)
    assert found.runs
    assert found.subgraph == 1
    assert (found.ops, found.delegated, found.partitions) == (0, 0, 0)  # the runtime lists those of the first alone
    assert found.profile or found.profile_error


def test_ops_of_another_subgraph_have_their_share(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ops = (OpTime("MUL", "y", 3e-6, 1, False, 1), OpTime("ADD", "z", 1e-6, 1, True, 1))
    timing = Timing(Job("a.tflite", profile=True), least=4e-6, median=4e-6, runs=1, subgraph=1, profile=ops)
    monkeypatch.setattr("tflir.commands.benchmark.benchmark", lambda *_, **how: [timing])
    assert main(["benchmark", "a.tflite", "--profile"]) == 0
    said = capsys.readouterr().out
    assert "not known" in said
    assert re.search(r"MUL +own kernel +1 +3 us +75.0%", said)
    assert re.search(r"ADD +delegate +1 +1 us +25.0%", said)


def test_inputs_without_dimensions_are_profiled() -> None:
    model = build.Model()
    graph = model.graph()
    x, y = graph.tensor("x", ()), graph.tensor("y", ())
    graph.io([x], graph.op("LOGISTIC", [x], [y]))
    (found,) = tflir.benchmark([model.to_bytes()], seconds=BRIEFLY, profile=True)
    assert not found.profile_error
    assert found.profile


def test_the_profile_of_own_kernels_names_ops_and_tensors() -> None:
    _, found = tflir.benchmark([build.convolutions()], seconds=BRIEFLY, no_delegate=True, profile=True)
    if found.profile_error:
        pytest.skip(found.profile_error)
    assert [op.op for op in found.profile if "CONV" in op.op]
    assert all(op.name and not op.delegated and op.calls == 1 for op in found.profile)


def test_dynamic_tensors_that_are_not_marked_as_ranked_are_profiled() -> None:
    marked, plain = build.Model(), build.Model()
    for model in (marked, plain):
        graph = model.graph()
        x, y = graph.tensor("x", (-1, 8)), graph.tensor("y", (-1, 8))
        graph.io([x], graph.op("COS", [x], [y]))
    for tensor in plain.record.subgraphs[0].tensors:
        tensor.hasRank = False
    first, second = tflir.benchmark([marked.to_bytes(), plain.to_bytes()], seconds=BRIEFLY, profile=True)
    assert second.profile_error == first.profile_error
    assert [op.op for op in second.profile] == [op.op for op in first.profile]


def test_several_inputs_and_outputs_are_profiled_in_the_order_of_the_file() -> None:
    model = build.Model()
    graph = model.graph()
    x = {name: graph.tensor(name, (1, size)) for name, size in (("b", 8), ("c", 2), ("a", 4))}
    y = {f"y{name}": graph.op("COS", [value], [graph.tensor(f"y{name}", (1, size))])[0]
         for (name, value), size in zip(x.items(), (8, 2, 4), strict=True)}  # fmt: skip
    graph.io(list(x.values()), list(y.values()))
    single = tflir.benchmark([model.to_bytes()], seconds=BRIEFLY, profile=True)[0]
    model.signature("serve", graph, x, y)
    (found,) = tflir.benchmark([model.to_bytes()], seconds=BRIEFLY, profile=True)
    assert found.profile_error == single.profile_error
    assert [op.op for op in found.profile] == [op.op for op in single.profile]


def test_a_runtime_without_a_profiler_is_a_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import ai_edge_litert

    monkeypatch.setattr(ai_edge_litert, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(tflir.Error, match="no profiler"):
        profiler.profile(build.fully_connected())


def test_the_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "a.tflite", "b.tflite", "--seconds", "0.01", "--no-delegate", "--profile"]) == 0
    shown = capsys.readouterr().out
    assert "Latency in LiteRT, 1 thread" in shown
    assert shown.count("default delegate") == 4
    assert re.search(r"a\.tflite +own kernels .* none of \d+", shown)
    assert "By kind" in shown or "profiler" in shown


def test_the_json_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmark", "a.tflite", "c.tflite", "--seconds", "0.01", "--threads", "2", "--json"]) == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    good, bad = found["models"]
    assert (found["version"], good["model"], good["threads"], good["delegate"]) == (1, "a.tflite", 2, True)
    assert good["least"] > 0
    assert not good["error"]
    assert bad["error"] in printed.err
    assert printed.err.startswith("error: c.tflite: ")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [(["--seconds", "0"], "no number of seconds above 0"), (["--threads", "two"], "no whole number above 0")],
)
def test_wrong_usage(arguments: list[str], why: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["benchmark", "a.tflite", *arguments])
    assert stop.value.code == 2
    assert why in capsys.readouterr().err


def test_verify_says_the_latency_in_one_line(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", "a.tflite", "-o", "o.tflite", "--verify"]) == 0
    said = capfd.readouterr().err.splitlines()
    assert re.fullmatch(r"latency: \S+ \ws -> \S+ \ws \(\d+\.\d\d\), default delegate, 1 thread", said[-1])
    assert str(brief_latency("a.tflite", "c.tflite")).startswith("latency: not known: the result: LiteRT can't run it")


def test_times_as_people_read_them() -> None:
    assert [milliseconds(s) for s in (2.5, 0.00312, 4.17e-5, 2e-7)] == ["2.5 s", "3.12 ms", "41.7 us", "0.2 us"]
