"""The line that says which ops of an integer model compute in float, and why."""

from __future__ import annotations

from typing import Any

import pytest
from models_builder import options, random
from net_builder import Net, model_of

import tflir

SHAPE = (1, 8)
X16 = [tflir.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, tflir.OpsSet.TFLITE_BUILTINS]


def _net(*kinds: str) -> bytes:
    """A fully connected layer, and ops of one operand that follow it."""

    def build(net: Net, x: int) -> int:
        y = net.dense("dense", x, random(8, 8), random(8, seed=1))
        for kind in kinds:
            y = net.op(kind, kind.lower(), [y], SHAPE, options("SoftmaxOptions", beta=1) if kind == "SOFTMAX" else None)
        return y

    return model_of(build, SHAPE)


def _said(data: bytes, **fields: Any) -> list[str]:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([random(*SHAPE, seed=n)] for n in range(4))
    for name, value in fields.items():
        if name == "supported_ops":
            converter.target_spec.supported_ops = value
        else:
            setattr(converter, name, value)
    converter.convert()
    return [line for line in converter.remarks if " in float: " in line]


@pytest.mark.parametrize(
    ("kinds", "fields", "wanted"),
    [
        (("TANH",), {}, []),
        (("NEG",), {}, ["1 of 2 ops computes in float: 1 NEG (it has no integer kernel)"]),
        (("NEG", "TANH", "NEG"), {}, ["2 of 4 ops compute in float: 2 NEG (it has no integer kernel)"]),
        (("SOFTMAX",), {"skip": ("SOFTMAX",)}, ["1 of 2 ops computes in float: 1 SOFTMAX (skipped)"]),
        (("NEG",), {"representative_dataset": None}, []),
        (("TANH",), {"supported_ops": X16}, []),
        (
            ("ELU",),
            {"supported_ops": X16},
            ["1 of 2 ops computes in float: 1 ELU (no kernel computes it in int16)"],
        ),
    ],
)
def test_ops_that_stay_float_are_named_with_the_reason(
    kinds: tuple[str, ...], fields: dict[str, Any], wanted: list[str]
) -> None:
    assert _said(_net(*kinds), **fields) == wanted


def test_what_a_target_and_regions_made_float_is_named() -> None:
    kinds = ("RSQRT", "EXP", "ABS", "RSQRT")
    (line,) = _said(_net("ABS", *kinds), target="xnnpack")
    assert "(made float for xnnpack)" in line
    (line,) = _said(_net("ABS", *kinds), float_regions="on")
    assert "(its region computes in float)" in line


def test_many_kinds_are_counted() -> None:
    kinds = ("NEG", "FLOOR", "ROUND", "CEIL", "NEG")
    (line,) = _said(_net(*kinds))
    assert line.startswith("5 of 6 ops compute in float: 2 NEG (it has no integer kernel); ")
    assert line.endswith("; 1 more")


def test_nothing_is_said_of_a_mode_that_was_not_taken() -> None:
    fields = {"target": "xnnpack", "optimize_for": "latency"}
    assert not _said(_net("NEG", "SIN", "NEG"), **fields)
