"""Weights of 2, 4 and 8 bits by recipes and algorithms: what the converter stores, and what LiteRT makes of it."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mending import loaded, outputs
from models_builder import Model, random
from models_builder import gather as gather_model
from net_builder import RELU, RELU6, RELU_N1_TO_1, SAME, Net, model_of

import tflir
from tflir.backends.litert.run import Runner
from tflir.cli import main
from tflir.files import load_bytes
from tflir.ir.constants import as_numpy
from tflir.ir.names import op_names
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.weight_kind import WeightKind
from tflir.passes.weights.rounding import round_rows
from tflir.passes.weights.scales import minmax_scales, mse_scales, octav_scales, rounded

Array = npt.NDArray[Any]


def _net(net: Net, x: int) -> int:
    wide = net.conv("first", x, random(16, 3, 3, 4, seed=1), random(16, seed=2), padding=SAME)
    point = net.conv("point", wide, random(32, 1, 1, 16, seed=3), random(32, seed=4))
    deep = net.depthwise("deep", point, random(1, 3, 3, 32, seed=5), random(32, seed=6), padding=SAME)
    flat = net.reshape("flat", deep, (1, 2048))
    return net.dense("logits", flat, random(8, 2048, seed=7), random(8, seed=8))


_DIGITS = pathlib.Path(__file__).parent.parent / "examples" / "digits_cnn"
_MODEL = model_of(_net, (1, 8, 8, 4))


def _samples(count: int = 64) -> list[list[Array]]:
    """The first one is what `outputs` runs, so that it is within the ranges."""
    generator = np.random.default_rng(7)
    return [[generator.standard_normal((1, 8, 8, 4)).astype(np.float32)] for _ in range(count)]


def _converted(recipe: str | None = None, model: bytes = _MODEL, **fields: Any) -> bytes:
    converter = tflir.Converter.from_bytes(model)
    if recipe is not None:
        converter.recipe = recipe
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _stored(model: bytes) -> dict[str, tuple[str, Array]]:
    """The element type and the integers of the weights of each op, by the name of the op's result."""
    found: dict[str, tuple[str, Array]] = {}
    for op in load_bytes(model).walk():
        for operand in op.operands[1:2]:
            source: Any = operand.owner
            source = source.operands[0].owner if source.name == "tfl.dequantize" else source
            if isinstance(source, QConstOp) or "BlockwiseQuantization" in str(source.attributes):
                value: Any = source.value
                name = op_names(op)[0] or ""
                found[name.removesuffix("_i8").removesuffix("_i16")] = (value.element_name, as_numpy(value))
    return found


def _snr(model: bytes, other: bytes = _MODEL, *, delegated: bool = True) -> float:
    """In dB, on random inputs."""
    noise = signal = 0.0
    for made, wanted in zip(outputs(model, delegated), outputs(other, False), strict=True):
        noise, signal = noise + float(np.square(made - wanted).sum()), signal + float(np.square(wanted).sum())
    return 10 * math.log10(signal / noise)


def _answers(model: bytes, images: Array) -> Array:
    runtime = loaded(model)
    made: list[Array] = []
    for image in images:
        runtime.set_tensor(runtime.get_input_details()[0]["index"], image[None])
        runtime.invoke()
        made.append(runtime.get_tensor(runtime.get_output_details()[0]["index"]))
    return np.stack(made)


def test_int4_is_stored_between_minus_7_and_7_and_both_kernel_sets_agree() -> None:
    made = _converted("dynamic_wi4_afp32")
    kinds = {name: kind for name, (kind, _) in _stored(made).items()}
    assert kinds == {"first": "INT4", "point": "INT4", "deep": "INT8", "logits": "INT4"}
    assert all(np.abs(held).max() <= 7 for kind, held in _stored(made).values() if kind == "INT4")
    names = [op.name for op in load_bytes(made).walk()]
    assert names.count("tfl.conv_2d") == 1  # the 1x1 convolution is a fully connected layer
    with_delegate, without = _snr(made), _snr(made, delegated=False)
    assert min(with_delegate, without) > 10
    assert abs(with_delegate - without) < 1


