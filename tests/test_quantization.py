"""Dynamic range and float16: which operands of which ops, with which numbers, and that LiteRT runs the result."""

from __future__ import annotations

import warnings
from typing import Any

import models_builder as build
import numpy as np
import pytest
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Model, options, random
from object_tree import tree

import tflir
from tflir.ir.targets import TARGETS
from tflir.ir.targets.site import is_operator
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp


def _convert(data: bytes, **fields: Any) -> dict[str, Any]:
    return tree(_bytes(data, **fields))["graphs"][0]


def _bytes(data: bytes, **fields: Any) -> bytes:
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _float16(data: bytes, **fields: Any) -> dict[str, Any]:
    return _convert(data, target_spec=tflir.TargetSpec(supported_types=[np.float16]), **fields)


def _run(data: bytes, **inputs: np.ndarray) -> list[np.ndarray]:
    runtime = litert.Interpreter(
        model_content=data, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    runtime.allocate_tensors()
    for detail in runtime.get_input_details():
        runtime.set_tensor(detail["index"], inputs[detail["name"]])
    runtime.invoke()
    return [runtime.get_tensor(detail["index"]) for detail in runtime.get_output_details()]


def _weights(graph: dict[str, Any], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Stored int8 values and scales of a tensor, as the file has them."""
    tensor = graph["tensors"][name]
    assert tensor["type"] == schema.TensorType.INT8
    values = np.frombuffer(tensor["data"], np.int8).reshape(tensor["shape"])
    return values, np.array(tensor["quantization"]["scale"])


def test_fully_connected_is_hybrid_with_a_scale_for_each_row() -> None:
    weights = random(32, 64)
    graph = _convert(build.fully_connected(weights))
    (op,) = graph["operators"]
    assert op["version"] == 12
    assert op["options"][1]["asymmetricQuantizeInputs"] is True
    values, scales = _weights(graph, "w")
    assert graph["tensors"]["w"]["quantization"].get("quantizedDimension", 0) == 0
    np.testing.assert_array_equal(scales, (2 * np.abs(weights).max(1).astype(np.float64) / 254).astype(np.float32))
    assert values.min() >= -127
    assert np.abs(values * scales[:, None] - weights).max() <= scales.max() / 2 * (1 + 1e-6)
    assert graph["tensors"]["b"]["type"] == schema.TensorType.FLOAT32


def test_per_tensor() -> None:
    graph = _convert(build.fully_connected(random(32, 64)), disable_per_channel=True)
    _, scales = _weights(graph, "w")
    assert scales.shape == (1,)
    assert graph["operators"][0]["version"] == 9


@pytest.mark.parametrize(("elements", "quantized"), [(1023, False), (1024, True)])
def test_the_limit_of_1024_elements(elements: int, quantized: bool) -> None:
    graph = _convert(build.fully_connected(random(1, elements)))
    assert (graph["tensors"]["w"]["type"] == schema.TensorType.INT8) is quantized


def test_one_channel_has_one_scale() -> None:
    _, scales = _weights(_convert(build.fully_connected(random(1, 2000))), "w")
    assert scales.shape == (1,)


def test_convolutions_have_channels_first_and_last() -> None:
    graph = _convert(build.convolutions(), tf_compat=True)
    conv, depthwise = graph["operators"]
    assert (conv["version"], depthwise["version"]) == (5, 6)
    assert graph["tensors"]["conv/w"]["quantization"].get("quantizedDimension", 0) == 0
    assert graph["tensors"]["depthwise/w"]["quantization"]["quantizedDimension"] == 3
    values, scales = _weights(graph, "depthwise/w")
    assert scales.shape == (32,)
    np.testing.assert_allclose(np.abs(values).reshape(-1, 32).max(0), 127)


@pytest.mark.parametrize("per_tensor", [False, True])
def test_depthwise_weights_are_behind_a_dequantize_unless_tensorflow_is_asked_for(per_tensor: bool) -> None:
    """The float kernel of the default delegate is faster and more accurate than the built-in hybrid one."""
    ours = _convert(build.convolutions(), disable_per_channel=per_tensor)
    codes = [op["code"] for op in ours["operators"]]
    assert codes.count(schema.BuiltinOperator.DEQUANTIZE) == 1
    assert ours["tensors"]["depthwise/w"]["type"] == schema.TensorType.INT8
    theirs = _convert(build.convolutions(), disable_per_channel=per_tensor, tf_compat=True)
    assert schema.BuiltinOperator.DEQUANTIZE not in [op["code"] for op in theirs["operators"]]


def test_results_stay_near() -> None:
    x = random(1, 64, seed=3)
    data = build.fully_connected()
    (before,), (after,) = _run(data, x=x), _run(_bytes(data), x=x)
    assert 10 * np.log10(np.sum(before**2) / np.sum((before - after) ** 2)) > 25


def test_gather_is_dequantized_after_it_where_that_is_less() -> None:
    graph = _convert(build.gather(random(64, 32)))
    assert [op["code"] for op in graph["operators"]] == [
        schema.BuiltinOperator.GATHER,
        schema.BuiltinOperator.DEQUANTIZE,
    ]
    assert graph["outputs"] == ["rows"]
    ids = np.int32([3, 1, 63, 0, 0])
    table = random(64, 32)
    (rows,) = _run(_bytes(build.gather(table)), ids=ids)
    assert np.abs(rows - table[ids]).max() <= np.abs(table).max() / 127 / 2 * 1.001


def test_only_the_right_operand_of_batch_matmul() -> None:
    model = Model()
    graph = model.graph()
    x, w = graph.tensor("x", (2, 32, 64)), graph.constant("w", random(2, 64, 16))
    (y,) = graph.op("BATCH_MATMUL", [x, w], [graph.tensor("y", (2, 32, 16))], options("BatchMatMulOptions"))
    left = graph.constant("left", random(2, 16, 32))
    graph.io([x], graph.op("BATCH_MATMUL", [left, y], [graph.tensor("z", (2, 16, 16))], options("BatchMatMulOptions")))
    found = _convert(model.to_bytes())
    _, scales = _weights(found, "w")
    assert scales.shape == (1,)
    assert found["tensors"]["left"]["type"] == schema.TensorType.FLOAT32


def _shared(**second: Any) -> bytes:
    """One constant for a FULLY_CONNECTED and for another op."""
    model = Model()
    graph = model.graph()
    w = graph.constant("w", random(64, 64))
    x = graph.tensor("x", (1, 64))
    (y,) = graph.op("FULLY_CONNECTED", [x, w, NONE], [graph.tensor("y", (1, 64))], options("FullyConnectedOptions"))
    shape = (64, 64) if second["op"] in ("ADD", "SIN") else (3, 64)
    if second["op"] == "EMBEDDING_LOOKUP":
        inputs, table = [graph.tensor("ids", (3,), np.int32), w], None
    elif second["op"] == "GATHER":
        inputs, table = [w, graph.tensor("ids", (3,), np.int32)], options("GatherOptions")
    else:
        inputs, table = [w], None
    (z,) = graph.op(second["op"], inputs, [graph.tensor("z", shape)], table)
    graph.io([x, *(i for i in inputs if i != w)], [y, z])
    return model.to_bytes()


def test_users_of_one_type_share_the_quantized_constant() -> None:
    graph = _convert(_shared(op="EMBEDDING_LOOKUP"))
    assert sum(t["type"] == schema.TensorType.INT8 for t in graph["tensors"].values()) == 1
    assert [op["version"] for op in graph["operators"]] == [12, 4]


def test_a_user_that_can_not_keeps_the_float_constant() -> None:
    graph = _convert(_shared(op="SIN"))
    kinds = sorted(t["type"] for t in graph["tensors"].values() if t["data"])
    assert kinds == [schema.TensorType.FLOAT32, schema.TensorType.INT8]


def test_weights_in_subgraphs() -> None:
    model = Model()
    main = model.graph()
    flag, x, y = main.tensor("flag", (), np.bool_), main.tensor("x", (1, 64)), main.tensor("y", (1, 32))
    main.op("IF", [flag, x], [y], options("IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2))
    main.io([flag, x], [y])
    for number, name in enumerate(("then", "else")):
        graph = model.graph(name)
        x = graph.tensor("x", (1, 64))
        weights = [graph.constant("w", random(32, 64, seed=number)), NONE]
        out = [graph.tensor("y", (1, 32))]
        graph.io([x], graph.op("FULLY_CONNECTED", [x, *weights], out, options("FullyConnectedOptions")))
    found = tree(_bytes(model.to_bytes()))
    for graph in found["graphs"][1:]:
        _weights(graph, "w")


def test_nan_and_infinity_are_left_alone() -> None:
    for bad in (np.nan, np.inf):
        weights = random(32, 64)
        weights[3, 3] = bad
        converter = tflir.Converter.from_bytes(build.fully_connected(weights))
        converter.optimizations = [tflir.Optimize.DEFAULT]
        graph = tree(converter.convert())["graphs"][0]
        assert graph["tensors"]["w"]["type"] == schema.TensorType.FLOAT32
        assert any("the constant holds NaN or infinity" in report.declined for report in converter.reports)


def test_a_quantized_model_passes_through_unharmed() -> None:
    before, after = tree(build.int8())["graphs"][0], _convert(build.int8())
    assert before["tensors"] == after["tensors"]


def _half_weights(weights: np.ndarray) -> bytes:
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (1, weights.shape[1])), graph.tensor("y", (1, weights.shape[0]))
    half = graph.constant("w16", weights.astype(np.float16))
    (w,) = graph.op("DEQUANTIZE", [half], [graph.tensor("w", weights.shape)], None, version=3)
    graph.io([x], graph.op("FULLY_CONNECTED", [x, w, NONE], [y], options("FullyConnectedOptions")))
    return model.to_bytes()


def test_float16_weights_behind_dequantize_are_quantized_as_if_they_were_float32() -> None:
    weights = random(32, 64).astype(np.float16).astype(np.float32)
    from_half, from_float = _convert(_half_weights(weights)), _convert(build.fully_connected(weights))
    assert [op["code"] for op in from_half["operators"]] == [schema.BuiltinOperator.FULLY_CONNECTED]
    half = next(t for t in from_half["tensors"].values() if t["type"] == schema.TensorType.INT8)
    assert half["data"] == from_float["tensors"]["w"]["data"]
    assert half["quantization"]["scale"] == from_float["tensors"]["w"]["quantization"]["scale"]


def test_small_float16_weights_stay_float16() -> None:
    graph = _convert(_half_weights(random(2, 4)))
    assert graph["tensors"]["w16"]["type"] == schema.TensorType.FLOAT16


def _lstm(units: int) -> bytes:
    """A UNIDIRECTIONAL_SEQUENCE_LSTM whose input weights have 16 * units elements each, the recurrent units^2."""
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (1, 5, 16)), graph.tensor("y", (1, 5, units))
    inputs = [graph.constant(f"i{k}", random(units, 16, seed=k)) for k in range(4)]
    recurrent = [graph.constant(f"r{k}", random(units, units, seed=k + 4)) for k in range(4)]
    biases = [graph.constant(f"b{k}", random(units, seed=k + 8)) for k in range(4)]
    states = [graph.tensor(name, (1, units), variable=True) for name in ("h", "c")]
    operands = [x, *inputs, *recurrent, NONE, NONE, NONE, *biases, NONE, NONE, *states, NONE, NONE, NONE, NONE]
    how = options("UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4)
    graph.io([x], graph.op("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [y], how))
    return model.to_bytes()


@pytest.mark.parametrize(("units", "quantized"), [(40, False), (64, True)])
def test_a_sequence_lstm_is_all_or_nothing(units: int, quantized: bool) -> None:
    graph = _convert(_lstm(units))
    kinds = {graph["tensors"][f"{letter}{k}"]["type"] for letter in "ir" for k in range(4)}
    assert kinds == {schema.TensorType.INT8 if quantized else schema.TensorType.FLOAT32}
    assert graph["tensors"]["b0"]["type"] == schema.TensorType.FLOAT32
    assert graph["tensors"]["h"]["variable"]


def test_float16_constants_are_widened_once_for_all_readers() -> None:
    model = Model()
    graph = model.graph()
    x, w = graph.tensor("x", (10, 10)), graph.constant("w", random(10, 10))
    (y,) = graph.op("ADD", [x, w], [graph.tensor("y", (10, 10))], options("AddOptions"))
    (z,) = graph.op("MUL", [y, w], [graph.tensor("z", (10, 10))], options("MulOptions"))
    graph.io([x], [z, w])
    found = _float16(model.to_bytes())
    dequantizes = [op for op in found["operators"] if op["code"] == schema.BuiltinOperator.DEQUANTIZE]
    assert [op["version"] for op in dequantizes] == [3]
    half = found["tensors"][dequantizes[0]["inputs"][0]]
    assert np.frombuffer(half["data"], np.float16).tolist() == random(10, 10).astype(np.float16).reshape(-1).tolist()
    assert found["tensors"][found["outputs"][1]]["type"] == schema.TensorType.FLOAT32, "what is returned stays float32"


def test_float16_leaves_what_it_can_not_hold_and_what_saves_nothing() -> None:
    weights = random(32, 64)
    weights[0, 0] = 1e6
    data = build.fully_connected(weights)
    assert _float16(data)["tensors"]["w"]["type"] == schema.TensorType.FLOAT32
    assert _float16(data)["tensors"]["b"]["type"] == schema.TensorType.FLOAT32, "32 elements"
    theirs = _float16(data, tf_compat=True)
    assert {theirs["tensors"][n]["type"] for n in "wb"} == {schema.TensorType.FLOAT16}
    assert np.frombuffer(theirs["tensors"]["w"]["data"], np.float16)[0] == 65504


def test_float16_says_what_accumulation_it_allows_once() -> None:
    spec = tflir.TargetSpec(supported_types=["float16"])
    once = _bytes(build.fully_connected(), target_spec=spec)
    twice = _bytes(once, target_spec=spec)
    assert tree(twice)["metadata"].count(("reduced_precision_support", b"fp16accfp32")) == 1


def test_without_optimizations_nothing_is_quantized() -> None:
    converter = tflir.Converter.from_bytes(build.fully_connected())
    assert tree(converter.convert())["graphs"] == tree(build.fully_connected())["graphs"]


def test_a_converter_converts_twice_alike() -> None:
    converter = tflir.Converter.from_bytes(build.fully_connected())
    converter.optimizations = ["default"]
    assert converter.convert() == converter.convert()


def test_deprecated_names_mean_default_with_a_warning() -> None:
    converter = tflir.Converter.from_bytes(build.fully_connected())
    converter.optimizations = [tflir.Optimize.OPTIMIZE_FOR_SIZE]
    with pytest.warns(DeprecationWarning, match="use DEFAULT"):
        small = converter.convert()
    assert small == _bytes(build.fully_connected())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"optimizations": ["FASTER"]}, "optimizations: .*'FASTER' is none of DEFAULT"),
        ({"target_spec": tflir.TargetSpec(supported_types=["int16"])}, "supported_types: .*'int16' is none of float16"),
        ({"optimizations": [], "target_spec": tflir.TargetSpec(supported_types=["int8"])}, "without an optimization"),
        ({"optimizations": [], "disable_per_channel": True}, "without an optimization"),
        ({"optimizations": [], "passes": "tfl-quantise"}, "no pass is called 'tfl-quantise'.*tfl-quantize"),
    ],
)
def test_combinations_that_make_no_sense(fields: dict[str, Any], why: str) -> None:
    with pytest.raises(tflir.Error, match=why) as caught:
        _bytes(build.fully_connected(), **fields)
    assert caught.value.status == 2


@pytest.mark.parametrize("name", ["experimental_new_quantizer", "optimisations"])
def test_an_option_that_does_nothing_is_refused(name: str) -> None:
    converter = tflir.Converter.from_bytes(build.fully_connected())
    with pytest.raises(tflir.Error, match=f"no option '{name}'"):
        setattr(converter, name, None)


def test_versions_are_one_an_operator_in_tensorflow_and_one_a_use_here() -> None:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 64))
    big = [graph.constant("big", random(64, 64)), NONE]
    (y,) = graph.op("FULLY_CONNECTED", [x, *big], [graph.tensor("y", (1, 64))], options("FullyConnectedOptions"))
    small = [graph.constant("small", random(2, 64)), NONE]
    out = [graph.tensor("z", (1, 2))]
    graph.io([x], graph.op("FULLY_CONNECTED", [y, *small], out, options("FullyConnectedOptions")))
    with warnings.catch_warnings():
        assert [op["version"] for op in _convert(model.to_bytes())["operators"]] == [12, 1]
        assert [op["version"] for op in _convert(model.to_bytes(), tf_compat=True)["operators"]] == [12, 12]


def test_a_float16_bias_of_a_hybrid_op_becomes_a_float32_constant() -> None:
    """XNNPACK refuses a hybrid convolution whose bias is not a constant."""
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (1, 8, 8, 16)), graph.tensor("y", (1, 8, 8, 32))
    operands = [x]
    for name, values in (("w", random(32, 3, 3, 16)), ("b", random(32))):
        half = graph.constant(f"{name}16", values.astype(np.float16))
        operands += graph.op("DEQUANTIZE", [half], [graph.tensor(name, values.shape)], None, version=3)
    how = {"padding": schema.Padding.SAME, "strideH": 1, "strideW": 1}
    graph.io([x], graph.op("CONV_2D", operands, [y], options("Conv2DOptions", **how)))
    data = _bytes(model.to_bytes())
    found = tree(data)["graphs"][0]
    assert [op["code"] for op in found["operators"]] == [schema.BuiltinOperator.CONV_2D]
    assert found["tensors"]["b"]["data"] == random(32).astype(np.float16).astype(np.float32).tobytes()
    runtime = litert.Interpreter(model_content=data)  # with the default delegate
    runtime.allocate_tensors()


def test_a_float16_model_in_dynamic_range_is_all_the_delegates() -> None:
    """The delegate refuses a float16 bias beside weights that are float32, or made so."""
    half = _bytes(build.convolutions(), target_spec=tflir.TargetSpec(supported_types=[np.float16]))
    module = tflir.loads(_bytes(half))
    ops = [op for op in module.walk() if isinstance(op, TflOp) and is_operator(op)]
    assert [op for op in ops if isinstance(op, DequantizeOp)]
    assert {TARGETS.get("xnnpack").verdict(op).reason for op in ops} == {""}
