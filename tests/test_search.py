"""`tflir search` on a small network: the bound, the trace, the rules, an interrupted search, and what is refused."""

from __future__ import annotations

import json
import math
import pathlib
import pickle
from typing import Any

import numpy as np
import pytest
from models_builder import random
from net_builder import RELU, SAME, Net, model_of

from tflir.cli import main
from tflir.ir.errors import Error
from tflir.quality.measure import Reference
from tflir.search.judge import SnrJudge
from tflir.search.store import Store
from tflir.search.walk import MOST_FILES

_SAMPLES = 48


def _net(net: Net, x: int) -> int:
    one = net.conv("one", x, random(16, 3, 3, 4, seed=1), random(16, seed=2), padding=SAME, act=RELU)
    two = net.depthwise("two", one, random(1, 3, 3, 16, seed=3), random(16, seed=4), padding=SAME)
    three = net.conv("three", two, random(24, 1, 1, 16, seed=5), random(24, seed=6), act=RELU)
    flat = net.reshape("flat", three, (1, 24 * 16))
    four = net.dense("four", flat, random(10, 24 * 16, seed=7), random(10, seed=8))
    return net.op("SOFTMAX", "five", [four], (1, 10))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    made = tmp_path_factory.mktemp("search")
    model = model_of(_net, (1, 4, 4, 4))
    (made / "model.tflite").write_bytes(model)
    samples = random(2 * _SAMPLES, 1, 4, 4, 4, seed=9)
    np.savez(made / "a.npz", x=samples[:_SAMPLES])
    np.savez(made / "v.npz", x=samples[_SAMPLES:], labels=_labels(model, samples[_SAMPLES:]))
    return made


def _labels(model: bytes, samples: Any) -> Any:
    import ai_edge_litert.interpreter as litert

    interpreter = litert.Interpreter(model_content=model)
    interpreter.allocate_tensors()
    found: list[int] = []
    for sample in samples:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], sample)
        interpreter.invoke()
        found.append(int(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).argmax()))
    return np.array(found)


def _search(folder: pathlib.Path, bound: str, *more: str, data: bool = True) -> int:
    words = ["search", str(folder / "model.tflite"), "-o", str(folder / "out.tflite"), "--force", "--bound", bound]
    words += ["--representative-dataset", str(folder / "a.npz")]
    return main([*words, *(["--validation-dataset", str(folder / "v.npz")] if data else []), *more])


def _snr(folder: pathlib.Path, model: bytes) -> float:
    data = np.load(folder / "v.npz")["x"]
    return Reference(str(folder / "model.tflite"), {"": [{"x": sample} for sample in data]}).snr(model)


def test_a_model_within_the_bound_is_written_with_its_rules_and_the_trace(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules, trace = folder / "rules.toml", folder / "trace.json"
    sizes: list[int] = []
    for limit in (45, 30, 20):
        assert _search(folder, f"snr>={limit}", "--rules-out", str(rules), "--trace", str(trace)) == 0
        model = (folder / "out.tflite").read_bytes()
        sizes.append(len(model))
        assert _snr(folder, model) >= limit - 0.5
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]
    said = json.loads(trace.read_text())
    kinds = said["result"]["kinds"]
    assert list(kinds) == ["one", "two", "three", "four"]
    assert any("int4" in kind or "int2" in kind for kind in kinds.values())
    assert said["result"]["bytes"] == len(model)
    evaluated = {json.dumps(one["kinds"]) for one in said["evaluations"]}
    assert len(evaluated) == said["result"]["evaluations"] <= said["result"]["limit"]
    assert said["result"]["limit"] == 3 * 2 + 3 + MOST_FILES, "float, 8 and 4 bits, and 2 in the dense layer"
    assert f"{len(evaluated)} models evaluated, of at most {said['result']['limit']}" in capsys.readouterr().err

    again = folder / "again.tflite"
    words = ["compile", str(folder / "model.tflite"), "-o", str(again), "--recipe", str(rules), "--force"]
    words += ["--representative-dataset", str(folder / "a.npz"), "--bias-correction", "auto"]
    assert main(words) == 0
    assert again.read_bytes() == model


