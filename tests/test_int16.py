"""16x8 quantization: its numbers, its options, and what TensorFlow gets wrong and is mended here."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_builder import Model, branch, options, random, signatures
from recording import Samples, nearness, recorded, run, to_bytes
from sixteen import sixteen_by_eight
from xdsl.dialects.builtin import ModuleOp

from tflir.files import load_bytes
from tflir.ir.blob import DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.errors import Error
from tflir.ir.functions import functions
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range, ranges_of, set_ranges
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.types import element_of

F32 = np.float32


def quantized(module: ModuleOp, **how: Any) -> bytes:
    sixteen_by_eight(module, **how)
    return to_bytes(module, runs=not how.get("tf_compat", False))


def distance(data: bytes, made: bytes, samples: Samples) -> float:
    """How near a model is to the float one, the worst sample in dB."""
    return min(nearness(run(made, values), run(data, values)) for values in samples)


def ops_of(data: bytes) -> list[str]:
    return [op.name.removeprefix("tfl.") for op in load_bytes(data).walk() if isinstance(op, TflOp)]


def layer(weights: npt.NDArray[Any], bias: npt.NDArray[Any], *, batch: int = 2) -> bytes:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (batch, weights.shape[1]))
    operands = [x, graph.constant("w", weights), graph.constant("b", bias)]
    y = graph.op(
        "FULLY_CONNECTED", operands, [graph.tensor("y", (batch, len(weights)))], options("FullyConnectedOptions")
    )
    graph.io([x], y)
    return model.to_bytes()


def unary(builtin: str, *shape: int) -> bytes:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", shape)
    graph.io([x], graph.op(builtin, [x], [graph.tensor("y", shape)]))
    return model.to_bytes()


def draws(*shape: int, count: int = 4, reach: float = 1.0) -> Samples:
    return [[random(*shape, seed=seed) * F32(reach)] for seed in range(count)]


def test_the_numbers_that_tensorflow_gives_a_layer() -> None:
    """Measured on TensorFlow 2.21 (docs/semantics.md, Measured numbers)."""
    weights = ((np.arange(32).reshape(8, 4) % 7 - 3) / 4).astype(F32).T.copy()
    data = layer(weights, F32([0.5, -0.25, 0, 1]))
    module = recorded(data, [[np.linspace(-1, 3, 8, dtype=F32)[None].repeat(2, 0)]])
    sixteen_by_eight(module, tf_compat=True)
    op = next(op for op in module.walk() if op.name == "tfl.fully_connected")
    element = element_of(op.operands[0].type)
    assert isinstance(element, UniformQuantizedType)
    assert F32(element.layout.scales) == F32(9.155553e-05)
    bias = op.operands[2].owner
    assert isinstance(bias, ConstOp)
    assert as_numpy(bias.value).tolist() == [924758, -462379, 0, 1849515]
    weight = op.operands[1].owner
    assert isinstance(weight, QConstOp)
    assert as_numpy(weight.value)[0].tolist() == [-127, 42, -85, 85, -42, 127, 0, -127]


def test_a_layer_computes_what_its_integers_say() -> None:
    """The runtime's answer beside the integers' own arithmetic in double precision."""
    data = layer(random(6, 16), random(6, seed=3))
    samples = draws(2, 16)
    module = recorded(data, samples)
    made = quantized(module)
    op = next(op for op in load_bytes(made).walk() if op.name == "tfl.fully_connected")
    constants = [owner for value in op.operands[1:] if isinstance(owner := value.owner, ConstOp | QConstOp)]
    w, b = (as_numpy(constant.value).astype(np.float64) for constant in constants)
    elements = [element_of(value.type) for value in (op.operands[0], op.operands[1], op.results[0])]
    s_in, s_w, s_out = (e.layout.scales for e in elements if isinstance(e, UniformQuantizedType))
    for (x,) in samples:
        q = np.clip(np.round(x / s_in), -32768, 32767)
        wanted = np.clip(np.round((q @ w.T + b) * (s_in * s_w / s_out)), -32768, 32767) * s_out
        assert np.abs(run(made, [x])[0] - wanted).max() <= 1.01 * s_out


def test_constants_are_made_while_they_are_written() -> None:
    module = recorded(layer(random(6, 16), random(6)), draws(2, 16))
    sixteen_by_eight(module)
    values = [op.value for op in module.walk() if isinstance(op, ConstOp | QConstOp)]
    assert values
    assert all(isinstance(value, ArrayElementsAttr) and isinstance(value.blob, DeferredBlob) for value in values)


def test_a_channel_of_zeros_answers_its_bias() -> None:
    """TensorFlow gives it a scale of 0 and loses the bias."""
    weights, bias = random(4, 16), F32([1, 7, -1, 0.5])
    weights[1] = 0
    data, samples = layer(weights, bias), draws(2, 16)
    (answer,) = run(quantized(recorded(data, samples)), samples[0])
    assert np.allclose(answer[:, 1], 7, atol=1e-3)


def test_weights_far_below_their_biases_are_not_lost() -> None:
    """Biases of 64 bits: weights keep their steps where 32 would widen them."""
    data = layer(random(4, 16), random(4) * F32(3e4))
    samples = draws(2, 16, reach=1e-2)
    wide, narrow = (quantized(recorded(data, samples), bias_bits=bits) for bits in (64, 32))
    assert distance(data, wide, samples) > 60
    assert distance(data, narrow, samples) > 60


def test_sums_of_32_bits_do_not_overflow() -> None:
    data = layer(np.ones((2, 40000), F32), np.zeros(2, F32), batch=1)
    samples = [[np.ones((1, 40000), F32)]]
    assert distance(data, quantized(recorded(data, samples), bias_bits=32), samples) > 60


def test_a_sum_has_the_scale_of_its_own_range() -> None:
    """TensorFlow gives it its operand's, which it outgrows."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (4, 50))
    axis = graph.constant("axis", np.int32([1]))
    graph.io([x], graph.op("SUM", [x, axis], [graph.tensor("y", (4,))], options("ReducerOptions")))
    data, samples = model.to_bytes(), [[np.abs(values)] for (values,) in draws(4, 50)]
    assert distance(data, quantized(recorded(data, samples)), samples) > 70
    assert distance(data, quantized(recorded(data, samples), tf_compat=True), samples) < 3


