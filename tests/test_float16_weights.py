"""Rules that store the weights of some ops as float16."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest
from aeq_entries import entry
from ai_edge_litert import schema_py_generated as schema
from models_builder import random
from net_builder import Net, model_of
from object_tree import tree
from recording import nearness, run

import tflir
from tflir.cli import main

HALF, SINGLE, WHOLE = schema.TensorType.FLOAT16, schema.TensorType.FLOAT32, schema.TensorType.INT8
SHAPE = (1, 64)


def _two(net: Net, x: int, *, half: bool = False) -> int:
    first = net.dense("one", x, random(64, 64, seed=1), random(64, seed=2), act=1)
    if not half:
        return net.dense("two", first, random(32, 64, seed=3))
    return net.op(
        "FULLY_CONNECTED", "two", [first, net.constant("two/w", random(32, 64, seed=3), half=True), -1], (1, 32)
    )


def _converted(data: bytes, folder: pathlib.Path, rules: str, **fields: Any) -> bytes:
    (folder / "r").write_text(rules)
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(folder / "r")
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _types(made: bytes) -> dict[str, int]:
    tensors = tree(made)["graphs"][0]["tensors"]
    return {str(name): tensor["type"] for name, tensor in tensors.items() if str(name).endswith("/w")}


def _nearness(data: bytes, made: bytes, shape: tuple[int, ...] = SHAPE) -> float:
    x = random(*shape, seed=7)
    return min(nearness(run(made, [x], delegate=delegate), run(data, [x])) for delegate in (True, False))


def test_a_rule_stores_weights_as_float16_beside_integers(tmp_path: pathlib.Path) -> None:
    rules = '[[rule]]\nweights = {bits = 8}\n[[rule]]\nmatch = "two"\nweights = "float16"\n'
    made = _converted(data := model_of(_two, SHAPE), tmp_path, rules)
    assert _types(made) == {"one/w": WHOLE, "two/w": HALF}
    assert 30 < _nearness(data, made) < 60
    only = _converted(data, tmp_path, '[[rule]]\nweights = "float16"\n')
    assert _types(only) == {"one/w": HALF, "two/w": HALF}
    assert _nearness(data, only) > 60


def test_layers_of_all_kinds_read_float16_weights(tmp_path: pathlib.Path) -> None:
    def build(net: Net, x: int) -> int:
        made = net.conv("conv", x, random(8, 3, 3, 4, seed=1), random(8, seed=2))
        made = net.depthwise("depthwise", made, random(1, 3, 3, 8, seed=3), random(8, seed=4))
        made = net.reshape("flat", made, (1, 32))
        return net.dense("dense", made, random(16, 32, seed=5), random(16, seed=6))

    data = model_of(build, shape := (1, 6, 6, 4))
    made = _converted(data, tmp_path, '[[rule]]\nweights = "float16"\n')
    assert set(_types(made).values()) == {HALF}
    assert _nearness(data, made, shape) > 60


def test_the_entry_of_ai_edge_quantizer_gives_the_same_model(tmp_path: pathlib.Path) -> None:
    told = entry("float_casting", operation="FULLY_CONNECTED", num_bits=16, dtype="FLOAT")
    data = model_of(_two, SHAPE)
    ours = _converted(data, tmp_path, '[[rule]]\nop = "FULLY_CONNECTED"\nweights = "float16"\n')
    assert _converted(data, tmp_path, told) == ours


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("weights = {bits = 16}", 'write weights = "float16"'),
        ('op = "FULLY_CONNECTED"\nactivations = "int8"\nweights = "float16"', "don't go with int8 activations"),
    ],
)
def test_what_has_no_float16_form_is_refused(rule: str, said: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(tflir.Error) as caught:
        _converted(model_of(_two, SHAPE), tmp_path, f"[[rule]]\n{rule}\n", representative_dataset=_samples)
    assert said in str(caught.value)


def _samples() -> list[list[np.ndarray]]:
    return [[random(*SHAPE, seed=n)] for n in range(4)]


def test_beside_integer_activations_a_rule_for_all_ops_gives_int8(tmp_path: pathlib.Path) -> None:
    rules = '[[rule]]\nactivations = "int8"\nweights = "float16"\n'
    made = _converted(model_of(_two, SHAPE), tmp_path, rules, representative_dataset=_samples)
    assert _types(made) == {"one/w": WHOLE, "two/w": WHOLE}


def test_weights_that_float16_can_not_hold_stay_as_they_are(tmp_path: pathlib.Path) -> None:
    large = random(64, 64)
    large[0, 0] = 1e6
    data = model_of(lambda net, x: net.dense("one", x, large), SHAPE)
    (tmp_path / "r").write_text('[[rule]]\nweights = "float16"\n')
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = str(tmp_path / "r")
    made = converter.convert()
    assert _types(made) == {"one/w": SINGLE}
    assert _nearness(data, made) > 100
    assert any("'one' stay float32" in line for report in converter.reports for line in report.remarks)


@pytest.mark.parametrize("options", ["mode", "rule"])
@pytest.mark.parametrize("large", [1e6, -np.inf])
def test_nan_does_not_hide_what_float16_can_not_hold(options: str, large: float, tmp_path: pathlib.Path) -> None:
    weights = random(64, 64)
    weights[0, :2] = np.nan, large
    data = model_of(lambda net, x: net.dense("one", x, weights), SHAPE)
    if options == "rule":
        made = _converted(data, tmp_path, '[[rule]]\nweights = "float16"\n')
    else:
        converter = tflir.Converter.from_bytes(data)
        converter.mode = "float16"
        made = converter.convert()
    assert _types(made) == {"one/w": SINGLE}


def test_weights_that_are_float16_stay_as_they_are(tmp_path: pathlib.Path) -> None:
    data = model_of(lambda net, x: _two(net, x, half=True), SHAPE)
    made = _converted(data, tmp_path, '[[rule]]\nmatch = "two"\nweights = "float16"\n')
    stored = {name: tensor["data"] for name, tensor in tree(data)["graphs"][0]["tensors"].items()}
    found = {name: tensor["data"] for name, tensor in tree(made)["graphs"][0]["tensors"].items()}
    assert found["two/w"] == stored["two/w"]
    assert found["one/w"] == stored["one/w"]


def test_one_constant_has_a_form_for_each_op_that_reads_it(tmp_path: pathlib.Path) -> None:
    def build(net: Net, x: int) -> list[int]:
        weights = net.graph.constant("shared/w", random(64, 64, seed=1))
        return [net.op("FULLY_CONNECTED", name, [x, weights, -1], SHAPE) for name in ("one", "two")]

    rules = '[[rule]]\nweights = {bits = 8}\n[[rule]]\nmatch = "two"\nweights = "float16"\n'
    made = _converted(data := model_of(build, SHAPE), tmp_path, rules)
    kinds = {tensor["type"] for name, tensor in tree(made)["graphs"][0]["tensors"].items() if "shared" in str(name)}
    assert {WHOLE, HALF} <= kinds
    x = random(*SHAPE, seed=9)
    for delegate in (True, False):
        for place, least in enumerate((30, 60)):
            wanted, got = run(data, [x])[place], run(made, [x], delegate=delegate)[place]
            assert nearness([got], [wanted]) > least


def test_a_search_takes_float16_where_int8_adds_too_much_noise(tmp_path: pathlib.Path) -> None:
    (tmp_path / "m.tflite").write_bytes(model_of(_two, SHAPE))
    np.savez(tmp_path / "d.npz", x=random(32, *SHAPE[1:], seed=5))
    sizes: list[int] = []
    for bound in (100, 62, 40):
        words = ["search", str(tmp_path / "m.tflite"), "-o", str(tmp_path / "o.tflite"), "--force"]
        words += ["--representative-dataset", str(tmp_path / "d.npz"), "--bound", f"snr>={bound}"]
        rules = tmp_path / f"{bound}.toml"
        assert main([*words, "--rules-out", str(rules)]) == 0
        sizes.append((tmp_path / "o.tflite").stat().st_size)
        assert ('weights = "float16"' in rules.read_text()) == (bound == 62)
    assert sizes[0] > 1.7 * sizes[1] > 2.5 * sizes[2]
    words = [
        "compile",
        str(tmp_path / "m.tflite"),
        "-o",
        str(tmp_path / "c.tflite"),
        "--recipe",
        str(tmp_path / "62.toml"),
    ]
    assert main(words) == 0
    assert (tmp_path / "c.tflite").stat().st_size == sizes[1]
