"""What is computed of an LSTM in numpy, beside what the runtime's kernel makes of the same."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Model, options, random

from tflir.data.calibration import calibrate
from tflir.files import load_bytes
from tflir.ir.functions import functions
from tflir.passes.calibration.logged import is_state, values_of
from tflir.passes.calibration.lstm import Layer

BATCH, STEPS, FEATURES, UNITS = 2, 6, 5, 4
PROJECTED = 3


def _lstm(*, peephole: bool, projection: bool, norm: bool, coupled: bool, steps: int = STEPS) -> bytes:
    model = Model()
    graph = model.graph()
    outputs = PROJECTED if projection else UNITS
    x, y = graph.tensor("x", (BATCH, steps, FEATURES)), graph.tensor("y", (BATCH, steps, outputs))
    seeds = iter(range(99))

    def weights(present: bool, *shape: int) -> int:
        seed = next(seeds)
        return graph.constant(f"w{seed}", random(*shape, seed=seed)) if present else NONE

    gates = (not coupled, True, True, True)
    inputs = [
        x,
        *(weights(one, UNITS, FEATURES) for one in gates),
        *(weights(one, UNITS, outputs) for one in gates),
        *(weights(peephole and one, UNITS) for one in (not coupled, True, True)),
        *(weights(one, UNITS) for one in gates),
        weights(projection, PROJECTED, UNITS),
        weights(projection, PROJECTED),
        graph.tensor("h", (BATCH, outputs), variable=True),
        graph.tensor("c", (BATCH, UNITS), variable=True),
        *(weights(norm and one, UNITS) for one in gates),
    ]
    how = options(
        "UnidirectionalSequenceLSTMOptions",
        fusedActivationFunction=schema.ActivationFunctionType.TANH, cellClip=2.0, timeMajor=False,
    )  # fmt: skip
    graph.op("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [y], how)
    graph.io([x], [y])
    return model.to_bytes()


@pytest.mark.parametrize("kind", ["plain", "peephole", "projection", "norm", "coupled", "all"])
def test_numpy_computes_what_the_kernel_does(kind: str) -> None:
    parts = {name: kind in (name, "all") for name in ("peephole", "projection", "norm", "coupled")}
    module = load_bytes(_lstm(**parts))
    samples = [[2 * random(BATCH, STEPS, FEATURES, seed=seed)] for seed in (50, 51)]
    found = calibrate(module, samples)
    function = next(functions(module))
    position = len(list(values_of(function))) - 1
    layer = Layer.at(function, position)
    assert layer is not None
    for (sample,) in samples:
        layer.add(sample, anew=True)
    np.testing.assert_allclose(layer.spans["output"], found.ranges["main", position], rtol=1e-5, atol=1e-6)
    inner = found.inner["main", position]
    assert [span is not None for span in inner] == [
        parts["norm"] and not parts["coupled"], *[parts["norm"]] * 3, True
    ]  # fmt: skip
    if not parts["projection"]:
        np.testing.assert_allclose(inner[4] or (), found.ranges["main", position], rtol=1e-5, atol=1e-6)


def test_the_cell_state_is_seen_within_a_sequence() -> None:
    """As if each beginning of the sequence had been run on its own: a kernel shows the state at the end only."""
    sample = random(BATCH, STEPS, FEATURES, seed=61)
    plain = {"peephole": False, "projection": False, "norm": False, "coupled": False}
    ends = [
        calibrate(load_bytes(_lstm(steps=n, **plain)), [[sample[:, :n]]], tf_compat=True).ranges
        for n in range(1, STEPS + 1)
    ]
    module = load_bytes(_lstm(**plain))
    whole = calibrate(module, [[sample]]).ranges
    cell = [n for n, value in enumerate(values_of(next(functions(module)))) if is_state(value)][1]
    lows, highs = zip(*(found["main", cell] for found in ends), strict=True)
    np.testing.assert_allclose(whole["main", cell], (min(lows), max(highs)), rtol=1e-5)
    assert ends[-1]["main", cell] != (min(lows), max(highs))