def two_inputs(builtin: str, *more: npt.NDArray[Any], first: bool = False, table: Any = None) -> bytes:
    """An op of two inputs and constants, which come first or last."""
    model = Model()
    graph = model.graph()
    inputs = [graph.tensor("a", (2, 6)), graph.tensor("b", (2, 6))]
    constants = [graph.constant(f"c{i}", value) for i, value in enumerate(more)]
    operands = [*constants, *inputs] if first else [*inputs, *constants]
    graph.io(inputs, graph.op(builtin, operands, [graph.tensor("y", (2, 6))], table))
    return model.to_bytes()


def pairs(reach: float) -> Samples:
    return [[random(2, 6, seed=seed), random(2, 6, seed=seed + 9) * F32(reach)] for seed in range(4)]


def test_a_sum_that_cancels_keeps_to_scales_that_the_kernel_takes() -> None:
    """Steps finer than the kernel can scale to are worth nothing: its operands' own are far wider."""
    data = two_inputs("SUB", table=options("SubOptions"))
    samples = [[values, values * F32(1 + 1e-7)] for (values,) in draws(2, 6, reach=1e4)]
    made = quantized(recorded(data, samples))
    assert all(np.abs(run(made, values)[0]).max() < 1 for values in samples)


@pytest.mark.parametrize("mask", [-1e9, -3e38])
def test_masks_leave_what_they_cover_float(mask: float) -> None:
    """TensorFlow rounds every logit to 0 beside the mask."""
    model = Model()
    graph = model.graph()
    x, covered = graph.tensor("x", (2, 6)), graph.constant("mask", F32([0, 0, mask, 0, mask, 0]))
    summed = graph.op("ADD", [x, covered], [graph.tensor("sum", (2, 6))], options("AddOptions"))
    graph.io([x], graph.op("SOFTMAX", summed, [graph.tensor("y", (2, 6))], options("SoftmaxOptions", beta=1.0)))
    data, samples = model.to_bytes(), draws(2, 6)
    assert distance(data, quantized(recorded(data, samples)), samples) > 60


