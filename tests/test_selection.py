"""What a person leaves out stays as it is in every mode, and patterns for names take bounded time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from models_builder import random
from net_builder import Net, model_of
from object_tree import tree
from sparse_models import X16, holed

import tflir
from tflir.passes.name_filter import expression

_SHAPE = (1, 64)
_FLOAT, _FLOAT16, _INT8, _INT16 = 0, 1, 9, 7


def _net(net: Net, x: int) -> int:
    one = net.dense("layer/one", x, holed((64, 64), 0.9), random(64, seed=1))
    return net.dense("layer/two", one, holed((64, 64), 0.9, seed=2), random(64, seed=3))


def _samples() -> Any:
    return ([random(*_SHAPE, seed=n)] for n in range(4))


_MODES: dict[str, tuple[list[str], dict[str, Any], int]] = {
    "dynamic range": (["DEFAULT"], {}, _INT8),
    "float16": (["DEFAULT"], {"target_spec": tflir.TargetSpec(supported_types=["float16"])}, _FLOAT16),
    "integer": (["DEFAULT"], {"representative_dataset": _samples}, _INT8),
    "16x8": (
        ["DEFAULT"],
        {"representative_dataset": _samples, "target_spec": tflir.TargetSpec([X16, "TFLITE_BUILTINS"])},  # type: ignore[list-item]
        _INT8,
    ),
}


def _converted(optimizations: list[str], settings: dict[str, Any], data: bytes | None = None) -> dict[str, Any]:
    converter = tflir.Converter.from_bytes(model_of(_net, _SHAPE) if data is None else data)
    converter.optimizations = optimizations  # type: ignore[assignment]
    for name, value in settings.items():
        setattr(converter, name, value)
    return tree(converter.convert())["graphs"][0]["tensors"]


def _type(tensors: dict[str, Any], weight: str) -> int:
    """The type in which a weight is stored."""
    return next(one["type"] for name, one in tensors.items() if name.startswith(weight) and one.get("data"))


@pytest.mark.parametrize("tf_compat", [False, True])
@pytest.mark.parametrize("mode", list(_MODES))
@pytest.mark.parametrize(
    "chosen",
    [{"skip": ["layer/two"]}, {"skip": "two$"}, {"skip": ["layer/two/w"]}, {"quantize_only": ["layer/one"]}],
    ids=str,
)
def test_what_is_left_out_stays_float_in_every_mode(mode: str, chosen: dict[str, Any], tf_compat: bool) -> None:
    optimizations, settings, kind = _MODES[mode]
    tensors = _converted(optimizations, settings | chosen | {"tf_compat": tf_compat})
    assert _type(tensors, "layer/one/w") == kind
    assert _type(tensors, "layer/two/w") == _FLOAT
    assert not any("tfl." in name for name in tensors)


@pytest.mark.parametrize("tf_compat", [False, True])
@pytest.mark.parametrize("mode", [None, *_MODES])
def test_what_is_left_out_keeps_its_zeros(mode: str | None, tf_compat: bool) -> None:
    optimizations, settings, _ = ([], {}, 0) if mode is None else _MODES[mode]
    optimizations = ["EXPERIMENTAL_SPARSITY", *optimizations]
    tensors = _converted(optimizations, settings | {"skip": ["layer/two"], "tf_compat": tf_compat})
    sparse = {name for name, one in tensors.items() if one.get("sparsity")}
    assert not any(name.startswith("layer/two") for name in sparse)
    if mode is None:
        assert any(name.startswith("layer/one") for name in sparse)


def test_a_sparse_weight_that_is_left_out_stays_sparse() -> None:
    converter = tflir.Converter.from_bytes(model_of(_net, _SHAPE))
    converter.optimizations = [tflir.Optimize.EXPERIMENTAL_SPARSITY]
    sparse = converter.convert()
    tensors = _converted(["EXPERIMENTAL_SPARSITY", "DEFAULT"], {"skip": ["FULLY_CONNECTED"]}, sparse)
    assert {one["type"] for one in tensors.values() if one.get("sparsity")} == {_FLOAT}


@pytest.mark.parametrize("mode", [None, *_MODES])
@pytest.mark.parametrize("option", ["skip", "quantize_only"])
def test_a_pattern_that_names_nothing_is_told_in_every_mode(mode: str | None, option: str) -> None:
    optimizations, settings, _ = (["EXPERIMENTAL_SPARSITY"], {}, 0) if mode is None else _MODES[mode]
    with pytest.raises(tflir.Error, match="'layer/too' names no op of the model; did you mean 'layer/two'") as caught:
        _converted(optimizations, settings | {option: ["layer/too"]})
    assert caught.value.status == 2


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "((a*)*)*b", "(a?){50}a{50}"])
def test_expressions_take_bounded_time(pattern: str) -> None:
    """A backtracking matcher would take years."""
    began = time.process_time()
    for _ in range(20):
        expression(pattern)("a" * 5000 + "!")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "pattern", ["(", "a{", "*", "[z-a]", "(?=a)b", "(?<!a)b", r"(a)\1", "x{5000}", "(?:a{999}){999}"]
)
def test_what_is_no_expression_is_one_line(pattern: str) -> None:
    if pattern == "a{":  # a literal, as in Python
        assert expression(pattern)("a{")
        return
    with pytest.raises(tflir.Error, match="no regular expression") as caught:
        expression(pattern)
    assert caught.value.status == 2
    assert "\n" not in str(caught.value)


def test_expressions_know_characters() -> None:
    assert expression("^ü.é$")("üxé")
    assert not expression("^ü.é$")("üxxé")
    assert not expression("a")("\udc80")