def test_gptq_gains_over_rounding_on_other_data_for_no_byte() -> None:
    model = (_DIGITS / "model.tflite").read_bytes()
    images = np.load(_DIGITS / "test.npz")["image"].astype(np.float32)
    plain = _converted("dynamic_wi4_afp32", model)
    data = [[image[None]] for image in images[:64]]
    better = _converted(
        "dynamic_wi4_afp32", model, representative_dataset=data, weight_algorithm="gptq", bias_correction="auto"
    )
    assert len(better) <= len(plain)
    wanted = _answers(model, images[64:128])
    noises = [np.square(_answers(made, images[64:128]) - wanted).sum() for made in (better, plain)]
    assert noises[0] < noises[1] / 2


@pytest.mark.parametrize("algorithm", ["mse", "octav"])
@pytest.mark.parametrize("mode", ["dynamic", "int8", "int16"])
def test_other_scales_serve_every_mode(algorithm: str, mode: str) -> None:
    fields: dict[str, Any] = {"optimizations": [tflir.Optimize.DEFAULT], "weight_algorithm": algorithm}
    if mode != "dynamic":
        fields["representative_dataset"] = _samples()
    if mode == "int16":
        x16 = tflir.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        fields["target_spec"] = tflir.TargetSpec(supported_ops=[x16])
    made = _converted(**fields)
    assert _snr(made) > 25
    assert {kind for kind, _ in _stored(made).values()} == {"INT8"}


@pytest.mark.parametrize(("recipe", "least"), [("static_wi8_ai8", 25), ("static_wi8_ai16", 30)])
def test_static_recipes_are_the_modes(recipe: str, least: float) -> None:
    made = _converted(recipe, representative_dataset=_samples())
    assert _snr(made) > least


def test_rules_give_layers_of_one_model_their_own_forms(tmp_path: pathlib.Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        """
        [[rule]]
        weights = {bits = 8, form = "dequantize"}
        [[rule]]
        match = "^logits$"
        op = "FULLY_CONNECTED"
        weights = {bits = 4, granularity = "block", block = 32, algorithm = "gptq"}
        [[rule]]
        match = "first"
        weights = "float"
        """
    )
    made = _converted(str(rules), representative_dataset=_samples())
    stored = _stored(made)
    assert {name: kind for name, (kind, _) in stored.items()} == {"point": "INT8", "deep": "INT8", "logits": "INT4"}
    (layer,) = [op for op in load_bytes(made).walk() if op.name == "tfl.fully_connected"]
    source: Any = layer.operands[1].owner
    assert "BlockwiseQuantization" in str(source.attributes)
    assert _snr(made) > 15
    assert abs(_snr(made) - _snr(made, delegated=False)) < 1


@pytest.mark.parametrize("activation", [RELU, RELU6, RELU_N1_TO_1])
@pytest.mark.parametrize("shared", ["tensor", "channel", "block"])
def test_both_kernels_apply_the_activation_beside_int4_weights(
    shared: str, activation: int, tmp_path: pathlib.Path
) -> None:
    def net(net: Net, x: int) -> int:
        return net.dense("y", x, random(24, 64, seed=1), random(24, seed=2), act=activation)

    model = model_of(net, (3, 64))
    rules, block = tmp_path / "rules.toml", ", block = 32" if shared == "block" else ""
    rules.write_text(f'[[rule]]\nweights = {{bits = 4, granularity = "{shared}"{block}}}\n')
    made = _converted(str(rules), model)
    again = _converted(model=made, passes="tfl-optimize")
    for one in (made, again):
        with_delegate, without = _snr(one, model), _snr(one, model, delegated=False)
        assert min(with_delegate, without) > 10
        assert abs(with_delegate - without) < 1
    assert next(iter(Runner(made).entries)).outputs[0].tensor == "y"


