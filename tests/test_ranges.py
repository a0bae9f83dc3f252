"""Calibration beside numpy: ranges of values, of branches and loops; statistics files that merge exactly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import models_builder as build
import numpy as np
import pytest
from models_builder import Graph, Model, options, random

import tflir
from tflir.cli import main
from tflir.data.calibration import calibrate
from tflir.data.recorded import read_recorded
from tflir.files import load_bytes
from tflir.ir.functions import functions
from tflir.ir.names import name_of
from tflir.ir.statistics import ranges_of

F32 = np.float32


def _model(make: Any, *shapes: Sequence[int]) -> bytes:
    model = Model()
    graph = model.graph()
    inputs = [graph.tensor(f"x{n}", shape) for n, shape in enumerate(shapes)]
    graph.io(inputs, make(graph, *inputs))
    return model.to_bytes()


def _ranges(data: bytes, dataset: Any, **how: Any) -> dict[str, tuple[float, float]]:
    """Calibrated ranges by tensor name, of all functions."""
    module = load_bytes(data)
    calibrate(module, dataset, **how).apply(module, tf_compat=how.get("tf_compat", False))
    found: dict[str, tuple[float, float]] = {}
    for function in functions(module):
        for value, one in ranges_of(function).items():
            found[name_of(value) or ""] = (one.low, one.high)
    return found


def _span(values: Sequence[np.ndarray]) -> tuple[float, float]:
    return min(float(v.min()) for v in values), max(float(v.max()) for v in values)


def _chain(graph: Graph, x: int) -> list[int]:
    weights = graph.constant("w", random(3, 4))
    flat, made, out = graph.tensor("flat", (2, 4)), graph.tensor("made", (2, 3)), graph.tensor("out", (2, 3))
    graph.op("RESHAPE", [x, graph.constant("s", np.array([2, 4], np.int32))], [flat], options("ReshapeOptions"))
    graph.op("FULLY_CONNECTED", [flat, weights, -1], [made], options("FullyConnectedOptions"))
    graph.op("TANH", [made], [out])
    return [out]


def test_ranges_are_those_that_numpy_finds() -> None:
    samples = [random(1, 2, 4, seed=n) for n in range(5)]
    found = _ranges(_model(_chain, (1, 2, 4)), lambda: ([s] for s in samples))
    made = [s.reshape(2, 4) @ random(3, 4).T for s in samples]
    assert found["x0"] == found["flat"] == _span(samples)
    np.testing.assert_allclose(found["made"], _span(made), rtol=1e-5)
    np.testing.assert_allclose(found["out"], _span([np.tanh(m) for m in made]), rtol=1e-4)
    assert set(found) == {"x0", "flat", "made", "out"}


def test_an_untaken_branch_has_no_range() -> None:
    data = build.branch()
    module = load_bytes(data)
    ports = {"float32": lambda s: np.full(s, 2, F32), "bool": lambda s: np.array(True).reshape(s)}
    from tflir.backends.litert.run import Runner

    (entry,) = Runner(data).entries
    sample = {
        p.name: ports[p.dtype.name](tuple(abs(d) for d in p.shape))
        if p.dtype.name in ports
        else np.ones(p.shape, p.dtype)
        for p in entry.inputs
    }
    recorded = calibrate(module, [sample])
    seen = {function for function, _ in recorded.ranges}
    others = {f.sym_name.data for f in functions(module)} - seen
    assert others
    assert len(seen) >= 2


def test_a_loop_widens_the_ranges_of_its_body() -> None:
    """x doubles while it is below 10: 1, 2, 4, 8, 16."""
    model = Model()
    main_graph, cond, body = model.graph("main"), model.graph("cond"), model.graph("body")
    c = cond.tensor("cx", (1,))
    less = cond.tensor("less", (1,), np.bool_)
    flat = cond.tensor("flat", (), np.bool_)
    cond.op("LESS", [c, cond.constant("ten", np.array([10], F32))], [less], options("LessOptions"))
    cond.op("RESHAPE", [less, cond.constant("cs", np.array([], np.int32))], [flat], options("ReshapeOptions"))
    cond.io([c], [flat])
    b = body.tensor("bx", (1,))
    twice = body.tensor("twice", (1,))
    body.op("ADD", [b, b], [twice], options("AddOptions"))
    body.io([b], [twice])
    x, y = main_graph.tensor("x", (1,)), main_graph.tensor("y", (1,))
    main_graph.op("WHILE", [x], [y], options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2))
    main_graph.io([x], [y])
    found = _ranges(model.to_bytes(), [[np.ones(1, F32)]])
    assert found["bx"] == (1, 8)
    assert found["twice"] == (2, 16)
    assert found["cx"] == (1, 16)
    assert found["y"] == (16, 16)


def test_what_overwrites_an_operand_widens_it_only_for_tensorflow() -> None:
    def make(graph: Graph, x: int) -> list[int]:
        size, more, out = (graph.tensor(n, (4,)) for n in ("abs", "add", "exp"))
        graph.op("ABS", [x], [size])
        graph.op("ADD", [size, graph.constant("c", np.full(4, 10, F32))], [more], options("AddOptions"))
        graph.op("EXP", [more], [out])
        return [out]

    data, samples = _model(make, (4,)), [[np.array([-3, 0, 1, 2], F32)]]
    assert _ranges(data, samples)["abs"] == (0, 3)
    assert _ranges(data, samples, tf_compat=True)["abs"] == (0, 13)


def test_a_maximum_that_is_not_positive() -> None:
    data = _model(lambda g, x: g.op("ABS", [x], [g.tensor("y", (2,))]), (2,))
    samples = [[np.array([-2, -1], F32)]]
    assert _ranges(data, samples)["x0"] == (-2, -1)
    assert _ranges(data, samples, tf_compat=True)["x0"] == (-2, pytest.approx(1.17549435e-38))


def test_shards_merge_to_the_serial_run_in_any_order(tmp_path: Path) -> None:
    data = _model(_chain, (1, 2, 4))
    source = tmp_path / "m.tflite"
    source.write_bytes(data)
    archive = tmp_path / "d.npz"
    np.savez(archive, x0=np.concatenate([random(1, 2, 4, seed=n) for n in range(7)]))
    parts = [str(tmp_path / f"{n}.json") for n in range(3)]
    for n, part in enumerate(parts, 1):
        words = [
            "calibrate",
            str(source),
            "--representative-dataset",
            str(archive),
            "-o",
            part,
            "--shard",
            f"{n}/3",
            "-q",
        ]
        assert main(words) == 0
    serial = calibrate(load_bytes(data), str(archive))
    merged = [read_recorded(order) for order in itertools.permutations(parts)]
    assert all(one == serial for one in merged)
    compiled = []
    for flags in (["--representative-dataset", str(archive)], ["--stats", ",".join(parts)]):
        target = tmp_path / f"{len(compiled)}.tflite"
        assert main(["compile", str(source), "-o", str(target), "--optimize", "DEFAULT", "-q", *flags]) == 0
        compiled.append(target.read_bytes())
    assert compiled[0] == compiled[1] != data


def test_statistics_of_another_model_are_refused(tmp_path: Path) -> None:
    calibrate(load_bytes(_model(_chain, (1, 2, 4))), [[random(1, 2, 4)]]).write(tmp_path / "s.json")
    other = load_bytes(build.fully_connected())
    with pytest.raises(tflir.Error, match="of another model"):
        read_recorded([tmp_path / "s.json"]).apply(other)
    (tmp_path / "bad.json").write_text('{"format": 1}')
    with pytest.raises(tflir.Error, match="no statistics file"):
        read_recorded([tmp_path / "bad.json"])


def test_nan_that_the_model_makes_names_tensor_and_sample() -> None:
    data = _model(lambda g, x: g.op("LOG", [x], [g.tensor("y", (2,))]), (2,))
    with pytest.raises(tflir.Error, match=r"sample 2: the tensor takes values that are NaN"):
        _ranges(data, [[np.array([1, 2], F32)], [np.array([-1, 2], F32)]])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x0": np.zeros((2, 1, 2, 5), F32)}, "sample 1: input 'x0' is 1x2x5 where it wants 1x2x4"),
        ({"x0": np.full((2, 1, 2, 4), np.nan, F32)}, "sample 1: input 'x0' has NaN or infinity"),
        ({"x0": np.zeros((2, 1, 2, 4), np.complex64)}, "sample 1: input 'x0' wants float32, not complex64"),
        ({"x0": np.zeros((0, 1, 2, 4), F32)}, "has no samples"),
        ({"x0": np.array([None])}, "array 'x0' holds Python objects"),
    ],
)
def test_data_that_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(tflir.Error) as refused:
        calibrate(load_bytes(_model(_chain, (1, 2, 4))), str(tmp_path / "d.npz"))
    assert message in str(refused.value)


def test_data_in_every_form_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = _model(_chain, (1, 2, 4))
    samples = [random(1, 2, 4, seed=n) for n in range(3)]
    np.savez(tmp_path / "named.npz", **{"x0": np.stack(samples)})
    np.savez(tmp_path / "ordered.npz", np.stack([s[0] for s in samples]).astype(np.float64))
    (tmp_path / "folder").mkdir()
    for n, sample in enumerate(samples):
        np.savez(tmp_path / "folder" / f"{n}.npz", x0=sample)
    (tmp_path / "some_data.py").write_text(
        "import numpy as np\n\ndef give():\n    for s in np.load('named.npz')['x0']:\n        yield {'x0': s}\n"
    )
    monkeypatch.chdir(tmp_path)
    forms: list[Any] = [
        "named.npz",
        Path("ordered.npz"),
        "folder",
        "some_data:give",
        lambda: ([s] for s in samples),
        [{"x0": s} for s in samples],
        type("Data", (), {"input_gen": staticmethod(lambda: iter([[s] for s in samples]))})(),
    ]
    found = [_ranges(data, form) for form in forms]
    assert all(one == found[0] for one in found)
    assert _ranges(data, "named.npz", samples=1)["x0"] == _span(samples[:1])


def test_samples_go_to_the_signatures_whose_inputs_they_name() -> None:
    data = build.signatures()
    module = load_bytes(data)
    both = calibrate(module, [{"x": np.ones((1, 4), F32)}])
    one = calibrate(module, lambda: [("half", {"x": np.ones((1, 4), F32)})])
    assert {f for f, _ in both.ranges} > {f for f, _ in one.ranges}
    with pytest.raises(tflir.Error, match=r"no signature 'hlaf'; did you mean 'half'"):
        calibrate(module, lambda: [("hlaf", {"x": np.ones((1, 4), F32)})])


def test_calibrate_writes_a_model_with_its_ranges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "m.tflite", tmp_path / "c.tflite"
    source.write_bytes(_model(_chain, (1, 2, 4)))
    np.savez(tmp_path / "d.npz", x0=np.ones((2, 1, 2, 4), F32))
    words = ["calibrate", str(source), "--representative-dataset", str(tmp_path / "d.npz"), "-o", str(target)]
    assert main(words) == 0
    assert len(ranges_of(next(functions(tflir.load(target))))) == 4
    assert main(words) == 2
    assert "exists" in capsys.readouterr().err
