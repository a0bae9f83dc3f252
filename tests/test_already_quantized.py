"""Models that are quantized already, wholly or partly, stay as they are in every mode, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Graph, Model, options, random
from object_tree import tree
from recording import nearness, run

import tflir

Array = npt.NDArray[Any]
X16 = tflir.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
FLOAT = tflir.OpsSet.TFLITE_BUILTINS
STEP = 1 / 64
"""Scale of the int8 values that the models here begin with."""
MODES: dict[str, dict[str, Any]] = {
    "dynamic range": {},
    "float16": {"supported_types": ["float16"]},
    "int8": {"data": True},
    "int16": {"data": True, "supported_ops": [X16, FLOAT]},
    "sparse": {"sparse": True},
}


def samples() -> list[dict[str, Array]]:
    return [{"x": random(1, 16, seed=seed)} for seed in range(4)]


def compiled(data: bytes, mode: str = "dynamic range") -> tuple[tflir.Converter, bytes]:
    wanted = MODES[mode]
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    if wanted.get("sparse"):
        converter.optimizations = [tflir.Optimize.DEFAULT, tflir.Optimize.EXPERIMENTAL_SPARSITY]
    converter.target_spec.supported_types = wanted.get("supported_types", ())
    converter.target_spec.supported_ops = wanted.get("supported_ops", [FLOAT])
    if wanted.get("data"):
        converter.representative_dataset = samples
    return converter, converter.convert()


def model(build: Callable[[Graph, int], int]) -> bytes:
    """A model of one float input x of 16 values; `build` gives the output."""
    made = Model()
    graph = made.graph()
    x = graph.tensor("x", (1, 16))
    graph.io([x], [build(graph, x)])
    return made.to_bytes()


def quantize(graph: Graph, value: int, name: str, scale: float, point: int = 0, dtype: Any = np.int8) -> int:
    shape = tuple(graph.record.tensors[value].shape)
    made = graph.tensor(name, shape, dtype, scales=[scale], zero_points=[point])
    graph.op("QUANTIZE", [value], [made], options("QuantizeOptions"))
    return made


def dequantize(graph: Graph, value: int, name: str) -> int:
    made = graph.tensor(name, tuple(graph.record.tensors[value].shape))
    graph.op("DEQUANTIZE", [value], [made], options("DequantizeOptions"))
    return made


def unary(graph: Graph, op: str, value: int, name: str, how: Any = None) -> int:
    made = graph.tensor(name, tuple(graph.record.tensors[value].shape))
    graph.op(op, [value], [made], how)
    return made


def layer(graph: Graph, value: int, name: str, *, scale: float = 0.05, dtype: Any = np.int8) -> int:
    """A FULLY_CONNECTED of 16 to 16, integers throughout."""
    weights = np.random.default_rng(3).integers(-127, 128, (16, 16), np.int8)
    source = graph.record.tensors[value].quantization.scale[0]
    w = graph.constant(f"{name}/w", weights, scales=[0.004])
    wide = np.int64 if dtype == np.int16 else np.int32
    b = graph.constant(f"{name}/b", np.arange(16, dtype=wide), scales=[float(source) * 0.004])
    made = graph.tensor(name, (1, 16), dtype, scales=[scale])
    graph.op("FULLY_CONNECTED", [value, w, b], [made], options("FullyConnectedOptions"), version=4)
    return made


def saturating_requantization(graph: Graph, x: int) -> int:
    """The first scale cuts most values off, which the second could hold."""
    narrow = layer(graph, quantize(graph, x, "q", STEP), "narrow", scale=0.001)
    return dequantize(graph, quantize(graph, narrow, "again", 0.05), "y")


def through_float(graph: Graph, x: int) -> int:
    """DEQUANTIZE and QUANTIZE between two scales."""
    hidden = layer(graph, quantize(graph, x, "q", STEP), "hidden", scale=0.001)
    again = quantize(graph, dequantize(graph, hidden, "float"), "again", 0.02)
    return dequantize(graph, layer(graph, again, "last"), "y")


def island(graph: Graph, x: int) -> int:
    """Float ops between integer ones."""
    hidden = dequantize(graph, layer(graph, quantize(graph, x, "q", STEP), "hidden"), "float")
    root = unary(graph, "SQRT", unary(graph, "ABS", hidden, "abs"), "root")
    return dequantize(graph, layer(graph, quantize(graph, root, "q2", 0.02), "last"), "y")


def island_with_a_pair(graph: Graph, x: int) -> int:
    """A quantize/dequantize pair between float ops that integer ones enclose."""
    hidden = dequantize(graph, layer(graph, quantize(graph, x, "q", STEP), "hidden"), "float")
    pair = dequantize(graph, quantize(graph, unary(graph, "ABS", hidden, "abs"), "p", 0.5, -128), "pair")
    return dequantize(graph, layer(graph, quantize(graph, unary(graph, "SQRT", pair, "root"), "q2", 0.02), "l"), "y")


def fixed_scales(graph: Graph, x: int) -> int:
    """LOGISTIC, TANH and SOFTMAX of int8, whose scales are fixed."""
    value = layer(graph, quantize(graph, x, "q", STEP), "hidden")
    for op, scale, point, how in (
        ("TANH", 1 / 128, 0, None),
        ("LOGISTIC", 1 / 256, -128, None),
        ("SOFTMAX", 1 / 256, -128, options("SoftmaxOptions", beta=1.0)),
    ):
        made = graph.tensor(op.lower(), (1, 16), np.int8, scales=[scale], zero_points=[point])
        graph.op(op, [value], [made], how, version=2)
        value = made
    return dequantize(graph, value, "y")


def int16(graph: Graph, x: int) -> int:
    """int16 activations with a float op between."""
    hidden = layer(graph, quantize(graph, x, "q", 2.0**-12, dtype=np.int16), "hidden", scale=2.0**-10, dtype=np.int16)
    root = unary(graph, "SQRT", unary(graph, "ABS", dequantize(graph, hidden, "float"), "abs"), "root")
    again = quantize(graph, root, "q2", 2.0**-12, dtype=np.int16)
    return dequantize(graph, layer(graph, again, "last", scale=2.0**-10, dtype=np.int16), "y")


def unsigned(graph: Graph, x: int) -> int:
    """uint8 activations and weights, as converters made them until 2019."""
    q = quantize(graph, x, "q", STEP, 128, np.uint8)
    weights = np.random.default_rng(3).integers(0, 256, (16, 16), np.uint8)
    w = graph.constant("w", weights, scales=[0.004], zero_points=[120])
    b = graph.constant("b", np.arange(16, dtype=np.int32), scales=[STEP * 0.004])
    made = graph.tensor("hidden", (1, 16), np.uint8, scales=[0.05], zero_points=[128])
    graph.op("FULLY_CONNECTED", [q, w, b], [made], options("FullyConnectedOptions"))
    return dequantize(graph, made, "y")


def hybrid(graph: Graph, x: int) -> int:
    """int8 weights beside float activations."""
    weights = np.random.default_rng(3).integers(-127, 128, (128, 16), np.int8)
    operands = [x, graph.constant("w", weights, scales=[0.004]), graph.constant("b", random(128))]
    made = graph.tensor("y", (1, 128))
    graph.op("FULLY_CONNECTED", operands, [made], options("FullyConnectedOptions"), version=3)
    return made


OWN = [saturating_requantization, through_float, island, island_with_a_pair, fixed_scales, int16, unsigned, hybrid]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("build", OWN, ids=lambda build: build.__name__)
def test_what_is_quantized_stays(build: Callable[[Graph, int], int], mode: str) -> None:
    data = model(build)
    _, made = compiled(data, mode)
    for delegate in (True, False):
        for sample in samples():
            before, after = (run(each, [sample["x"]], delegate=delegate) for each in (data, made))
            assert [a.tolist() for a in after] == [b.tolist() for b in before]


@pytest.mark.parametrize("mode", ["int8", "int16"])
def test_an_island_that_data_makes_infinite_needs_no_range(mode: str) -> None:
    def build(graph: Graph, x: int) -> int:
        value = dequantize(graph, quantize(graph, x, "q", 1.0), "float")  # 0 at times
        hidden = dequantize(graph, layer(graph, quantize(graph, value, "q2", STEP), "hidden"), "float2")
        root = unary(graph, "RSQRT", unary(graph, "ABS", hidden, "abs"), "root")
        return dequantize(graph, layer(graph, quantize(graph, root, "q3", STEP), "last"), "y")

    data = model(build)
    _, made = compiled(data, mode)
    assert nearness(run(made, [random(1, 16)]), run(data, [random(1, 16)])) == 120


def test_nothing_to_do_is_said() -> None:
    converter, _ = compiled(model(island), "int8")
    assert converter.remarks[0] == "mode: integer (representative data was given)"
    assert any("--requantize" in line for line in converter.remarks)
    assert "nothing was quantized: the model is quantized already" in converter.remarks


def test_only_a_pass_that_quantizes_says_why_nothing_was() -> None:
    """A pass beside the mode's own declines for reasons of its own."""
    converter = tflir.Converter.from_bytes(
        model(lambda graph, x: unary(graph, "RELU", unary(graph, "ABS", x, "abs"), "y"))
    )
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.before = ["tfl-canonicalize=tfl-optimize"]
    converter.convert()
    (why,) = (line for line in converter.remarks if line.startswith("nothing was quantized"))
    assert "takes an activation" not in why