@pytest.mark.parametrize("activations", ["int8", "int16"])
def test_int4_weights_beside_integer_activations(activations: str, tmp_path: pathlib.Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(f'activations = "{activations}"\n[[rule]]\nweights = {{bits = 4}}\n')
    made = _converted(str(rules), representative_dataset=_samples(), weight_algorithm="gptq")
    kinds = {name: kind for name, (kind, _) in _stored(made).items()}
    deep = "INT4" if activations == "int8" else "INT8"
    assert kinds == {"first": "INT4", "point": "INT4", "deep": deep, "logits": "INT4"}
    assert not any(op.name == "tfl.conv_2d" and "f32" in str(op.operands[0].type).split("uniform")[0]
                   for op in load_bytes(made).walk())  # fmt: skip
    assert min(_snr(made), _snr(made, delegated=False)) > 10


def _looked_up(kind: str) -> bytes:
    model = Model()
    graph = model.graph()
    ids = graph.tensor("ids", (5,), np.int32)
    out = graph.tensor("rows", (5, 64))
    graph.op(kind, [ids, graph.constant("table", random(32, 64))], [out])
    graph.io([ids], [out])
    return model.to_bytes()


@pytest.mark.parametrize(
    ("recipe", "stored"),
    [("dynamic_wi4_afp32", "INT4"), ("dynamic_wi4b32_afp32", "INT4"), ("dynamic_wi2c_afp32", "INT2")],
)
def test_tables_of_embeddings(recipe: str, stored: str) -> None:
    model = _looked_up("EMBEDDING_LOOKUP")
    made = _converted(recipe, model)
    assert {kind for kind, _ in _stored(made).values()} == {stored}
    ids = np.array([0, 3, 31, 7, 7], np.int32)
    for delegated in (True, False):
        results: list[Array] = []
        for each in (made, model):
            runtime = loaded(each, delegated)
            runtime.set_tensor(runtime.get_input_details()[0]["index"], ids)
            runtime.invoke()
            results.append(runtime.get_tensor(runtime.get_output_details()[0]["index"]))
        assert np.abs(results[0] - results[1]).max() <= np.abs(results[1]).max() / (1 if stored == "INT2" else 13)


def test_a_gather_selects_rows_of_int4(tmp_path: pathlib.Path) -> None:
    """If one scale is asked for: a preset, which has one a channel, keeps such a table at 8 bits."""
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nop = "GATHER"\nweights = {bits = 4, granularity = "tensor"}\n')
    usual = load_bytes(_converted("dynamic_wi4_afp32", gather_model()))
    assert ["i8" in str(op.operands[0].type) for op in usual.walk() if op.name == "tfl.gather"] == [True]
    made = _converted(str(rules), gather_model())
    module = load_bytes(made)
    (op,) = [op for op in module.walk() if op.name == "tfl.gather"]
    assert "i4" in str(op.operands[0].type)
    ids = np.array([0, 3, 63, 7, 7], np.int32)
    runtime = loaded(made)
    runtime.set_tensor(runtime.get_input_details()[0]["index"], ids)
    runtime.invoke()
    rows = runtime.get_tensor(runtime.get_output_details()[0]["index"])
    table = random(64, 32)
    assert np.abs(rows - table[ids]).max() <= np.abs(table).max() / 13


def test_what_no_kernel_runs_is_an_error_that_says_why(tmp_path: pathlib.Path, capsys: Any) -> None:
    model, rules = tmp_path / "m.tflite", tmp_path / "rules.toml"
    model.write_bytes(_MODEL)
    for text, part in (
        ('[[rule]]\nop = "CONV_2D"\nweights = {bits = 2}\n', "no kernel computes CONV_2D right with int2 weights"),
        ('[[rule]]\nop = "FULLY_CONNECTED"\nweights = {bits = 4, block = 96}\n', "blocks are 32, 64, 128 or 256"),
        ('[[rule]]\nmatch = "nothing"\nweights = {bits = 4}\n', "matches no op"),
        ('[[rule]]\nweights = {bits = 4, algorithm = "gptq"}\n', "needs to see what layers read"),
    ):
        rules.write_text(text)
        made = tmp_path / "o.tflite"
        try:
            status = main(["compile", str(model), "-o", str(made), "--recipe", str(rules)])
        except SystemExit as usage:
            status = usage.code
        assert status in (2, 3)
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert part in error
        assert not made.exists()


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 127]))
def test_the_mse_scale_errs_no_more_than_the_largest_magnitude(seed: int, most: int) -> None:
    generator = np.random.default_rng(seed)
    groups = generator.standard_t(3, (4, 40))
    errors = [
        np.square(rounded(groups, scales(groups, most)[:, None], most) - groups).sum(axis=1)
        for scales in (mse_scales, minmax_scales)
    ]
    assert (errors[0] <= errors[1] + 1e-9).all()