def test_an_interrupted_search_goes_on(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    work, trace = folder / "work", folder / "trace.json"
    assert _search(folder, "snr>=25", "--work", str(work), "--trace", str(trace)) == 0
    first, whole = (folder / "out.tflite").read_bytes(), json.loads(trace.read_text())
    lost = sorted(work.glob("*.json"))[::2]
    for file in lost[1:]:
        file.unlink()
    lost[0].write_text("{")  # what another program left there is no result
    capsys.readouterr()
    assert _search(folder, "snr>=25", "--work", str(work), "--trace", str(trace)) == 0
    assert (folder / "out.tflite").read_bytes() == first
    again = json.loads(trace.read_text())
    assert any(one["reused"] for one in again["evaluations"])
    assert any(not one["reused"] for one in again["evaluations"])
    assert again["result"] == whole["result"]
    assert f"results from {work}" in capsys.readouterr().err
    assert _search(folder, "snr>=25", "--work", str(work), "--trace", str(trace), "--bias-correction", "off") == 0
    assert not any(one["reused"] for one in json.loads(trace.read_text())["evaluations"]), "other settings"


def test_forms_that_the_runtime_does_not_run_are_left_out(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer that can't be run in any form stays float, and the others are narrowed."""
    noise, runs = SnrJudge.noise, iter(range(100))

    def fails_at_first(judge: SnrJudge, model: bytes) -> list[float]:
        if next(runs) < 2:  # the two widths of the first layer
            raise Error("LiteRT aborts")
        return noise(judge, model)

    monkeypatch.setattr(SnrJudge, "noise", fails_at_first)
    trace = folder / "trace.json"
    assert _search(folder, "snr>=30", "--trace", str(trace)) == 0
    kinds = json.loads(trace.read_text())["result"]["kinds"]
    assert kinds["one"] == "float"
    assert "int" in kinds["four"]


def test_a_model_without_weights_stays_as_it_is(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    model = model_of(lambda net, x: net.op("TANH", "one", [x], (1, 4, 4, 4)), (1, 4, 4, 4))
    (tmp_path / "model.tflite").write_bytes(model)
    for name in ("a.npz", "v.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert _search(tmp_path, "snr>=30") == 0
    assert _snr(tmp_path, (tmp_path / "out.tflite").read_bytes()) > 100


def test_without_validation_data_a_part_is_held_out(folder: pathlib.Path) -> None:
    trace = folder / "trace.json"
    assert _search(folder, "snr>=30", "--trace", str(trace), data=False) == 0
    assert json.loads(trace.read_text())["samples"] == {"calibration": 24, "search": 12, "check": 12, "repeated": 0}
    assert _snr(folder, (folder / "out.tflite").read_bytes()) >= 29


def test_a_bound_that_nothing_holds_is_an_error_that_says_what_is_reachable(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = folder / "out.tflite"
    out.unlink(missing_ok=True)
    assert _search(folder, "accuracy-drop<=0%", "--accuracy", f"{__name__}:more_for_each_call") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {folder / 'model.tflite'}: no model holds accuracy-drop<=0%")
    assert "accuracy drop" in lines[0].partition("one has")[2]
    assert not out.exists()


_calls = [0]


def more_for_each_call(outputs: list[list[Any]]) -> float:
    """An accuracy that rises from call to call: the float model, which is asked last, has the highest."""
    assert outputs[0][0].shape == (1, 10)
    _calls[0] += 1
    return _calls[0] / 1000


def test_a_bound_on_accuracy_is_held(folder: pathlib.Path) -> None:
    for more in ([], ["--accuracy", f"{__name__}:always_half"]):
        assert _search(folder, "accuracy-drop<=10%", *more) == 0
        model = (folder / "out.tflite").read_bytes()
        data = np.load(folder / "v.npz")
        assert (_labels(model, data["x"]) == data["labels"]).mean() >= (0.85 if not more else 0)
        assert len(model) < 0.4 * (folder / "model.tflite").stat().st_size


def over_100(outputs: list[list[Any]]) -> float:
    return 97.5


def no_number(outputs: list[list[Any]]) -> float:
    return math.nan


@pytest.mark.parametrize(("name", "said"), [("over_100", "97.5"), ("no_number", "nan")])
def test_an_accuracy_is_a_number_from_0_to_1(
    name: str, said: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _search(folder, "accuracy-drop<=10%", "--accuracy", f"{__name__}:{name}") == 2
    assert f"--accuracy returned {said}: it takes a list" in capsys.readouterr().err


def always_half(outputs: list[list[Any]]) -> float:
    return 0.5


def test_latency_counts_by_the_cost_model(folder: pathlib.Path) -> None:
    from tflir.files import load, load_bytes
    from tflir.ir.targets.latency import estimate

    assert _search(folder, "snr>=30", "--minimize", "latency") == 0
    made = estimate(load_bytes((folder / "out.tflite").read_bytes())).seconds
    assert made <= estimate(load(folder / "model.tflite")).seconds
    assert _snr(folder, (folder / "out.tflite").read_bytes()) >= 29.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--bound", "snr>=x"], "--bound: 'x' is no number"),
        (["--bound", "snr>=30", "--accuracy", "os:getcwd"], "--accuracy does nothing beside a bound on the ratio"),
        (["--bound", "accuracy-drop<=1%"], "a bound on accuracy needs labels"),
        (["--bound", "accuracy-drop<=1%", "--accuracy", "os:nothing"], "module os has no function nothing"),
        (["--bound", "accuracy-drop<=1%", "--accuracy", "nothing"], "names no function"),
        (["--bound", "snr>=30", "--calibration-samples", "2"], "has too few samples to hold some out"),
        (["--bound", "snr>=30", "-o", "x.mlir"], "does not end with .tflite"),
    ],
)
def test_what_is_refused_is_one_line(
    words: list[str], said: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["search", str(folder / "model.tflite"), "--representative-dataset", str(folder / "a.npz")]
    given += [] if "-o" in words else ["-o", str(folder / "refused.tflite")]
    try:
        status = main([*given, *words])
    except SystemExit as stop:
        status = int(stop.code or 0)
    lines = capsys.readouterr().err.splitlines()
    assert status == 2
    assert len(lines) == 1
    assert said in lines[0]
    assert not (folder / "refused.tflite").exists()


@pytest.mark.parametrize(
    ("labels", "said"), [(np.zeros(5, np.int64), "has 5 labels for"), (np.int64(3), "has no axis of labels for")]
)
@pytest.mark.parametrize("option", ["--validation-dataset", "--representative-dataset"])
def test_labels_that_are_too_few_are_refused(
    labels: Any, said: str, option: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(folder / "few.npz", x=np.load(folder / "v.npz")["x"], labels=labels)
    words = ["search", str(folder / "model.tflite"), "-o", str(folder / "refused.tflite")]
    words += ["--bound", "accuracy-drop<=1%", option, str(folder / "few.npz")]
    words += ["--representative-dataset", str(folder / "a.npz")] if option == "--validation-dataset" else []
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"array 'labels' {said} {_SAMPLES} samples" in line


def test_there_may_be_more_labels_than_samples(folder: pathlib.Path) -> None:
    from tflir.files import load
    from tflir.options import Options
    from tflir.search.data import data_of

    data = np.load(folder / "v.npz")
    np.savez(folder / "many.npz", x=data["x"], labels=np.append(data["labels"], [0, 0, 0]))
    options, model = Options(representative_dataset=str(folder / "a.npz")), folder / "model.tflite"
    made = data_of(str(model), load(model), options, str(folder / "many.npz"), accuracy=True, labelled=True)
    assert made.search.labels.tolist() == data["labels"][::2].tolist()
    assert made.check.labels.tolist() == data["labels"][1::2].tolist()


def test_a_function_for_the_accuracy_needs_no_labels(folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "own_accuracy.py").write_text("def always(outputs):\n    return 1.0\n")
    monkeypatch.syspath_prepend(folder)
    np.savez(folder / "few.npz", x=np.load(folder / "v.npz")["x"], labels=np.zeros(5, np.int64))
    more = ["--validation-dataset", str(folder / "few.npz"), "--accuracy", "own_accuracy:always"]
    assert _search(folder, "accuracy-drop<=1%", *more, data=False) == 0


def test_two_processes_find_what_one_does(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    found: list[tuple[bytes, str]] = []
    rules = folder / "rules.toml"
    for more in ([], ["--jobs", "2"]):
        assert _search(folder, "snr>=25", "--rules-out", str(rules), *more) == 0
        found.append(((folder / "out.tflite").read_bytes(), rules.read_text()))
    assert found[0] == found[1]
    said = capsys.readouterr().err.splitlines()
    assert said[: len(said) // 2] == said[len(said) // 2 :]


def test_each_task_of_a_worker_tells_its_own_progress(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    from tflir.search.compiler import Settings
    from tflir.search.data import Part
    from tflir.search.evaluations import NOISE
    from tflir.search.sharing import Bench, evaluate

    samples = Part({"": [{"x": sample} for sample in np.load(folder / "a.npz")["x"][:2]]})
    bench = Bench(str(folder / "model.tflite"), samples, samples, Settings("minmax", "off", "off"))
    (file := tmp_path / "bench.pickle").write_bytes(pickle.dumps(bench))
    said: list[list[tuple[int, int]]] = [[], []]
    for number in range(2):
        evaluate(str(file), NOISE, [None] * 4, lambda *done, at=number: said[at].append(done))
    assert said[0] == said[1] != []


def test_what_the_help_calls_the_defaults_are_the_defaults(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _search(folder, "snr>=25") == 0
    made = (folder / "out.tflite").read_bytes()
    assert _search(folder, "snr>=25", "--weight-algorithm", "gptq", "--bias-correction", "auto") == 0
    assert (folder / "out.tflite").read_bytes() == made
    with pytest.raises(SystemExit):
        main(["search", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "gptq (default of search)" in said
    assert "auto (default of search)" in said


@pytest.mark.parametrize("damage", ['{"a":', "{}", '{"bytes": "x"}', "[]", "other numbers"])
def test_a_result_that_is_not_as_it_was_written_is_computed_again(damage: str, tmp_path: pathlib.Path) -> None:
    store = Store(str(tmp_path), "context")
    result = {"bytes": 3, "snr": math.inf, "of": [1.5, None], "error": "é"}
    store.put("a", result)
    assert Store(str(tmp_path), "context").get("a") == result
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text().replace("1.5", "2.5") if damage == "other numbers" else damage)
    assert store.get("a") is None
    store.put("a", result)
    assert store.get("a") == result