# What no kernel takes is quantized anew where activations become integer.


def half_weights(graph: Graph, x: int, *, half: bool = True) -> int:
    """A layer whose float16 weights stand behind a DEQUANTIZE, with a range on it as a converter leaves it."""
    values = random(16, 16).astype(np.float16)
    if not half:
        w, b = graph.constant("w", values.astype(np.float32)), graph.constant("b", random(16).astype(np.float32))
    else:
        w = dequantize(graph, graph.constant("w16", values), "w")
        b = dequantize(graph, graph.constant("b16", random(16).astype(np.float16)), "b")
        for index in (w, b):
            made = schema.QuantizationParametersT()
            made.min, made.max = np.float32([-9]), np.float32([9])
            graph.record.tensors[index].quantization = made
    made = graph.tensor("y", (1, 16))
    graph.op("FULLY_CONNECTED", [x, w, b], [made], options("FullyConnectedOptions"))
    return made


@pytest.mark.parametrize("mode", ["int8", "int16"])
def test_float16_weights_are_quantized_as_if_they_were_float32(mode: str) -> None:
    _, made = compiled(model(half_weights), mode)
    _, wide = compiled(model(lambda g, x: half_weights(g, x, half=False)), mode)
    kinds = [sorted(t["type"] for t in tree(each)["graphs"][0]["tensors"].values()) for each in (made, wide)]
    assert kinds[0] == kinds[1]
    assert nearness(run(made, [samples()[0]["x"]]), run(model(half_weights), [samples()[0]["x"]])) > 30


