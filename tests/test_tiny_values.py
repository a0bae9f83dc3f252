"""Values whose whole range is tiny keep their accuracy as integers, with the default delegate and without."""

from __future__ import annotations

import numpy as np
import pytest
from models_builder import options, random
from net_builder import SAME, Net, model_of
from recording import nearness, run

import tflir

_SHAPE = (1, 64)


def _converter(data: bytes, mode: str, times: float = 1.0) -> tflir.Converter:
    converter = tflir.Converter.from_bytes(data)
    converter.mode = mode
    converter.representative_dataset = lambda: iter([[random(*_SHAPE, seed=n) * np.float32(times)] for n in range(6)])
    return converter


def _worst(data: bytes, made: bytes, times: float = 1.0, gain: float = 1.0) -> float:
    """The worst signal-to-noise ratio in dB; results are enlarged by `gain`, for squares of tiny numbers are 0."""
    found: list[float] = []
    for seed in range(6):
        x = random(*_SHAPE, seed=seed) * np.float32(times)
        right = [y.astype(np.float64) * gain for y in run(data, [x])]
        for delegate in (True, False):
            found.append(nearness([y.astype(np.float64) * gain for y in run(made, [x], delegate=delegate)], right))
    return min(found)


@pytest.mark.parametrize("mode", ["int8", "int8-only", "int16x8"])
@pytest.mark.parametrize("size", [1e-7, 1e-9, 1e-22])
def test_tiny_values_are_not_lost(size: float, mode: str) -> None:
    small = np.float32(size)

    def inputs(net: Net, x: int) -> int:
        return net.dense("dense", net.op("ADD", "sum", [x, x], _SHAPE, options("AddOptions")), random(32, 64))

    def between(net: Net, x: int) -> int:
        tiny = net.op("MUL", "tiny", [x, net.constant("small", small)], _SHAPE, options("MulOptions"))
        dense = net.dense("dense", tiny, random(32, 64), random(32) * small)
        return net.op("MUL", "back", [dense, net.constant("large", 1 / small)], (1, 32), options("MulOptions"))

    def outputs(net: Net, x: int) -> int:
        image = net.reshape("image", x, (1, 4, 4, 4))
        return net.conv("conv", image, random(8, 3, 3, 4) * small, padding=SAME)

    for build, times, gain in ((inputs, size, 1 / size), (between, 1.0, 1.0), (outputs, 1.0, 1 / size)):
        data = model_of(build, _SHAPE)
        assert _worst(data, _converter(data, mode, times).convert(), times, gain) > 28, build.__name__


@pytest.mark.parametrize("mode", ["int8-only", "int16x8"])
def test_a_line_says_what_becomes_zero(mode: str) -> None:
    def tiny(net: Net, x: int) -> int:
        return net.dense("dense", x, random(32, 64))

    converter = _converter(model_of(tiny, _SHAPE), mode, 1e-30)
    converter.convert()
    assert "0, smaller than the steps of integers can be" in "\n".join(converter.remarks)


def test_a_bound_that_is_far_above_the_values_does_not_overflow() -> None:
    """RELU6 limits to 6, which has to be less than 2^31 steps."""

    def build(net: Net, x: int) -> tuple[int, int]:
        tiny = net.op("MUL", "tiny", [x, net.constant("small", np.float32(1e-10))], _SHAPE, options("MulOptions"))
        return net.op("RELU6", "clipped", [tiny], _SHAPE), tiny

    for mode in ("int8", "int16x8"):
        data = model_of(build, _SHAPE)
        converter = _converter(data, mode)
        made = converter.convert()
        x = random(*_SHAPE)
        for delegate in (True, False):
            found, right = (run(model, [x], delegate=delegate)[0] for model in (made, data))
            assert np.abs(found - right).max() < 1e-8


def test_tensorflow_s_range_is_no_narrower_than_before() -> None:
    data = model_of(lambda net, x: net.dense("dense", x, random(32, 64)), _SHAPE)
    converter = _converter(data, "int8", 1e-9)
    converter.tf_compat = True
    assert _worst(data, converter.convert(), 1e-9, 1e9) < 1
