"""Recipes: what is read, what is refused, which rule wins, and that the written rules give the same forms."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from models_builder import fully_connected
from net_builder import model_of
from recurrent_layers import layer
from xdsl.dialects.builtin import ModuleOp

from tflir.cli import main
from tflir.files import load, load_bytes
from tflir.ir.errors import Error
from tflir.ir.weight_kind import WeightKind, set_weight_kind, weight_kind_of
from tflir.passes.recipes import Recipe, effective_rules, load_recipe, read_recipe, resolve
from tflir.passes.recipes.aeq import PRESETS

_TEXT = Path(__file__).parent / "filecheck" / "passes" / "recipes" / "assign_weight_kinds.mlir"
_ENTRY = {
    "regex": "dense",
    "operation": "FULLY_CONNECTED",
    "algorithm_key": "GPTQ",
    "op_config": {
        "weight_tensor_config": {"num_bits": 4, "symmetric": True, "granularity": "BLOCKWISE_64", "dtype": "INT"},
        "compute_precision": "INTEGER",
        "explicit_dequantize": False,
        "min_weight_elements": 0,
    },
}


@pytest.fixture
def module() -> ModuleOp:
    return load(str(_TEXT))


def _kinds(recipe: Recipe, module: ModuleOp) -> dict[str, WeightKind | None]:
    return {op.name: kind for op, kind in resolve(recipe, module).weights.items()}


def test_json_entries_mean_what_they_mean_there() -> None:
    recipe = read_recipe(json.dumps([_ENTRY]))
    (rule,) = recipe.rules
    assert rule.weights == WeightKind(4, "block", 64, "gptq", "hybrid")
    assert (rule.match, rule.op, recipe.activations) == ("dense", "FULLY_CONNECTED", "float")


def test_explicit_dequantize_is_weight_only_and_activations_give_the_base() -> None:
    config = _ENTRY["op_config"]
    assert isinstance(config, dict)
    entry = {"op_config": {**config, "compute_precision": "FLOAT", "explicit_dequantize": True}}
    assert read_recipe(json.dumps([entry])).rules[0].weights == WeightKind(4, "block", 64, "minmax", "dequantize")
    entry = {"op_config": {**config, "activation_tensor_config": {"num_bits": 16, "symmetric": True}}}
    assert read_recipe(json.dumps([entry])).activations == "int16"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_resolve(name: str, module: ModuleOp) -> None:
    assert len(_kinds(load_recipe(name), module)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule]]\nmatsh = 'a'\nweights = 'float'", "did you mean 'match'"),
        ("[[rule]]\nweights = {bits = 3}", "weights of 3 bits"),
        ("[[rule]]\nweights = {bits = '4'}", "not of type int"),
        ("[[rule]]\nweights = {granularity = 'chanel'}", "did you mean 'channel'"),
        ("[[rule]]\nmatch = '('\nweights = {}", "no regular expression"),
        ("[[rule]]\nmatch = 'a'", "neither weights nor activations"),
        ("[[rule]]\nactivations = 'int9'", "activations 'int9'"),
        ("", "no rules"),
        ("[[rule", "can't be read"),
        ("{}", "not a list"),
        ('[{"regexp": "a"}]', "did you mean 'regex'"),
        ('[{"algorithm_key": "GPTQQ"}]', "not supported"),
        ('[{"algorithm_key": "OSCAR"}]', "use GPTQ"),
        (
            '[{"algorithm_key": "float_casting", "op_config": {"weight_tensor_config": {"num_bits": 8}}}]',
            "num_bits to 16",
        ),
        ('[{"op_config": {"weight_tensor_config": {"granularity": "CHANELWISE"}}}]', "did you mean 'CHANNELWISE'"),
        ('[{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(Error) as caught:
        read_recipe(text)
    assert said in str(caught.value)
    assert caught.value.status == 2


def test_later_rules_win_and_small_weights_stay_float(module: ModuleOp) -> None:
    rules = "[[rule]]\nweights = {}\n[[rule]]\nmatch = '^dense$'\nweights = {bits = 4}\n"
    assert _kinds(read_recipe(rules), module)["tfl.fully_connected"] == WeightKind(4)
    rules += "[[rule]]\nmatch = 'dense'\nactivations = 'int8'\n[[rule]]\nop = 'DEPTHWISE_CONV_2D'\nweights = 'float'\n"
    found = resolve(read_recipe(rules), module)
    assert list(found.weights.values()) == [WeightKind(4), None]
    assert list(found.activations.values()) == ["int8"]
    assert set(_kinds(read_recipe("[[rule]]\nmin_elements = 5\nweights = {}"), module).values()) == {None}


@pytest.mark.parametrize(
    ("rule", "status", "said"),
    [
        ("match = 'nowhere'\nweights = {}", 2, "matches no op"),
        ("op = 'CONV_2D'\nweights = {}", 2, "matches no op"),
        ("op = 'DEPTHWISE_CONV_2D'\nweights = {bits = 4}", 3, "use form = 'dequantize'"),
        ("op = 'FULLY_CONNECTED'\nweights = {block = 32}", 3, "in blocks"),
        ("op = 'FULLY_CONNECTED'\nweights = {bits = 4, block = 32}\nactivations = 'int8'", 3, "beside int8"),
    ],
)
def test_rules_that_no_op_or_kernel_follows(rule: str, status: int, said: str, module: ModuleOp) -> None:
    with pytest.raises(Error) as caught:
        resolve(read_recipe(f"[[rule]]\n{rule}"), module)
    assert said in str(caught.value)
    assert caught.value.status == status


@pytest.mark.parametrize("name", [*PRESETS, "rules"])
def test_written_rules_give_the_same(name: str, module: ModuleOp) -> None:
    text = "[[rule]]\nmatch='dense'\nweights={bits=4}\nactivations='int8'\n[[rule]]\nmatch='deep'\nweights='float'"
    recipe = read_recipe(text) if name == "rules" else load_recipe(name)
    again = read_recipe(effective_rules(recipe, module))
    before, after = resolve(recipe, module), resolve(again, module)
    assert (before.weights, before.activations) == (after.weights, after.activations)
    assert again.activations == recipe.activations
    assert not after.changed


def test_pipes_are_refused_since_a_recipe_is_read_more_than_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in (str(tmp_path / "pipe"), os.devnull):
        with pytest.raises(Error, match="is a pipe or a device") as caught:
            load_recipe(name)
        assert caught.value.status == 2


@pytest.mark.parametrize(("option", "ending"), [("--rules-out", "toml"), ("--report", "json")])
def test_no_output_is_written_over_the_recipe(
    tmp_path: Path, option: str, ending: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, model = tmp_path / f"r.{ending}", tmp_path / "m.tflite"
    recipe.write_text("[[rule]]\nweights = {bits = 8}\n")
    model.write_bytes(fully_connected())
    assert main(["compile", str(model), "--recipe", str(recipe), option, str(recipe), "--force"]) == 2
    assert "is an input" in capsys.readouterr().err


def test_gptq_of_a_rule_needs_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, model = tmp_path / "r.toml", tmp_path / "m.tflite"
    recipe.write_text('[[rule]]\nweights = {bits = 8, algorithm = "gptq"}\n')
    model.write_bytes(fully_connected())
    assert main(["compile", str(model), "--recipe", str(recipe)]) == 2
    assert f"gptq in a rule of {recipe} needs to see what layers read" in capsys.readouterr().err


def test_no_such_recipe() -> None:
    with pytest.raises(Error, match="is no preset") as caught:
        load_recipe("dynamic_wi8_afp33")
    assert "dynamic_wi8_afp32" in str(caught.value)


def test_kinds_are_noted_and_read_back(module: ModuleOp) -> None:
    op: Any = next(iter(resolve(load_recipe("static_wi8_ai8"), module).weights))
    for kind in (WeightKind(), WeightKind(4, "block", 128, "mse"), WeightKind(2, "tensor", form="dequantize"), None):
        set_weight_kind(op, kind)
        assert weight_kind_of(op) == kind


def test_rules_for_a_model_without_weights_can_be_read_back() -> None:
    module = load_bytes(model_of(lambda net, x: net.op("ABS", "y", [x], (1, 4)), (1, 4)))
    text = effective_rules(load_recipe("dynamic_wi8_afp32"), module)
    assert [rule.weights for rule in read_recipe(text).rules] == ["float"]


def test_kernels_of_recurrent_layers_read_one_scale_for_each_weight() -> None:
    """A rule without a granularity asks for a scale per channel, which rules that are written out must not repeat."""
    data, _ = layer("UNIDIRECTIONAL_SEQUENCE_LSTM")
    text = effective_rules(read_recipe("[[rule]]\nweights = {bits = 8}"), load_bytes(data))
    assert 'granularity = "tensor"' in text
    assert 'granularity = "channel"' not in text