def asymmetric_weights(graph: Graph, x: int, *, axis: bool = False, dtype: Any = np.int8) -> int:
    """Weights with zero points behind a DEQUANTIZE."""
    low = 0 if dtype == np.uint8 else -128
    values = np.random.default_rng(3).integers(low, low + 256, (16, 16), dtype)
    count = 16 if axis else 1
    point = [low + 128 + 9] * count
    w = dequantize(graph, graph.constant("wq", values, scales=[0.004] * count, zero_points=point), "w")
    made = graph.tensor("y", (1, 16))
    graph.op("FULLY_CONNECTED", [x, w, NONE], [made], options("FullyConnectedOptions"))
    return made


@pytest.mark.parametrize("mode", ["int8", "int16"])
@pytest.mark.parametrize(("axis", "dtype"), [(False, np.int8), (True, np.int8), (False, np.uint8)])
def test_weights_with_zero_points_are_made_symmetric(mode: str, axis: bool, dtype: Any) -> None:
    data = model(lambda g, x: asymmetric_weights(g, x, axis=axis, dtype=dtype))
    _, made = compiled(data, mode)
    for delegate in (True, False):
        assert nearness(run(made, [samples()[0]["x"]], delegate=delegate), run(data, [samples()[0]["x"]])) > 30


def trained(graph: Graph, x: int, *, dtype: Any = np.uint8, point: int = 128) -> int:
    """Pairs on input, weights (for each channel) and result, as quantization-aware training leaves them."""
    q = dequantize(graph, quantize(graph, x, "xq", STEP * 2, point, dtype), "xd")
    w = graph.constant("w", random(16, 16) * np.float32(0.2))
    stored = graph.tensor("wq", (16, 16), dtype, scales=np.linspace(0.004, 0.008, 16), zero_points=[point] * 16)
    graph.op("QUANTIZE", [w], [stored], options("QuantizeOptions"))
    wide = dequantize(graph, stored, "wd")
    made = graph.tensor("hidden", (1, 16))
    operands = [q, wide, graph.constant("b", random(16))]
    graph.op("FULLY_CONNECTED", operands, [made], options("FullyConnectedOptions"))
    return dequantize(graph, quantize(graph, made, "yq", 0.05, point, dtype), "y")


