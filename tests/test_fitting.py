"""`--target` and `--optimize-for`: which form ops get, what is said, and that results stay near."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models_builder import options, random
from net_builder import SAME, Net, model_of
from recording import nearness, run

import tflir
from tflir.ir.functions import functions
from tflir.ir.targets import TARGETS
from tflir.ir.targets.latency import estimate
from tflir.ir.targets.site import is_operator, operator_of

INT8 = [tflir.OpsSet.TFLITE_BUILTINS_INT8]
SHAPE = (1, 24, 24, 32)


def _net(net: Net, x: int) -> int:
    first = net.conv("first", x, random(32, 3, 3, 32), padding=SAME)
    slope = net.graph.constant("slope", np.full((1, 1, 32), 0.25, np.float32))
    bent = net.op("PRELU", "bent", [first, slope], SHAPE)
    second = net.depthwise("second", bent, random(1, 6, 6, 32, seed=1), random(32, seed=2), padding=SAME)
    return net.op("HARD_SWISH", "last", [second], SHAPE)


def _tiny(net: Net, x: int) -> int:
    curve = net.op("LOGISTIC", "curve", [x], (1, 4))
    return net.op("ADD", "y", [curve, curve], (1, 4), options("AddOptions"))


def _samples(shape: tuple[int, ...] = SHAPE) -> list[dict[str, Any]]:
    return [{"x": random(*shape, seed=seed)} for seed in range(3)]


def _compiled(data: bytes, shape: tuple[int, ...] | None = None, **fields: Any) -> tuple[bytes, tflir.Converter]:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    if shape is not None:
        converter.representative_dataset = lambda: _samples(shape)
    for name, value in fields.items():
        if name == "supported_ops":
            converter.target_spec.supported_ops = value
        else:
            setattr(converter, name, value)
    return converter.convert(), converter


def _operators(data: bytes) -> list[str]:
    return [operator_of(op) for f in functions(tflir.loads(data)) for op in f.body.block.ops if is_operator(op)]


def _refused(data: bytes) -> list[str]:
    ops = (op for f in functions(tflir.loads(data)) for op in f.body.block.ops if is_operator(op))
    return [operator_of(op) for op in ops if not TARGETS.get("xnnpack").verdict(op).taken]


def _estimated(converter: tflir.Converter) -> float:
    """The part of the time before that the model takes, as a remark says."""
    (said,) = (line for line in converter.remarks if line.startswith("estimated latency"))
    return float(said.split()[4])


def test_the_delegate_runs_all_of_an_int8_model_for_it() -> None:
    data = model_of(_net, SHAPE)
    plain, _ = _compiled(data, SHAPE)
    fitted, converter = _compiled(data, SHAPE, target="xnnpack")
    assert set(_refused(plain)) == {"PRELU", "HARD_SWISH"}
    assert not _refused(fitted)
    assert any(line.startswith("xnnpack runs all") for line in converter.remarks)
    inputs = [random(*SHAPE, seed=9)]
    for delegate in (True, False):
        assert nearness(run(fitted, inputs, delegate=delegate), run(plain, inputs, delegate=False)) > 30
        truth = run(data, inputs)
        assert nearness(run(fitted, inputs, delegate=delegate), truth) > nearness(run(plain, inputs), truth) - 1


def test_integer_only_stays_so_for_a_target() -> None:
    made, converter = _compiled(model_of(_net, SHAPE), SHAPE, target="xnnpack", supported_ops=INT8)
    assert _operators(made).count("DEQUANTIZE") == 1  # of the output
    assert any("it leaves" in line for line in converter.remarks)


def test_what_would_gain_nothing_stays_float() -> None:
    data = model_of(_tiny, (1, 4))
    made, converter = _compiled(data, (1, 4), target="xnnpack", optimize_for="latency")
    assert _operators(made) == ["LOGISTIC", "ADD"]
    assert any("left as it was" in line for line in converter.remarks)
    kept, _ = _compiled(data, (1, 4), target="xnnpack")
    assert "QUANTIZE" in _operators(kept)


def test_zeros_whose_kernel_is_slower_are_not_left_to_it() -> None:
    """The kernel that reads blocks directly is slower than the delegate's dense one where few are zero."""
    data = model_of(lambda net, x: net.dense("y", x, _block_holed(256, 256, 0.7)), (1, 256))
    sparsity = [tflir.Optimize.EXPERIMENTAL_SPARSITY]
    made, converter = _compiled(data, target="xnnpack", optimize_for="latency", optimizations=sparsity)
    assert not _refused(made)
    assert _estimated(converter) <= 1.0 or any("left as it was" in line for line in converter.remarks)