def test_both_branches_of_a_select_come_to_one_scale() -> None:
    """TensorFlow leaves each its own and takes the first for the result."""
    data, samples = two_inputs("SELECT", np.arange(12).reshape(2, 6) % 2 == 0, first=True), pairs(20)
    assert distance(data, quantized(recorded(data, samples)), samples) > 70
    assert distance(data, quantized(recorded(data, samples), tf_compat=True), samples) < 3


def test_ops_that_no_int16_kernel_computes_stay_float() -> None:
    """TensorFlow's model does not load."""
    data = two_inputs("SQUARED_DIFFERENCE", table=options("SquaredDifferenceOptions"))
    made = quantized(recorded(data, pairs(1)))
    assert ops_of(made) == ["squared_difference"]
    assert distance(data, made, pairs(1)) > 100
    with pytest.raises(RuntimeError, match="SquaredDifference"):
        run(quantized(recorded(data, pairs(1)), tf_compat=True), pairs(1)[0])


def test_scatter_nd_stays_float() -> None:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (2,))
    where, shape = graph.constant("i", np.int32([[1], [3]])), graph.constant("shape", np.int32([5]))
    graph.io([x], graph.op("SCATTER_ND", [where, x, shape], [graph.tensor("y", (5,))], options("ScatterNdOptions")))
    data = model.to_bytes()
    assert distance(data, quantized(recorded(data, draws(2))), draws(2)) > 100


def test_the_value_that_padv2_pads_with_is_quantized_too() -> None:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (2, 3))
    more = [graph.constant("pads", np.int32([[1, 0], [0, 1]])), graph.constant("value", np.array(9, F32))]
    graph.io([x], graph.op("PADV2", [x, *more], [graph.tensor("y", (3, 4))], options("PadV2Options")))
    data = model.to_bytes()
    made = quantized(recorded(data, draws(2, 3)))
    assert "padv2" in ops_of(made)
    assert distance(data, made, draws(2, 3)) > 70


def test_a_float_op_before_the_first_int16_one_reads_float() -> None:
    """TensorFlow lets it read the int16 twin of the model's input."""
    model = Model()
    graph = model.graph()
    x, axis = graph.tensor("x", (2, 6)), graph.constant("axis", np.array(1, np.int32))
    most = graph.op(
        "ARG_MAX", [x, axis], [graph.tensor("most", (2,), np.int32)], options("ArgMaxOptions", outputType=2)
    )
    graph.io([x], [*most, *graph.op("ABS", [x], [graph.tensor("y", (2, 6))])])
    data, samples = model.to_bytes(), draws(2, 6)
    assert distance(data, quantized(recorded(data, samples)), samples) > 70
    with pytest.raises(RuntimeError, match="input type"):
        run(quantized(recorded(data, samples), tf_compat=True), samples[0])


def test_a_bias_of_two_layers_has_a_scale_for_each() -> None:
    """TensorFlow quantizes it for the first and lets the second read it so."""
    model = Model()
    graph = model.graph()
    x, bias = graph.tensor("x", (1, 8)), graph.constant("b", random(8) * F32(5))
    table = options("FullyConnectedOptions")
    middle = graph.op(
        "FULLY_CONNECTED", [x, graph.constant("w", random(8, 8)), bias], [graph.tensor("m", (1, 8))], table
    )
    last = [*middle, graph.constant("v", random(8, 8) * F32(0.01)), bias]
    graph.io([x], graph.op("FULLY_CONNECTED", last, [graph.tensor("y", (1, 8))], table))
    data, samples = model.to_bytes(), draws(1, 8)
    assert distance(data, quantized(recorded(data, samples)), samples) > 40
    assert distance(data, quantized(recorded(data, samples), tf_compat=True), samples) < 10


@pytest.mark.parametrize("builtin", ["LOG", "RSQRT"])
def test_steep_ops_stay_float_near_0(builtin: str) -> None:
    data = unary(builtin, 1, 64)
    wide = [[np.geomspace(1e-4, 1, 64, dtype=F32)[None]]]
    narrow = [[np.geomspace(0.2, 1, 64, dtype=F32)[None]]]
    assert distance(data, quantized(recorded(data, wide)), wide) > 100
    assert distance(data, quantized(recorded(data, wide), strict=True), wide) < 40
    assert 60 < distance(data, quantized(recorded(data, narrow)), narrow) < 100