@pytest.mark.parametrize(("dtype", "point"), [(np.uint8, 128), (np.int8, 0)])
def test_pairs_of_training_become_integer_ops(dtype: Any, point: int) -> None:
    data = model(lambda g, x: trained(g, x, dtype=dtype, point=point))
    converter, made = compiled(data)
    assert converter.remarks[0].startswith("mode: integer (the model has quantize/dequantize pairs")
    kinds = {t["type"] for t in tree(made)["graphs"][0]["tensors"].values()}
    assert kinds == {schema.TensorType.FLOAT32, schema.TensorType.INT8, schema.TensorType.INT32}
    assert nearness(run(made, [random(1, 16)]), run(data, [random(1, 16)])) > 30


@pytest.mark.parametrize(("dtype", "point"), [(np.uint8, 128), (np.int8, 0)])
def test_pairs_of_training_give_way_to_int16(dtype: Any, point: int) -> None:
    data = model(lambda g, x: trained(g, x, dtype=dtype, point=point))
    _, made = compiled(data, "int16")
    graph = tree(made)["graphs"][0]
    kinds = {t["type"] for name, t in graph["tensors"].items() if name not in ("y", "yq")}
    assert schema.TensorType.INT16 in kinds
    assert graph["tensors"]["w"]["type"] == schema.TensorType.INT8
    for delegate in (True, False):
        assert nearness(run(made, [samples()[0]["x"]], delegate=delegate), run(data, [samples()[0]["x"]])) > 30


def test_a_range_on_an_input_alone_is_no_calibration() -> None:
    def build(graph: Graph, x: int) -> int:
        made = schema.QuantizationParametersT()
        made.min, made.max = np.float32([0]), np.float32([255])
        graph.record.tensors[x].quantization = made
        y = graph.tensor("y", (1, 128))
        graph.op(
            "FULLY_CONNECTED", [x, graph.constant("w", random(128, 16)), NONE], [y], options("FullyConnectedOptions")
        )
        return y

    converter, made = compiled(model(build))
    assert converter.remarks == ["mode: dynamic range (no representative data was given)"]
    assert tree(made)["graphs"][0]["tensors"]["w"]["type"] == schema.TensorType.INT8


def test_float16_with_nothing_to_narrow_adds_nothing() -> None:
    data = model(lambda graph, x: unary(graph, "ABS", x, "y"))
    plain = tflir.Converter.from_bytes(data)
    assert compiled(data, "float16")[1] == plain.convert()


@pytest.mark.parametrize("mode", ["int8", "int16"])
def test_a_signature_without_samples_is_named_and_gets_dynamic_range(mode: str) -> None:
    made = Model()
    shared = random(128, 16)
    for name in ("first", "second"):
        graph = made.graph(name)
        x, y = graph.tensor(f"{name}_x", (1, 16)), graph.tensor(f"{name}_y", (1, 128))
        w = graph.constant(f"{name}_w", shared)
        sums = graph.tensor(f"{name}_sums", (1, 128))
        graph.op("FULLY_CONNECTED", [x, w, NONE], [sums], options("FullyConnectedOptions"))
        graph.op("TANH", [sums], [y])  # whose scale the kernel fixes: that tells of no data
        graph.io([x], [y])
        made.signature(name, graph, {"x": x}, {"y": y})
    converter = tflir.Converter.from_bytes(made.to_bytes())
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.target_spec.supported_ops = MODES[mode].get("supported_ops", [FLOAT])
    converter.representative_dataset = lambda: [("first", {"x": random(1, 16, seed=seed)}) for seed in range(3)]
    small = converter.convert()
    assert "warning: no sample reached signature 'second': it gets dynamic range" in converter.remarks
    first, second = tree(small)["graphs"]
    weights = [next(t for n, t in graph["tensors"].items() if n.endswith("_w")) for graph in (first, second)]
    assert [w["type"] for w in weights] == [schema.TensorType.INT8] * 2
    assert len(small) < len(made.to_bytes()) / 2
    assert weights[0]["data"] == weights[1]["data"]


