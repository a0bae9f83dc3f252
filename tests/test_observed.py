"""What is read of tensors inside loops and branches: every iteration, and only branches that are taken."""

from __future__ import annotations

import numpy as np
import pytest
from models_builder import Model, loop, options, random

import tflir
from tflir.backends.litert.layers import compare_layers
from tflir.backends.litert.observed import NamedObserver
from tflir.backends.litert.run import Array, Runner
from tflir.backends.litert.wiring import wirings
from tflir.data.calibration import calibrate

WEIGHTS = random(64, 64, seed=4) / 8
TURNS = 4


def _recurrent() -> bytes:
    """A loop of four turns: `h` becomes WEIGHTS h, and then |h| on even turns and 2 h on odd ones."""
    model = Model()
    main, condition, body = model.graph(), model.graph("cond"), model.graph("body")
    even, odd = model.graph("even"), model.graph("odd")
    start = main.tensor("h", (1, 64))
    after = [main.tensor("i_after", (), np.int32), main.tensor("h_after", (1, 64))]
    state = [main.constant("zero", np.int32(0)), start]
    main.op("WHILE", state, after, options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2))
    main.io([start], after[1:])
    i, h = condition.tensor("i", (), np.int32), condition.tensor("h", (1, 64))
    limit = condition.constant("limit", np.int32(TURNS))
    condition.io([i, h], condition.op("LESS", [i, limit], [condition.tensor("go", (), np.bool_)]))
    i, h = body.tensor("i", (), np.int32), body.tensor("h", (1, 64))
    added = body.op("ADD", [i, body.constant("one", np.int32(1))], [body.tensor("i1", (), np.int32)])
    rest = body.op("FLOOR_MOD", [i, body.constant("two", np.int32(2))], [body.tensor("rest", (), np.int32)])
    turn = body.op("EQUAL", [*rest, body.constant("none", np.int32(0))], [body.tensor("turn", (), np.bool_)])
    weights = body.constant("w", WEIGHTS)
    product = body.op(
        "FULLY_CONNECTED", [h, weights], [body.tensor("product", (1, 64))], options("FullyConnectedOptions")
    )
    how = options("IfOptions", thenSubgraphIndex=3, elseSubgraphIndex=4)
    made = body.op("IF", [*turn, *product], [body.tensor("made", (1, 64))], how)
    body.io([i, h], [*added, *made])
    value = even.tensor("v", (1, 64))
    even.io([value], even.op("ABS", [value], [even.tensor("magnitude", (1, 64))]))
    value = odd.tensor("v", (1, 64))
    odd.io([value], odd.op("ADD", [value, value], [odd.tensor("twice", (1, 64))], options("AddOptions")))
    return model.to_bytes()


def _expected(start: Array) -> list[tuple[Array, Array]]:
    """What the body reads and what the branch makes, in each turn."""
    held, turns = start, list[tuple[Array, Array]]()
    for turn in range(TURNS):
        product = held @ WEIGHTS.T
        made = np.abs(product) if turn % 2 == 0 else 2 * product
        turns.append((held, made))
        held = made
    return turns


def _samples(data: bytes, values: list[Array]) -> dict[str, list[dict[str, Array]]]:
    (entry,) = Runner(data).entries
    return {entry.key: [{entry.inputs[-1].name: value} for value in values]}


def test_a_tensor_of_a_loop_is_read_once_for_each_turn() -> None:
    data = _recurrent()
    starts = [random(1, 64, seed=seed) for seed in (1, 2)]
    tensors = {0: ["h_after"], 2: ["h"], 3: ["magnitude"], 4: ["twice"]}
    found: dict[str, list[Array]] = {}
    for _, name, value in NamedObserver(data, tensors).run(_samples(data, starts)):
        found.setdefault(name, []).append(value)
    turns = [turn for start in starts for turn in _expected(start)]
    for name, wanted in {
        "h": [held for held, _ in turns],
        "magnitude": [made for _, made in turns[0::2]],
        "twice": [made for _, made in turns[1::2]],
        "h_after": [_expected(start)[-1][1] for start in starts],
    }.items():
        np.testing.assert_allclose(np.concatenate(found[name]), np.concatenate(wanted), rtol=1e-4, atol=1e-5)


