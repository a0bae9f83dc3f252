"""What ops read finely stays float: divisors and what logarithms read near 0, and angles over many periods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_builder import options
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run

import tflir

_COUNT = 64
_SHAPE = (1, _COUNT)
_EPSILON = 1e-6
_STEEP = {"LOG": None, "RSQRT": None, "DIV": "DivOptions", "POW": "PowOptions", "FLOOR_DIV": "FloorDivOptions"}
_Build = Callable[[Net, int], int]


def _after_an_epsilon(kind: str, *, moved: bool = False, least: float = _EPSILON) -> bytes:
    """`kind` of x² and an epsilon; with `moved`, reshaped in between."""

    def build(net: Net, x: int) -> int:
        squares = net.op("MUL", "squares", [x, x], _SHAPE, options("MulOptions"))
        epsilon = net.graph.constant("epsilon", np.float32([least]))
        value = net.op("ADD", "above", [squares, epsilon], _SHAPE, options("AddOptions"))
        if moved:
            value = net.reshape("back", net.reshape("there", value, (4, _COUNT // 4)), _SHAPE)
        other = net.graph.constant("other", np.float32([-0.5 if kind == "POW" else 3]))
        reads = {"LOG": [value], "RSQRT": [value], "POW": [value, other]}.get(kind, [other, value])
        made = net.op(kind, "steep", reads, _SHAPE, options(_STEEP[kind]) if _STEEP[kind] else None)
        return net.op("TANH", "y", [made], _SHAPE)

    return model_of(build, _SHAPE)


def _angles(kind: str, *, moved: bool, far: float) -> bytes:
    """The sine or cosine of `far` times x; with `moved`, of a part of it."""

    def build(net: Net, x: int) -> int:
        times = net.graph.constant("times", np.float32([far]))
        angle = net.op("MUL", "angle", [x, times], _SHAPE, options("MulOptions"))
        if moved:
            angle = net.reshape("back", net.reshape("there", angle, (4, _COUNT // 4)), _SHAPE)
        made = net.op(kind, "wave", [angle], _SHAPE, options("CosOptions") if kind == "COS" else None)
        return net.op("MUL", "y", [made, made], _SHAPE, options("MulOptions"))

    return model_of(build, _SHAPE)


def _quotients() -> bytes:
    """x² divided by constants that are far apart."""

    def build(net: Net, x: int) -> int:
        squares = net.op("MUL", "squares", [x, x], _SHAPE, options("MulOptions"))
        by = net.graph.constant("by", np.geomspace(1, 1e4, _COUNT, dtype=np.float32)[None, ::-1].copy())
        made = net.op("DIV", "quotients", [squares, by], _SHAPE, options("DivOptions"))
        return net.op("RELU", "y", [made], _SHAPE)

    return model_of(build, _SHAPE)


def _samples() -> list[list[npt.NDArray[Any]]]:
    """Values of very different sizes, some of them near 0."""
    made = np.random.default_rng(1).normal(size=(6, 1, _COUNT)) * np.geomspace(1e-3, 8, _COUNT)
    made[:, 0, :4] = [0, 1e-3, -4e-3, 8]
    return [[one.astype(np.float32)] for one in made]


def _compiled(model: bytes, mode: str) -> bytes:
    converter = tflir.Converter.from_bytes(model)
    converter.mode = mode
    converter.representative_dataset = _samples
    return converter.convert()


def _distance(model: bytes, made: bytes) -> float:
    """In dB, without the delegate."""
    found, wanted = ([np.concatenate([run(one, x, delegate=False)[0] for x in _samples()])] for one in (made, model))
    return float(nearness(found, wanted))


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize(("mode", "least"), [("int8", 30), ("int16x8", 55)])
@pytest.mark.parametrize("kind", sorted(_STEEP))
def test_what_is_read_near_0_stays_float(kind: str, mode: str, least: float, moved: bool) -> None:
    model = _after_an_epsilon(kind, moved=moved)
    made = _compiled(model, mode)
    assert _distance(model, made) > least
    types = {name: tensor["type"] for name, tensor in tree(made)["graphs"][0]["tensors"].items()}
    assert types["above"] == 0, "the sum with the epsilon is float32"


def test_what_is_far_from_0_is_quantized() -> None:
    made = _compiled(_after_an_epsilon("RSQRT", least=20.0), "int16x8")
    types = {name: tensor["type"] for name, tensor in tree(made)["graphs"][0]["tensors"].items()}
    assert types["above"] == 7, "int16"


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize(("mode", "far", "least"), [("int8", 10.0, 40), ("int16x8", 300.0, 70)])
@pytest.mark.parametrize("kind", ["SIN", "COS"])
def test_angles_over_many_periods_stay_float(kind: str, mode: str, far: float, least: float, moved: bool) -> None:
    model = _angles(kind, moved=moved, far=far)
    made = _compiled(model, mode)
    types = {name: tensor["type"] for name, tensor in tree(made)["graphs"][0]["tensors"].items()}
    assert types["angle"] == 0, "float32"
    assert _distance(model, made) > least


def test_constants_far_apart_divide_as_floats() -> None:
    model = _quotients()
    assert _distance(model, _compiled(model, "int8")) > 35
    with pytest.raises(tflir.Error, match=r"DIV 'quotients'.* would have a few steps, or become 0"):
        _compiled(model, "int8-only")
