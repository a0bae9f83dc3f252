"""Channels that hold one constant everywhere, and what becomes of it in the ops that read them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dead_channels import check, dims, with_dead
from models_builder import options, random
from net_builder import RELU, SAME, Net

F32 = np.float32

_UNARY: dict[str, Any] = {
    **dict.fromkeys(("ABS", "ELU", "EXP", "HARD_SWISH", "LOGISTIC", "NEG", "RELU", "RELU6", "RELU_N1_TO_1", "TANH")),
    "RELU_0_TO_1": None,
    "SQUARE": None,
    "LEAKY_RELU": options("LeakyReluOptions", alpha=0.3),
}


@pytest.mark.parametrize("builtin", _UNARY)
def test_constants_go_through_functions(builtin: str) -> None:
    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, with_dead(random(6, 1, 1, 3), 0, 1, 2, 3), F32([-1.7, 0, 0.4, 7.5, 1, -1]))
        return net.conv("b", net.op(builtin, "y", [y], (1, 4, 4, 6), _UNARY[builtin]), random(2, 1, 1, 6))

    tensors, _ = check(build, (1, 4, 4, 3))
    assert dims(tensors, "y") == (1, 4, 4, 2)


_BINARY = {
    "ADD": "Add",
    "SUB": "Sub",
    "MUL": "Mul",
    "DIV": "Div",
    "MAXIMUM": "MaximumMinimum",
    "MINIMUM": "MaximumMinimum",
}


@pytest.mark.parametrize("builtin", [*_BINARY, "PRELU", "SQUARED_DIFFERENCE"])
@pytest.mark.parametrize("other", ["channels", "scalar", "field", "value"])
def test_constants_go_through_functions_of_two(builtin: str, other: str) -> None:
    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, with_dead(random(6, 1, 1, 3), 0, 1), F32([-1.7, 0.8, 0.4, 7.5, 1, -1]))
        second = {
            "channels": lambda: net.constant("k", random(6, seed=3)),
            "scalar": lambda: net.constant("k", F32(-0.6)),
            "field": lambda: net.constant("k", random(1, 4, 4, 1, seed=3)),
            "value": lambda: net.conv("k", x, with_dead(random(6, 1, 1, 3, seed=4), 1, 2), 5 + random(6, seed=5)),
        }[other]()
        how = options(f"{_BINARY[builtin]}Options") if builtin in _BINARY else None
        return net.conv("b", net.op(builtin, "y", [y, second], (1, 4, 4, 6), how), random(2, 1, 1, 6))

    tensors, _ = check(build, (1, 4, 4, 3))
    kept = {"channels": 4, "scalar": 4, "field": 6, "value": 5}[other]
    if builtin == "PRELU" and other == "field":
        kept = 5  # where it is positive, the slope does not matter
    assert dims(tensors, "y") == (1, 4, 4, kept)


def test_a_gate_that_is_closed_for_good() -> None:
    """Channels whose factor is 0 are not read, whatever they hold."""

    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, random(6, 3, 3, 3), random(6), padding=SAME)
        mul = options("MulOptions")
        y = net.op("MUL", "gate", [y, net.constant("gamma", with_dead(random(6), 1, 2, 5))], (1, 4, 4, 6), mul)
        return net.conv("b", y, random(2, 3, 3, 6), padding=SAME)

    tensors, _ = check(build, (1, 4, 4, 3))
    assert dims(tensors, "a/w") == (3, 3, 3, 3)


def test_squeeze_and_excitation() -> None:
    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, with_dead(random(6, 3, 3, 3), 1, 2, 5), F32([1, 0, 0, 2, 0.5, 1]))
        axes = net.constant("axes", np.int32([1, 2]))
        z = net.op("MEAN", "mean", [y, axes], (1, 6), options("ReducerOptions"))
        z = net.dense("up", net.dense("down", z, random(4, 6), random(4), act=RELU), random(6, 4), random(6))
        z = net.reshape("gate", net.op("LOGISTIC", "sigmoid", [z], (1, 6)), (1, 1, 1, 6))
        y = net.op("MUL", "scaled", [y, z], (1, 4, 4, 6), options("MulOptions"))
        return net.conv("b", y, random(2, 3, 3, 6), padding=SAME)

    tensors, _ = check(build, (1, 6, 6, 3))
    assert (dims(tensors, "scaled"), dims(tensors, "up/w")) == ((1, 4, 4, 4), (4, 4))