def _block_holed(rows: int, columns: int, zeros: float) -> Any:
    """Weights of which blocks of 1x4 are 0."""
    kept = np.random.default_rng(0).random((rows, columns // 4)) >= zeros
    return random(rows, columns) * np.repeat(kept, 4, axis=1).astype(np.float32)


def test_what_gains_is_kept_and_said() -> None:
    made, converter = _compiled(model_of(_net, SHAPE), SHAPE, target="xnnpack", optimize_for="latency")
    assert "QUANTIZE" in _operators(made)
    assert _estimated(converter) < 0.9


def test_accuracy_rounds_no_activation_and_size_adds_no_op() -> None:
    data = model_of(_net, SHAPE)
    inputs = [random(*SHAPE, seed=9)]
    made = {goal: _compiled(data, target="xnnpack", optimize_for=goal)[0] for goal in ("latency", "accuracy", "size")}
    truth = run(data, inputs)
    near = {goal: nearness(run(each, inputs), truth) for goal, each in made.items()}
    assert near["accuracy"] >= near["latency"]
    assert len(made["size"]) <= min(map(len, made.values()))


@pytest.mark.parametrize("target", ["litert", "tflm", "ethos-u"])
def test_any_target_says_what_it_leaves(target: str) -> None:
    _, converter = _compiled(model_of(_net, SHAPE), target=target)
    assert any(line.startswith(f"{target} runs") for line in converter.remarks)


def test_a_mode_chooses_nothing_for_tensorflow() -> None:
    with pytest.raises(tflir.Error, match="exclude each other"):
        _compiled(model_of(_tiny, (1, 4)), target="xnnpack", tf_compat=True)


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(tflir.Error, match="did you mean 'xnnpack'"):
        _compiled(model_of(_tiny, (1, 4)), target="xnpack")


def test_latency_counts_only_where_it_is_known() -> None:
    with pytest.raises(tflir.Error, match="whose latency is not known"):
        _compiled(model_of(_tiny, (1, 4)), target="tflm", optimize_for="latency")


def test_a_model_that_becomes_much_slower_is_said_to_be_so() -> None:
    data = model_of(_net, SHAPE)
    _, converter = _compiled(data, SHAPE)
    (said,) = (line for line in converter.remarks if line.startswith("slower: "))
    assert said.endswith("--target xnnpack --optimize-for latency avoids that")
    _, followed = _compiled(data, SHAPE, target="xnnpack", optimize_for="latency")
    assert _estimated(followed) < 1
    for fields in ({"target": "xnnpack"}, {"tf_compat": True}):
        assert not [line for line in _compiled(data, SHAPE, **fields)[1].remarks if line.startswith("slower: ")]


def test_int16_activations_are_said_to_be_slow() -> None:
    ops = [tflir.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, tflir.OpsSet.TFLITE_BUILTINS]
    _, converter = _compiled(model_of(_net, SHAPE), SHAPE, supported_ops=ops)
    (said,) = (line for line in converter.remarks if line.startswith("slower: "))
    assert "tflir check" in said
    assert "latency" not in said


def test_a_slow_recipe_is_made_in_dynamic_range_instead() -> None:
    data = model_of(_net, SHAPE)
    converter = tflir.Converter.from_bytes(data)
    converter.recipe = "dynamic_wi4_afp32"
    narrow = converter.convert()
    (said,) = (line for line in converter.remarks if line.startswith("slower: "))
    assert "tflir check" in said
    converter.target, converter.optimize_for = "xnnpack", "latency"
    faster = converter.convert()
    assert any("instead: dynamic range" in line for line in converter.remarks)
    assert len(narrow) < len(faster) < len(data)
    assert estimate(tflir.loads(faster)).seconds < estimate(tflir.loads(data)).seconds


@pytest.mark.parametrize("target", [None, "xnnpack"])
def test_what_is_said_of_latency_is_about_the_model_without_scales(target: str | None) -> None:
    """Scales of a model of few weights take more than integers save, so that it stays float."""

    def build(net: Net, x: int) -> int:
        return net.op("PACK", "p", [x, x], (2, 1, 8), options("PackOptions", valuesCount=2, axis=0))

    converter = tflir.Converter.from_bytes(model_of(build, (1, 8)))
    converter.optimizations = [tflir.Optimize.DEFAULT, tflir.Optimize.EXPERIMENTAL_SPARSITY]
    converter.representative_dataset = lambda: ([random(1, 8, seed=n)] for n in range(4))
    converter.target = target
    if target is not None:
        converter.optimize_for = "latency"
    converter.convert()
    assert any(line.startswith("not quantized: ") for line in converter.remarks)
    said = [line for line in converter.remarks if line.startswith(("estimated latency", "slower: "))]
    assert said == ([] if target is None else ["estimated latency on xnnpack: 1.00 of what it was"])