def test_a_branch_that_no_sample_took_stays_float() -> None:
    module = load_bytes(branch())
    then = [f for f in functions(module) if f.sym_name.data == "then"]
    for function in then:
        values = [*function.body.block.args, *(r for op in function.body.block.ops for r in op.results)]
        set_ranges(function, {v: Range(-4.0, 4.0) for v in values if v.owner.__class__.__name__ != "ConstOp"})
    with pytest.raises(Error, match="not recorded"):
        sixteen_by_eight(module.clone(), tf_compat=True)
    made = quantized(module)
    assert ops_of(made).count("quantize") == 1
    for which in (True, False):
        values = [np.array(which), F32([[1, -1, 2, 0.5]])]
        assert nearness(run(made, values), run(branch(), values)) > 60


def test_values_that_are_always_0_have_a_scale() -> None:
    data, samples = unary("ABS", 1, 4), [[np.zeros((1, 4), F32)]]
    assert not run(quantized(recorded(data, samples)), samples[0])[0].any()


def test_ranges_are_gone_afterwards() -> None:
    module = recorded(unary("ABS", 1, 4), draws(1, 4))
    sixteen_by_eight(module)
    assert not any(ranges_of(function) for function in functions(module))


def test_strict_names_every_op_that_stays_float() -> None:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 4))
    middle = graph.op("SIN", [x], [graph.tensor("wave", (1, 4))])
    graph.io([x], graph.op("ELU", middle, [graph.tensor("bent", (1, 4))]))
    with pytest.raises(Error, match=r"int16: tfl\.sin 'wave', tfl\.elu 'bent'") as caught:
        sixteen_by_eight(recorded(model.to_bytes(), draws(1, 4)), strict=True)
    assert caught.value.status == 3


def test_strict_leaves_ops_without_floats_alone() -> None:
    """TensorFlow refuses them."""
    model = Model()
    graph = model.graph()
    x, i = graph.tensor("x", (1, 4)), graph.tensor("i", (2,), np.int32)
    y = graph.op("ABS", [x], [graph.tensor("y", (1, 4))])
    graph.io([x, i], [*y, *graph.op("CAST", [i], [graph.tensor("j", (2,), np.int64)], options("CastOptions"))])
    samples = [[random(1, 4), np.int32([1, 2])]]
    assert "cast" in ops_of(quantized(recorded(model.to_bytes(), samples), strict=True))
    with pytest.raises(Error, match="cast"):
        sixteen_by_eight(recorded(model.to_bytes(), samples), strict=True, tf_compat=True)


def test_inputs_and_outputs_of_int16() -> None:
    data, samples = layer(random(6, 16), random(6)), draws(2, 16)
    made = quantized(recorded(data, samples), input_type="int16", output_type="int16")
    assert ops_of(made) == ["fully_connected"]
    function = next(functions(load_bytes(made)))
    scales = [
        element.layout.scales
        for kind in (*function.function_type.inputs, *function.function_type.outputs)
        if isinstance(element := element_of(kind), UniformQuantizedType)
    ]
    (x,) = samples[0]
    (answer,) = run(made, [np.round(x / scales[0]).astype(np.int16)])
    assert nearness([answer * scales[1]], run(data, [x])) > 40


def test_each_signature_is_an_entry() -> None:
    module = load_bytes(signatures())
    for function in functions(module):
        values = [*function.body.block.args, *function.body.block.ops.last.operands]  # type: ignore[union-attr]
        set_ranges(function, dict.fromkeys(values, Range(-1.0, 1.0)))
    assert "quantize" not in ops_of(quantized(module, input_type="int16", output_type="int16"))


@pytest.mark.parametrize("how", [{"bias_bits": 16}, {"input_type": "int32"}, {"output_type": "uint16"}])
def test_options_that_mean_nothing_are_refused(how: dict[str, Any]) -> None:
    with pytest.raises(Error) as caught:
        sixteen_by_eight(load_bytes(unary("ABS", 1, 4)), **how)
    assert caught.value.status == 2