def test_scales_of_zeros_are_above_0() -> None:
    zeros = np.zeros((2, 8))
    for scales in (minmax_scales, mse_scales, octav_scales):
        assert (scales(zeros, 7) > 0).all()


def test_octav_is_near_the_clipping_value_of_the_least_error() -> None:
    groups = np.random.default_rng(1).normal(size=(1, 1 << 16))
    clip = float(octav_scales(groups, 7)[0]) * 7
    tried = np.linspace(1.5, 4.0, 60)
    errors = [float(np.square(rounded(groups, np.array([[c / 7]]), 7) - groups).sum()) for c in tried]
    assert abs(clip - tried[int(np.argmin(errors))]) < 0.4


def test_with_one_scale_for_all_weights_gptq_keeps_it() -> None:
    rows = np.random.default_rng(2).normal(size=(8, 32))
    read = np.random.default_rng(3).normal(size=(100, 32)) @ np.random.default_rng(4).normal(size=(32, 32))
    moments = read.T @ read / 100
    result = round_rows(rows, WeightKind(4, "tensor"), "gptq", moments, moments)
    assert result.scales.shape == ()
    assert np.abs(result.integers()).max() <= 7
    nearest = round_rows(rows, WeightKind(4, "tensor"), "minmax")
    mine, theirs = (np.square((one.values - rows) @ read.T).sum() for one in (result, nearest))
    assert mine < theirs


@pytest.mark.parametrize(
    ("base", "rules", "kinds"),
    [
        ("int8", {"point": "int16"}, "i8 i16 i8 i8"),
        ("int16", {"point": "int8"}, "i16 i8 i16 i16"),
        ("int8", {"point": "float", "logits": "float"}, "i8 f32 i8 f32"),
        ("int16", {"point|logits": "float"}, "i16 f32 i16 f32"),
        ("float", {"point": "int8", "deep": "int16"}, "f32 i8 i16 f32"),
    ],
)
def test_one_model_mixes_types_of_activations(
    base: str, rules: dict[str, str], kinds: str, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "rules.toml"
    lines = [f'activations = "{base}"', "[[rule]]", "weights = {bits = 8}"]
    lines += [
        line for match, word in rules.items() for line in ("[[rule]]", f'match = "{match}"', f'activations = "{word}"')
    ]
    path.write_text("\n".join(lines))
    made = _converted(str(path), representative_dataset=_samples())
    found = [_kind(op.operands[0]) for op in load_bytes(made).walk() if op.name.removeprefix("tfl.") in _LAYERS]
    assert " ".join(found) == kinds
    assert _snr(made) > 35
    assert _snr(made, delegated=False) > 34
    names = [op.name for op in load_bytes(made).walk()]
    assert names.count("tfl.dequantize") + names.count("tfl.quantize") <= 6


_LAYERS = ("conv_2d", "depthwise_conv_2d", "fully_connected")


def _kind(value: Any) -> str:
    text = str(value.type)
    return next(kind for kind in ("i16", "i8", "f32") if f"<{kind}" in text or f"x{kind}>" in text)


def test_the_rules_that_were_used_give_the_same_model_again(tmp_path: pathlib.Path, capsys: Any) -> None:
    model, rules = tmp_path / "m.tflite", tmp_path / "rules.toml"
    model.write_bytes(_MODEL)
    first, second = tmp_path / "first.tflite", tmp_path / "second.tflite"
    asked = ["--recipe", "dynamic_wi4_afp32", "--weight-algorithm", "mse", "--rules-out", str(rules)]
    assert main(["compile", str(model), "-o", str(first), *asked]) == 0
    assert 'algorithm = "mse"' in rules.read_text()
    assert main(["compile", str(model), "-o", str(second), "--recipe", str(rules)]) == 0
    assert first.read_bytes() == second.read_bytes()
    assert main(["compile", str(model), "-o", str(second), "--force", "--rules-out", str(tmp_path / "x")]) == 2
    assert "does nothing without --recipe" in capsys.readouterr().err