def _custom_result_without_shape(graph: Graph, x: int) -> Sequence[int]:
    made = graph.tensor("found", ())
    graph.record.tensors[made].hasRank = False
    return graph.op("CUSTOM", [x], [made], custom="NoSuchKernel")


def test_a_custom_op_without_a_kernel_is_one_error() -> None:
    data = model(lambda graph, x: _custom_result_without_shape(graph, x)[0])
    with pytest.raises(tflir.Error, match="no kernel for custom op 'NoSuchKernel'"):
        compiled(data, "int8")


@pytest.mark.parametrize("activation", [0, 1])
def test_svdf_is_integer_with_relu_alone(activation: int) -> None:
    def build(graph: Graph, x: int) -> int:
        operands = [x, graph.constant("f", random(8, 16)), graph.constant("t", random(8, 3)), NONE]
        y = graph.tensor("y", (1, 8))
        state = graph.tensor("state", (1, 24), variable=True)
        how = options("SVDFOptions", rank=1, fusedActivationFunction=activation)
        graph.op("SVDF", [*operands, state], [y], how)
        return y

    data = model(build)
    _, made = compiled(data, "int8")
    for delegate in (True, False):
        assert nearness(run(made, [samples()[0]["x"]], delegate=delegate), run(data, [samples()[0]["x"]])) > 20


def test_sparse_weights_become_integers_where_integers_alone_are_allowed() -> None:
    weights = random(64, 16)
    weights[np.random.default_rng(2).random(weights.shape) < 0.9] = 0

    def build(graph: Graph, x: int) -> int:
        y = graph.tensor("y", (1, 64))
        graph.op("FULLY_CONNECTED", [x, graph.constant("w", weights), NONE], [y], options("FullyConnectedOptions"))
        return y

    converter = tflir.Converter.from_bytes(model(build))
    converter.optimizations = [tflir.Optimize.EXPERIMENTAL_SPARSITY]
    sparse = converter.convert()
    codes = {op["code"] for op in tree(sparse)["graphs"][0]["operators"]}
    assert schema.BuiltinOperator.DENSIFY in codes
    converter = tflir.Converter.from_bytes(sparse)
    converter.optimizations, converter.representative_dataset = [tflir.Optimize.DEFAULT], samples
    converter.target_spec.supported_ops = [tflir.OpsSet.TFLITE_BUILTINS_INT8]
    assert nearness(run(converter.convert(), [samples()[0]["x"]]), run(sparse, [samples()[0]["x"]])) > 30


@pytest.mark.parametrize("mode", ["int8", "int16"])
def test_data_that_no_float_op_needs_counts_as_samples(mode: str) -> None:
    """The float layers lie beside a part that the model quantized itself: they stay, whatever samples there are."""
    made = Model()
    graph = made.graph()
    x, sums, y = graph.tensor("x", (1, 32)), graph.tensor("sums", (1, 64)), graph.tensor("y", (1, 32))
    first, last = graph.constant("first", random(64, 32)), graph.constant("last", random(32, 64))
    graph.op("FULLY_CONNECTED", [x, first, NONE], [sums], options("FullyConnectedOptions"))
    inner = dequantize(graph, quantize(graph, quantize(graph, sums, "q", 0.1), "again", 0.2), "d")
    graph.op("FULLY_CONNECTED", [inner, last, NONE], [y], options("FullyConnectedOptions"))
    graph.io([x], [y])
    made.signature("serving_default", graph, {"x": x}, {"y": y})
    converter = tflir.Converter.from_bytes(made.to_bytes())
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.target_spec.supported_ops = MODES[mode].get("supported_ops", [FLOAT])
    converter.representative_dataset = lambda: [[random(1, 32, seed=seed)] for seed in range(3)]
    small = converter.convert()
    assert not [remark for remark in converter.remarks if "no sample reached" in remark]
    kinds = {name: tensor["type"] for name, tensor in tree(small)["graphs"][0]["tensors"].items()}
    assert {kinds["first"], kinds["last"]} == {schema.TensorType.FLOAT32}
