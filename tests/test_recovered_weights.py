"""Float weights that are multiples of a step, as after training with simulated quantization: the step is found."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from aeq_entries import entry
from hypothesis import given, settings
from hypothesis import strategies as st
from models_builder import random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run

import tflir
from tflir.passes.weights.scales import minmax_scales, recovered_scales, rounded

SHAPE = (1, 48)


@settings(max_examples=500)
@given(
    st.lists(st.integers(-100, 100), min_size=8, max_size=60),
    st.floats(1 / 1024, 10, width=32),
    st.sampled_from([(127, 1), (7, 15)]),
)
def test_multiples_of_a_step_stay_as_they_are(multiples: list[int], step: float, grid: tuple[int, int]) -> None:
    most, part = grid
    integers = np.array([multiples]) // part
    weights = (integers * np.float32(step)).astype(np.float32).astype(np.float64)
    found = rounded(weights, recovered_scales(weights, most)[:, None], most)
    np.testing.assert_allclose(found, weights, rtol=1e-5, atol=1e-5 * step)


def test_other_weights_have_the_scale_of_the_largest() -> None:
    weights = random(8, 64).astype(np.float64)
    np.testing.assert_array_equal(recovered_scales(weights, 7), minmax_scales(weights, 7))
    np.testing.assert_array_equal(recovered_scales(np.zeros((2, 4)), 7), minmax_scales(np.zeros((2, 4)), 7))


def _weights(bits: int) -> np.ndarray:
    """Channels whose largest weight is not the largest integer."""
    most = (1 << (bits - 1)) - 2
    integers = np.random.default_rng(3).integers(-most, most, (16, 48))
    integers[:, 0] = 1
    return (integers * np.linspace(0.01, 0.05, 16)[:, None]).astype(np.float32)


def _converted(folder: pathlib.Path, data: bytes, rules: str, **fields: Any) -> tflir.Converter:
    (folder / "r").write_text(rules)
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(folder / "r")
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter


def _nearness(data: bytes, made: bytes) -> float:
    x = random(*SHAPE, seed=7)
    return min(nearness(run(made, [x], delegate=delegate), run(data, [x])) for delegate in (True, False))


@pytest.mark.parametrize("bits", [8, 4])
def test_nothing_is_lost_by_storing_them(bits: int, tmp_path: pathlib.Path) -> None:
    def build(net: Net, x: int) -> int:
        return net.dense("d", x, _weights(bits))

    rule = '[[rule]]\nweights = {{bits = {}, form = "dequantize", algorithm = "{}"}}\n'
    data = model_of(build, SHAPE)
    recovered, nearest = (
        _converted(tmp_path, data, rule.format(bits, name)).convert() for name in ("recover", "minmax")
    )
    assert _nearness(data, recovered) > 100
    assert _nearness(data, nearest) < 60
    told = entry("dequantized_weight_recovery", num_bits=bits, symmetric=True, dtype="INT")
    assert _converted(tmp_path, data, told).convert() == recovered


def test_the_option_holds_beside_integer_activations(tmp_path: pathlib.Path) -> None:
    data = model_of(lambda net, x: net.dense("d", x, _weights(8)), SHAPE)
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([random(*SHAPE, seed=n)] for n in range(8))
    converter.weight_algorithm = "recover"
    stored = tree(converter.convert())["graphs"][0]["tensors"]["d/w"]
    np.testing.assert_allclose(stored["quantization"]["scale"], np.linspace(0.01, 0.05, 16), rtol=1e-5)


def test_weights_on_no_grid_are_told_of(tmp_path: pathlib.Path) -> None:
    data = model_of(lambda net, x: net.dense("d", x, random(16, 48)), SHAPE)
    converter = _converted(tmp_path, data, '[[rule]]\nweights = {bits = 8, algorithm = "recover"}\n')
    converter.convert()
    assert any("no multiples of a step" in line for report in converter.reports for line in report.remarks)