def test_histograms_count_every_turn_of_a_loop() -> None:
    data = loop()
    module = tflir.loads(data)
    samples = [{"i": np.int32(0), "x": np.float32([[1, -2, 3, 4]])}]
    recorded = calibrate(module, samples, histograms=True)
    counts = {at: held.count for at, held in recorded.histograms.items() if at[0] == "body"}
    assert counts
    assert set(counts.values()) == {3 * 4}
    spans = {at: recorded.ranges[at] for at in counts}
    assert sorted(spans.values()) == [(-16.0, 32.0), (-8.0, 16.0)]


@pytest.mark.parametrize("recipe", ["dynamic_wi8_afp32", "dynamic_wi4_afp32"])
def test_gptq_rounds_the_weights_of_a_loop_by_what_they_read_there(recipe: str) -> None:
    data = _recurrent()
    basis = random(3, 64, seed=9)
    starts = [random(1, 3, seed=seed) @ basis for seed in range(16)]

    def worst(algorithm: str) -> float:
        converter = tflir.Converter.from_bytes(data)
        converter.recipe, converter.weight_algorithm = recipe, algorithm
        if algorithm == "gptq":
            converter.representative_dataset = lambda: ([start] for start in starts[:12])
        made = converter.convert()
        assert not [remark for remark in converter.remarks if "could not be recorded" in remark]
        noise = 0.0
        for start in starts[12:]:
            (entry,) = (runner := Runner(made, delegate=False)).entries
            (result,) = runner.run(entry, {entry.inputs[-1].name: start}).values()
            wanted = _expected(start)[-1][1]
            noise += float(np.square(result - wanted).sum() / np.square(wanted).sum())
        return noise

    assert worst("gptq") < 0.8 * worst("minmax")


def test_results_of_a_loop_that_nothing_reads_are_left_out() -> None:
    """The runtime writes no value of `kept_after`, whose memory holds what was there before."""
    model = Model()
    main, condition, body = model.graph(), model.graph("cond"), model.graph("body")
    state = [main.tensor("i", (), np.int32), main.tensor("x", (1, 4)), main.tensor("kept", (1, 64))]
    after = [main.tensor(f"{name}_after", shape, kind) for name, shape, kind in (
        ("i", (), np.int32), ("x", (1, 4), np.float32), ("kept", (1, 64), np.float32))]  # fmt: skip
    main.op("WHILE", state, after, options("WhileOptions", condSubgraphIndex=1, bodySubgraphIndex=2))
    main.io(state, after[1:2])
    inner = [condition.tensor("i", (), np.int32), condition.tensor("x", (1, 4)), condition.tensor("kept", (1, 64))]
    limit = condition.constant("limit", np.int32(3))
    condition.io(inner, condition.op("LESS", [inner[0], limit], [condition.tensor("go", (), np.bool_)]))
    i, x, kept = body.tensor("i", (), np.int32), body.tensor("x", (1, 4)), body.tensor("kept", (1, 64))
    one = body.constant("one", np.int32(1))
    added = body.op("ADD", [i, one], [body.tensor("i1", (), np.int32)], options("AddOptions"))
    doubled = body.op("ADD", [x, x], [body.tensor("x2", (1, 4))], options("AddOptions"))
    body.io([i, x, kept], [*added, *doubled, kept])
    content = model.to_bytes()
    assert wirings(content)[""].unwritten == {after[0], after[2]}
    assert {layer.name for layer in compare_layers(content, content, 2)} == {"x", "kept", "x_after"}
    observer = NamedObserver(content, {0: ["x_after", "kept_after"]})
    sample = {"i": np.int32(0), "x": np.ones((1, 4), np.float32), "kept": np.ones((1, 64), np.float32)}
    assert [name for _, name, _ in observer.run({"": [sample]})] == ["x_after"]
