"""Rules and options name ops as the model has them, though passes fuse some before they are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import random
from net_builder import Net, model_of
from object_tree import tree

import tflir
from tflir.cli import main

SHAPE = (1, 64)
_SAMPLES = [[random(*SHAPE, seed=seed)] for seed in range(4)]


def _made(data: bytes, tmp_path: Path, rules: str) -> tuple[bytes, list[str]]:
    (tmp_path / "r.toml").write_text(rules)
    converter = tflir.Converter.from_bytes(data)
    converter.recipe, converter.representative_dataset = str(tmp_path / "r.toml"), _SAMPLES
    made = converter.convert()
    return made, list(converter.remarks)


def _relu6(net: Net, x: int) -> int:
    first = net.op("RELU6", "act", [net.dense("one", x, random(32, 64))], (1, 32))
    return net.dense("two", first, random(16, 32))


@pytest.mark.parametrize("others", ['"float"', "{bits = 4}"])
def test_rules_name_what_the_model_has_though_ops_were_fused(others: str, tmp_path: Path) -> None:
    """Integer modes fuse activations before the recipe is read: the layer is then named after its activation."""
    data = model_of(_relu6, SHAPE)
    rules = f'activations = "int8"\n[[rule]]\nweights = {others}\n[[rule]]\nmatch = "^one$"\nweights = {{}}\n'
    made, _ = _made(data, tmp_path, rules)
    tensors = tree(made)["graphs"][0]["tensors"]
    assert any(str(name).startswith("one/w") and tensor["type"] == schema.TensorType.INT8
               for name, tensor in tensors.items())  # fmt: skip
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations, converter.skip, converter.representative_dataset = ["DEFAULT"], ["^one$"], _SAMPLES
    converter.convert()
    rules += '[[rule]]\nop = "RELU6"\nactivations = "float"'
    _, remarks = _made(data, tmp_path, rules)
    assert "rule 3 changes nothing" in "\n".join(remarks)


@pytest.mark.parametrize(
    "rules",
    [
        'activations = "int8"\n[[rule]]\nweights = {}',
        '[[rule]]\nweights = {}\nactivations = "int8"\n[[rule]]\nmatch = "two"\nactivations = "int16"',
        '[[rule]]\nweights = {}\nactivations = "int8"\n[[rule]]\nactivations = "int16"',
        '[[rule]]\nweights = {bits = 4}\nactivations = "int8"\n[[rule]]\nactivations = "float"',
    ],
)
def test_written_rules_of_fused_ops_give_the_same_bytes(rules: str, tmp_path: Path) -> None:
    model, data, used, first = (tmp_path / name for name in ("m.tflite", "d.npz", "used.toml", "first.toml"))
    model.write_bytes(model_of(_relu6, SHAPE))
    np.savez(data, x=np.stack([sample[0] for sample in _SAMPLES]))
    first.write_text(rules)
    outputs: list[bytes] = []
    for recipe, more in ((first, ["--rules-out", str(used)]), (used, [])):
        out = tmp_path / f"{recipe.stem}.tflite"
        flags = ["--recipe", str(recipe), "--representative-dataset", str(data), "-o", str(out), "-q", *more]
        assert main(["compile", str(model), *flags]) == 0
        outputs.append(out.read_bytes())
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize("word", ["RELU6", "tfl.relu6"])
@pytest.mark.parametrize("option", ["skip", "quantize_only", "allow_float"])
def test_options_name_an_activation_that_is_part_of_the_op_before(option: str, word: str) -> None:
    converter = tflir.Converter.from_bytes(model_of(_relu6, SHAPE))
    converter.mode, converter.representative_dataset = "int8" if option != "allow_float" else "int8-only", _SAMPLES
    setattr(converter, option, [word])
    tensors = tree(converter.convert())["graphs"][0]["tensors"]
    quantized = any(tensor["type"] == schema.TensorType.INT8 for tensor in tensors.values())
    assert quantized == (option != "quantize_only")
    flag = f"--{option.replace('_', '-')} {word}"
    assert f"{flag} changes nothing: each {word} is part of the op before it" in "\n".join(converter.remarks)
