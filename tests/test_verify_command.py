"""`--verify` tells the truth: signatures have their own data, columns count apart, aborts and odd names are said."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path

import models_builder as build
import numpy as np
import pytest
from aborting import abort

import tflir
from tflir.backends.litert.compare import Tally, compare_models
from tflir.backends.litert.isolated import IsolatedRunner, isolated
from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.flags import OpsSet, Optimize
from tflir.options import Options
from tflir.report.suggestions import Advice, Suggestion, advice

F32 = np.float32
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
ODD = "a\x1b[31m\x9b2J\x08\u202e<b>"
"""Colours, the one-character control code, a backspace, a mark that turns text around."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_other_process_dies_and_this_one_says_so() -> None:
    with pytest.raises(tflir.Error, match=r"m\.tflite: LiteRT aborts: SIGABRT"):
        isolated(os.abort, file="m.tflite")
    assert isolated(os.getpid) != os.getpid(), "the next call has a new one"


def test_the_other_process_runs_models_as_this_one_does() -> None:
    model, sample = build.convolutions(), {"image": build.random(1, 8, 8, 4)}
    runner, other = Runner(model), IsolatedRunner(model)
    assert [entry.key for entry in other.entries] == [entry.key for entry in runner.entries]
    for name, value in runner.run(runner.entries[0], sample).items():
        np.testing.assert_array_equal(other.run(other.entries[0], sample)[name], value)
    with pytest.raises(tflir.Error, match="no value for input"):
        other.run(other.entries[0], {})
    other.close()
    with pytest.raises(tflir.Error, match="LiteRT can't run it"):
        IsolatedRunner(b"no model")


def test_a_verification_that_loses_the_runtime_is_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("m.tflite").write_bytes(build.fully_connected())
    monkeypatch.setattr("tflir.backends.litert.compare.compare_models", abort)
    assert main(["compile", "m.tflite", "-o", "o.tflite", "--verify", "-q"]) == 1
    said = capfd.readouterr().err
    assert said.startswith("error: o.tflite: LiteRT aborts: SIGABRT, F0000 kernel.cc:1] Check failed: scale > 0")
    assert said.count("\n") == 1


def test_each_signature_runs_its_own_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("m.tflite").write_bytes(build.signatures())
    np.savez("d.npz", **{"double/x": build.random(6, 1, 4) + 9, "half/x": build.random(6, 1, 4) - 9})
    data = ["--optimize", "DEFAULT", "--representative-dataset", "d.npz"]
    assert main(["compile", "m.tflite", "-o", "o.tflite", *data, "--verify", "--report", "r.json"]) == 0
    said = capsys.readouterr().err
    assert "random" not in said
    assert "poor" not in said
    report = json.loads(Path("r.json").read_text())["verification"]
    assert (report["random"], report["samples"]) == (False, 12)
    np.savez("e.npz", **{"double/x": build.random(6, 1, 4) + 9})
    data[-1] = "e.npz"
    assert main(["compile", "m.tflite", "-o", "p.tflite", *data, "--verify"]) == 0
    assert "signature 'half' ran on random inputs" in capsys.readouterr().err


def test_samples_by_signature_reach_that_signature_alone() -> None:
    model = build.signatures()
    found = compare_models(model, model, {"half": [{"x": np.full((1, 4), 8, F32)}]})
    assert {one.signature: one.random for one in found} == {"double": True, "half": False}


def test_quiet_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("m.tflite").write_bytes(build.convolutions())
    np.savez("d.npz", image=build.random(4, 1, 8, 8, 4))
    data = ["--optimize", "DEFAULT", "--representative-dataset", "d.npz"]
    assert main(["compile", "m.tflite", "-o", "o.tflite", *data, "--verify", "--report", "r.html", "-q"]) == 0
    assert main(["calibrate", "m.tflite", "-o", "s.json", *data[2:], "-q"]) == 0
    assert capfd.readouterr() == ("", "")


def test_a_small_column_beside_large_ones_counts_apart() -> None:
    values = np.array([[300, 0.5], [200, 0.25]], F32)
    tally = Tally(columns=True)
    tally.add(values, values + np.array([0, 0.5], F32))
    assert tally.snr_db > 50
    column, ratio = tally.worst_column
    assert column == 1
    assert ratio == pytest.approx(10 * np.log10((0.5**2 + 0.25**2) / (2 * 0.5**2)))
    shares = Tally(columns=True)
    shares.add(np.array([[0.999, 0.001]]), np.array([[0.99, 0.01]]))
    assert shares.worst_column == (None, np.inf), "a probability that is hardly there is of little account"


def test_advice_goes_with_the_options_that_were_given() -> None:
    one = Suggestion("", "CONV_2D", "b", "b", "")
    assert Advice((one,), skipped=("a",)).flag == "--skip a,b"
    int16 = OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    options = Options(optimizations=[Optimize.DEFAULT], quantize_only=["CONV_2D"])
    found = advice([], [], options)
    assert (found.flag, found.instead) == ("", "leave them out of --quantize-only")
    assert int16.name in OpsSet.__members__


def _odd_model() -> bytes:
    model = build.Model()
    graph = model.graph(f"main{ODD}")
    x, y = graph.tensor(f"x{ODD}", (1, 32)), graph.tensor(f"y{ODD}", (1, 64))
    weights = graph.constant(f"w{ODD}~", build.random(64, 32))
    graph.op("FULLY_CONNECTED", [x, weights, build.NONE], [y], build.options("FullyConnectedOptions"))
    graph.io([x], [y])
    return model.to_bytes().replace(b"~", b"\xff")  # no UTF-8


@pytest.mark.parametrize(
    "arguments",
    [
        ["compile", "m.tflite", "-o", "o.tflite", "--force", "-v", "--optimize", "DEFAULT"],
        ["compile", "m.tflite", "-o", "o.mlir", "--force"],
        ["compile", "m.tflite", "-o", "o.tflite", "--force", "-v", "--optimize", "DEFAULT", "--skip", "none of these"],
        ["compile", "m.tflite", "-o", "o.tflite", "--force", "-v", "--optimize", "DEFAULT", "--stats", "s.json"],
        ["compile", "m.tflite", "-o", "o\x1b.tflite", "--force"],
        ["compile", "absent\x1b[31m.tflite"],
        ["inspect", "m.tflite", "-v"],
        ["inspect", "m.tflite", "--json"],
    ],
)
def test_names_are_never_printed_raw(arguments: list[str], folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Path("m.tflite").write_bytes(_odd_model())
    np.savez("d.npz", build.random(4, 1, 32))
    assert main(["calibrate", "m.tflite", "-o", "s.json", "--representative-dataset", "d.npz"]) == 0
    main(arguments)
    printed = "".join(capfd.readouterr())
    assert not UNSAFE.search(printed)
    assert "Traceback" not in printed


def test_reports_hold_names_safely(folder: Path) -> None:
    Path("m.tflite").write_bytes(_odd_model())
    np.savez("d.npz", build.random(4, 1, 32))
    for ending in ("json", "html"):
        data = ["--optimize", "DEFAULT", "--representative-dataset", "d.npz", "--force", "--report", f"r.{ending}"]
        assert main(["compile", "m.tflite", "-o", "o.tflite", *data]) == 0
    facts = Path("r.json").read_text()
    assert not UNSAFE.search(facts)
    json.dumps(json.loads(facts), ensure_ascii=False).encode()
    page = Path("r.html").read_text("utf-8")
    assert not UNSAFE.search(page)
    assert "\ufffd<b>" in html.unescape(page)
    assert "\ufffd<b>" not in page
