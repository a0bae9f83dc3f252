"""Weights that the usual scales would lose: all of them tiny, beyond float16, or 0 in a channel whose bias is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import random
from net_builder import model_of
from object_tree import tree
from recording import nearness, run

import tflir

SHAPE = (1, 64)
_LEAST_DB = {8: 30.0, 4: 10.0, 16: 60.0}


def _dense(factor: float) -> bytes:
    return model_of(lambda net, x: net.dense("d", x, random(32, 64) * np.float32(factor)), SHAPE)


def _made(data: bytes, tmp_path: Any, rules: str, **fields: Any) -> tuple[bytes, list[str]]:
    (tmp_path / "r.toml").write_text(rules)
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(tmp_path / "r.toml")
    for name, value in fields.items():
        setattr(converter, name, value)
    made = converter.convert()
    return made, list(converter.remarks)


def _near(data: bytes, made: bytes, shape: tuple[int, ...] = SHAPE) -> float:
    x = random(*shape, seed=7)
    return min(nearness(run(made, [x], delegate=delegate), run(data, [x])) for delegate in (True, False))


@pytest.mark.parametrize("factor", [1e-9, 1e-16])
@pytest.mark.parametrize(
    "weights",
    [
        "{bits = 8}",
        '{bits = 8, granularity = "tensor", form = "dequantize"}',
        '{bits = 8, form = "dequantize", symmetric = false}',
        '{bits = 4, algorithm = "mse"}',
        '{bits = 4, algorithm = "octav"}',
        "{bits = 4, block = 32}",
        '"float16"',
    ],
)
def test_weights_that_are_all_tiny_keep_their_values(weights: str, factor: float, tmp_path: Any) -> None:
    data = _dense(factor)
    made, remarks = _made(data, tmp_path, f"[[rule]]\nweights = {weights}")
    bits = 16 if "float16" in weights else 4 if "bits = 4" in weights else 8
    assert _near(data, made) > _LEAST_DB[bits]
    assert any("float16" in remark for remark in remarks) == ("float16" in weights or "block" in weights)


def test_dynamic_range_and_float16_of_tiny_weights() -> None:
    data = _dense(1e-9)
    for types in ([], ["float16"]):
        converter = tflir.Converter.from_bytes(data)
        converter.optimizations = ["DEFAULT"]
        converter.target_spec.supported_types = types
        assert _near(data, converter.convert()) > _LEAST_DB[8]


def test_weights_too_large_for_the_scales_of_blocks(tmp_path: Any) -> None:
    data = _dense(1e12)
    made, remarks = _made(data, tmp_path, "[[rule]]\nweights = {bits = 4, block = 64}")
    assert _near(data, made) > _LEAST_DB[4]
    assert "scale per channel" in "\n".join(remarks)


@pytest.mark.parametrize("tiny", [0.0, 1e-12])
@pytest.mark.parametrize("bits", [4, 2])
def test_a_bias_beside_a_channel_of_zeros_leaves_no_layer_float(bits: int, tiny: float, tmp_path: Any) -> None:
    weights = random(32, 64)
    weights[5] *= np.float32(tiny)
    data = model_of(lambda net, x: net.dense("d", x, weights, random(32, seed=1) + 2), SHAPE)
    samples = [[random(*SHAPE, seed=seed)] for seed in range(8)]
    rules = f'activations = "int8"\n[[rule]]\nweights = {{bits = {bits}}}'
    made, _ = _made(data, tmp_path, rules, representative_dataset=samples)
    tensors = tree(made)["graphs"][0]["tensors"]
    kinds = {tensor["type"] for tensor in tensors.values()}
    assert schema.TensorType.INT32 in kinds, "the bias is float: so is the layer"
    assert _near(data, made) > (_LEAST_DB[4] if bits == 4 else 0)
