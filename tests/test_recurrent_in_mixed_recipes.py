"""Recipes in which a recurrent layer computes in float and other ops with integers, or the other way round."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from object_tree import tree
from recording import nearness, run
from recurrent_layers import KINDS, correlated, layer

import tflir

_FLOAT_LAYER = """
activations = "{}"
[[rule]]
weights = {{bits = 8, algorithm = "{}"}}
activations = "float"
[[rule]]
op = "{}"
activations = "{}"
"""


def _converted(data: bytes, folder: pathlib.Path, rules: str, shape: tuple[int, ...]) -> bytes:
    (folder / "r.toml").write_text(rules)
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(folder / "r.toml")
    converter.representative_dataset = lambda: ([correlated(shape, n)] for n in range(16))
    return converter.convert()


@pytest.mark.parametrize("algorithm", ["minmax", "mse", "gptq"])
@pytest.mark.parametrize("activations", ["int8", "int16"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_float_layer_beside_integers_has_int8_weights(
    kind: str, activations: str, algorithm: str, tmp_path: pathlib.Path
) -> None:
    data, shape = layer(kind, reader="TANH")
    rules = _FLOAT_LAYER.format(activations, algorithm, "TANH", activations)
    made = _converted(data, tmp_path, rules, shape)
    tensors = tree(made)["graphs"][0]["tensors"]
    stored = {name: tensor["type"] for name, tensor in tensors.items() if str(name).startswith("w_")}
    assert set(stored.values()) <= {schema.TensorType.INT8, schema.TensorType.FLOAT32}
    assert schema.TensorType.INT8 in stored.values()
    for x in (correlated(shape, 50 + n) for n in range(4)):
        wanted = run(data, [x])
        assert all(nearness(run(made, [x], delegate=delegate), wanted) > 25 for delegate in (False, True))


@pytest.mark.parametrize("kind", KINDS)
def test_float_weights_stay_float_beside_integers(kind: str, tmp_path: pathlib.Path) -> None:
    """The zero points of pairs on its constants may be 0 by chance, as of weights whose ends are alike."""
    data, shape = layer(kind, reader="TANH")
    rules = f'activations = "int8"\n[[rule]]\nop = "{kind}"\nweights = "float"\nactivations = "float"\n'
    made = _converted(data, tmp_path, rules, shape)
    tensors = tree(made)["graphs"][0]["tensors"]
    types = {tensor["type"] for name, tensor in tensors.items() if str(name).startswith("w_")}
    assert types == {schema.TensorType.FLOAT32}
    x = correlated(shape, 50)
    assert nearness(run(made, [x]), run(data, [x])) > 25
    assert np.isfinite(run(made, [x], delegate=False)[0]).all()
