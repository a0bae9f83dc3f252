"""Weights with a zero point behind a DEQUANTIZE, as rules and AI Edge Quantizer's recipes ask for them."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from aeq_entries import entry
from hypothesis import given
from hypothesis import strategies as st
from models_builder import random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run

import tflir
from tflir.ir.weight_kind import WeightKind, set_weight_kind, weight_kind_of
from tflir.passes.recipes import effective_rules, read_recipe
from tflir.passes.weights.rounding import round_rows
from tflir.passes.weights.scales import range_scales

SHAPE = (1, 6, 6, 4)


def _one_sided(*shape: int, seed: int) -> np.ndarray:
    """Weights of which nearly all are positive, in channels of very different size."""
    made = np.abs(random(*shape, seed=seed)) - np.float32(0.1)
    return made * np.exp2(np.arange(shape[0]) % 4).reshape(-1, *[1] * (len(shape) - 1)).astype(np.float32)


def _net(net: Net, x: int) -> int:
    made = net.conv("conv", x, _one_sided(8, 3, 3, 4, seed=1), random(8, seed=2))
    made = net.depthwise("depthwise", made, np.abs(random(1, 3, 3, 8, seed=3)), random(8, seed=4))
    return net.dense("dense", net.reshape("flat", made, (1, 32)), _one_sided(16, 32, seed=5), random(16, seed=6))


def _converted(folder: pathlib.Path, rules: str, **fields: Any) -> bytes:
    (folder / "r").write_text(rules)
    converter = tflir.Converter.from_bytes(model_of(_net, SHAPE))
    converter.recipe = str(folder / "r")
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _nearness(made: bytes) -> float:
    data, inputs = model_of(_net, SHAPE), [random(*SHAPE, seed=n) for n in range(20, 24)]
    return min(
        nearness(run(made, [x], delegate=delegate), run(data, [x])) for x in inputs for delegate in (True, False)
    )


def _rule(bits: int, granularity: str, *, symmetric: bool, algorithm: str = "minmax") -> str:
    how = f'bits = {bits}, granularity = "{granularity}", algorithm = "{algorithm}", form = "dequantize"'
    return f"[[rule]]\nweights = {{{how}, symmetric = {str(symmetric).lower()}}}\n"


@given(
    st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=20), st.sampled_from([(-128, 127), (-8, 7), (-2, 1)])
)
def test_the_range_and_zero_are_covered(weights: list[float], ends: tuple[int, int]) -> None:
    groups = np.array([weights])
    (scale,), (point,) = range_scales(groups, *ends)
    assert ends[0] <= point <= ends[1]
    lowest, highest = ((end - point) * scale for end in ends)
    assert lowest <= 0 <= highest
    slack = 0.51 * scale + 1e-6
    assert lowest - slack <= groups.min()
    assert groups.max() <= highest + slack


@pytest.mark.parametrize("granularity", ["channel", "tensor"])
@pytest.mark.parametrize("bits", [8, 4])
def test_one_sided_weights_err_less_with_a_zero_point(bits: int, granularity: str, tmp_path: pathlib.Path) -> None:
    with_point, without = (
        _converted(tmp_path, _rule(bits, granularity, symmetric=symmetric)) for symmetric in (False, True)
    )
    assert _nearness(with_point) > _nearness(without) + 2
    tensors = tree(with_point)["graphs"][0]["tensors"].values()
    assert any(np.any(tensor["quantization"].get("zeroPoint", 0)) for tensor in tensors)


@pytest.mark.parametrize("algorithm", ["mse", "gptq"])
def test_other_algorithms_err_less_than_minmax(algorithm: str, tmp_path: pathlib.Path) -> None:
    fields: dict[str, Any] = {}
    if algorithm == "gptq":
        fields["representative_dataset"] = lambda: ([random(*SHAPE, seed=n)] for n in range(64))
    usual = _converted(tmp_path, _rule(4, "channel", symmetric=False))
    made = _converted(tmp_path, _rule(4, "channel", symmetric=False, algorithm=algorithm), **fields)
    assert _nearness(made) > _nearness(usual)


@pytest.mark.parametrize("algorithm", ["minmax", "mse"])
@pytest.mark.parametrize("granularity", ["channel", "tensor"])
def test_integers_stand_for_the_rounded_values(granularity: str, algorithm: str) -> None:
    rows = _one_sided(6, 40, seed=9).astype(np.float64)
    made = round_rows(rows, WeightKind(4, granularity, form="dequantize", symmetric=False), algorithm)
    assert made.points is not None
    integers = made.integers().astype(int)
    assert integers.min() >= -8
    assert integers.max() <= 7
    scales, points = made.scales.reshape(-1, 1), made.points.reshape(-1, 1)
    np.testing.assert_allclose((integers - points) * scales, made.values, rtol=1e-12)
    inside = np.abs(rows - made.values) <= 0.5001 * scales
    assert inside.all() or algorithm == "mse"


def test_the_entry_of_ai_edge_quantizer_means_the_same(tmp_path: pathlib.Path) -> None:
    assert _converted(
        tmp_path, entry("min_max_uniform_quantize", num_bits=8, symmetric=False, dtype="INT")
    ) == _converted(tmp_path, _rule(8, "channel", symmetric=False))


def test_beside_integer_activations_it_is_refused() -> None:
    with pytest.raises(tflir.Error, match="no kernel reads the zero points"):
        read_recipe(entry("min_max_uniform_quantize", computes="INTEGER", num_bits=8, symmetric=False, dtype="INT"))


def test_a_rule_for_all_ops_gives_symmetric_weights_where_kernels_read_integers(tmp_path: pathlib.Path) -> None:
    hybrid = "[[rule]]\nweights = {bits = 8, symmetric = %s}\n"
    assert _converted(tmp_path, hybrid % "false") == _converted(tmp_path, hybrid % "true")
    with pytest.raises(tflir.Error, match="use form = 'dequantize'"):
        _converted(tmp_path, '[[rule]]\nop = "CONV_2D"\nweights = {bits = 8, symmetric = false}\n')


@pytest.mark.parametrize("more", ["granularity = 'block', block = 32", "algorithm = 'octav'"])
def test_what_has_no_asymmetric_form_is_refused(more: str) -> None:
    with pytest.raises(tflir.Error, match="asymmetric weights"):
        read_recipe(f"[[rule]]\nweights = {{form = 'dequantize', symmetric = false, {more}}}\n")


def test_rules_and_notes_on_ops_keep_it(tmp_path: pathlib.Path) -> None:
    from tflir.files import load_bytes

    module = load_bytes(model_of(_net, SHAPE))
    rules = effective_rules(read_recipe(_rule(4, "channel", symmetric=False)), module)
    assert rules.count("symmetric = false") == 3
    op = next(iter(module.walk()))
    kind = WeightKind(4, form="dequantize", symmetric=False)
    set_weight_kind(op, kind)
    assert weight_kind_of(op) == kind
