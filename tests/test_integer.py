"""Full-integer quantization: numbers that TensorFlow's converter was measured to give, and runs in LiteRT beside numpy.

The expected scales, zero points and integers of the first part are TensorFlow 2.21's for the same model and data; those
of the second come from a float reference with fake quantization written here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import Graph, Model, options
from object_tree import tree
from recording import recorded, to_bytes

import tflir

Array = npt.NDArray[Any]
W1 = ((np.arange(32).reshape(8, 4) % 7 - 3) / 4).astype(np.float32)
B1 = np.array([0.5, -0.25, 0, 1], np.float32)
DATA = [np.linspace(-1, 3, 8, dtype=np.float32)[None], np.linspace(-2, 1, 8, dtype=np.float32)[None]]
NONE = "NONE"
X = ([0.01960784], [-26])


def _model(build: Callable[[Graph, int], Sequence[int]], shape: Sequence[int] = (1, 8)) -> bytes:
    """A model of one input x whose other tensors `build` makes; it gives the outputs."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", shape)
    graph.io([x], build(graph, x))
    return model.to_bytes()


def _layer(graph: Graph, x: int, out: str = "y") -> int:
    """x @ W1 + B1."""
    weights, bias = graph.constant("w", np.ascontiguousarray(W1.T)), graph.constant("b", B1)
    made = graph.tensor(out, (1, 4))
    graph.op("FULLY_CONNECTED", [x, weights, bias], [made], options("FullyConnectedOptions"))
    return made


def _unary(graph: Graph, builtin: str, x: int, out: str, shape: Sequence[int] = (1, 8), how: Any = None) -> int:
    made = graph.tensor(out, shape)
    graph.op(builtin, [x], [made], how)
    return made


def _running_sum(graph: Graph, x: int, out: str, shape: Sequence[int] = (1, 8)) -> int:
    made = graph.tensor(out, shape)
    axis = graph.constant(f"{out}_axis", np.int32(1))
    graph.op("CUMSUM", [x, axis], [made], options("CumsumOptions"))
    return made


def _binary(graph: Graph, builtin: str, a: int, b: int, out: str, shape: Sequence[int] = (1, 8)) -> int:
    made = graph.tensor(out, shape)
    table = {"ADD": "AddOptions", "MUL": "MulOptions", "CONCATENATION": "ConcatenationOptions"}[builtin]
    graph.op(builtin, [a, b], [made], options(table, **({"axis": 1} if builtin == "CONCATENATION" else {})))
    return made


def _quantized(data: bytes, samples: Sequence[Array] = (), **fields: Any) -> bytes:
    """The model with ranges from `samples`, compiled to int8."""
    module = recorded(data, [[one] for one in (samples or DATA)])
    converter = tflir.Converter.from_bytes(to_bytes(module))
    converter.optimizations = [tflir.Optimize.DEFAULT]
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _graph(data: bytes) -> dict[str, Any]:
    return tree(data)["graphs"][0]


def _params(graph: dict[str, Any], name: str) -> tuple[Any, Any]:
    found = graph["tensors"][name]["quantization"]
    return pytest.approx(found["scale"], rel=1e-6), list(found["zeroPoint"])


def _integers(graph: dict[str, Any], name: str, dtype: npt.DTypeLike) -> list[int]:
    return np.frombuffer(graph["tensors"][name]["data"], dtype).tolist()


def _ops(graph: dict[str, Any]) -> list[str]:
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    return [names[op["code"]] for op in graph["operators"]]


def _made_by(graph: dict[str, Any], kind: str) -> list[str]:
    """The names of what ops of a kind make."""
    return [
        out for name, op in zip(_ops(graph), graph["operators"], strict=True) if name == kind for out in op["outputs"]
    ]


# TensorFlow's numbers (docs/semantics.md, Measured numbers)


def test_a_layer_has_tensorflows_scales_and_integers() -> None:
    graph = _graph(_quantized(_model(lambda g, x: [_layer(g, x)])))
    assert _ops(graph) == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]
    assert _params(graph, _made_by(graph, "QUANTIZE")[0]) == X
    assert graph["operators"][1]["version"] == 4
    scales = graph["tensors"]["w"]["quantization"]["scale"]
    np.testing.assert_allclose(scales, 0.00590551179, rtol=1e-7)
    assert _integers(graph, "w", np.int8)[:4] == [-127, 42, -85, 85]
    np.testing.assert_allclose(graph["tensors"]["b"]["quantization"]["scale"], 0.000115794355, rtol=1e-7)
    assert _integers(graph, "b", np.int32) == [4318, -2159, 0, 8636]
    assert _params(graph, _made_by(graph, "FULLY_CONNECTED")[0]) == ([0.01862745], [-34])


def test_integer_inputs_and_outputs() -> None:
    data = _model(lambda g, x: [_layer(g, x)])
    graph = _graph(_quantized(data, inference_input_type=np.int8, inference_output_type=np.int8))
    assert _ops(graph) == ["FULLY_CONNECTED"]
    assert _params(graph, "x") == X
    assert _params(graph, "y") == ([0.01862745], [-34])
    graph = _graph(_quantized(data, inference_input_type="uint8", inference_output_type="uint8"))
    assert _ops(graph) == ["QUANTIZE", "FULLY_CONNECTED", "QUANTIZE"]
    assert graph["tensors"]["x"]["type"] == schema.TensorType.UINT8
    assert _params(graph, "x") == ([0.01960784], [102])
    assert _params(graph, "y") == ([0.01862745], [94])


def test_softmax_has_a_fixed_range() -> None:
    def build(graph: Graph, x: int) -> list[int]:
        return [_unary(graph, "SOFTMAX", _layer(graph, x, "z"), "y", (1, 4), options("SoftmaxOptions", beta=1.0))]

    graph = _graph(_quantized(_model(build)))
    assert _params(graph, "z") == ([0.01862745], [-34])
    assert _params(graph, _made_by(graph, "SOFTMAX")[0]) == ([0.00390625], [-128])


def test_a_merge_overwrites_what_it_reads_only_for_tensorflow() -> None:
    def build(graph: Graph, x: int) -> list[int]:
        four = _binary(graph, "MUL", x, graph.constant("four", np.float32(4)), "m")
        return [_binary(graph, "CONCATENATION", x, four, "c", (1, 16)), _unary(graph, "TANH", x, "t")]

    theirs = _graph(_quantized(_model(build), tf_compat=True))
    assert _params(theirs, _made_by(theirs, "QUANTIZE")[0]) == ([0.07843138], [-26])
    assert _params(theirs, _made_by(theirs, "TANH")[0]) == ([0.0078125], [0])
    ours = _graph(_quantized(_model(build)))
    (tanh,) = (op for name, op in zip(_ops(ours), ours["operators"], strict=True) if name == "TANH")
    assert _params(ours, tanh["inputs"][0]) == X
    (merge,) = (op for name, op in zip(_ops(ours), ours["operators"], strict=True) if name == "CONCATENATION")
    assert [_params(ours, name) for name in merge["inputs"]] == [([0.07843138], [-26])] * 2


def test_fixed_ranges_are_requantized_for_a_merge() -> None:
    def build(graph: Graph, x: int) -> list[int]:
        one, other = _unary(graph, "LOGISTIC", x, "s"), _unary(graph, "TANH", x, "t")
        return [_binary(graph, "CONCATENATION", one, other, "c", (1, 16))]

    graph = _graph(_quantized(_model(build)))
    (merge,) = (op for name, op in zip(_ops(graph), graph["operators"], strict=True) if name == "CONCATENATION")
    assert _ops(graph).count("QUANTIZE") == 3
    assert [_params(graph, name) for name in merge["inputs"]] == [([0.007682676], [-3])] * 2


@pytest.mark.parametrize(
    ("samples", "expected"),
    [([np.zeros((1, 8), np.float32)], ([7.843137e-09], [0])), ([np.linspace(1, 5, 8)], ([0.01960784], [-128]))],
)
def test_ranges_hold_zero_and_are_no_points(samples: list[Array], expected: tuple[list[float], list[int]]) -> None:
    samples = [one.reshape(1, 8).astype(np.float32) for one in samples]
    graph = _graph(_quantized(_model(lambda g, x: [_unary(g, "RELU", x, "y")]), samples))
    assert _params(graph, _made_by(graph, "QUANTIZE")[0]) == expected
    assert _params(graph, _made_by(graph, "RELU")[0]) == expected


def test_a_constant_operand_takes_all_of_int8() -> None:
    graph = _graph(_quantized(_model(lambda g, x: [_binary(g, "ADD", x, g.constant("c", np.float32(2.5)), "y")])))
    assert _params(graph, "c") == ([0.009803922], [-128])
    assert _integers(graph, "c", np.int8) == [127]


def test_arg_max_is_integer_whatever_else_reads_its_input() -> None:
    def build(graph: Graph, x: int) -> list[int]:
        axis = graph.constant("axis", np.int32(1))
        best = graph.tensor("best", (1,), np.int64)
        graph.op("ARG_MAX", [x, axis], [best], options("ArgMaxOptions", outputType=schema.TensorType.INT64))
        return [best, _unary(graph, "SIN", x, "s")]

    def kind_read(data: bytes) -> int:
        graph = _graph(data)
        (op,) = (op for name, op in zip(_ops(graph), graph["operators"], strict=True) if name == "ARG_MAX")
        return graph["tensors"][op["inputs"][0]]["type"]

    assert kind_read(_quantized(_model(build))) == schema.TensorType.INT8
    assert kind_read(_quantized(_model(build), tf_compat=True)) == schema.TensorType.FLOAT32


def test_a_float_op_stays_between_integer_ones() -> None:
    data = _model(lambda g, x: [_unary(g, "TANH", _unary(g, "SIN", x, "s"), "y")])
    graph = _graph(_quantized(data))
    assert _ops(graph) == ["SIN", "QUANTIZE", "TANH", "DEQUANTIZE"]
    converter = {"target_spec": tflir.TargetSpec([tflir.OpsSet.TFLITE_BUILTINS_INT8])}
    assert _ops(_graph(_quantized(data, **converter)))[-2:] == ["TANH", "DEQUANTIZE"]  # sine from a table
    data = _model(lambda g, x: [_unary(g, "TANH", _running_sum(g, x, "s"), "y")])
    with pytest.raises(tflir.Error, match=r"1 op can't be integer: CUMSUM 's'") as refused:
        _quantized(data, **converter)
    assert refused.value.status == 3


def test_a_bias_too_large_makes_its_channel_coarser() -> None:
    weights = np.array([[1e-5, 2e-5], [1, 0.5], [-1e-4, 1e-4]], np.float32)
    bias = np.array([1000, 1, -5], np.float32)

    def build(graph: Graph, x: int) -> list[int]:
        made = graph.tensor("y", (1, 3))
        operands = [x, graph.constant("w", weights), graph.constant("b", bias)]
        graph.op("FULLY_CONNECTED", operands, [made], options("FullyConnectedOptions"))
        return [made]

    samples = [np.array([[1e-3, -1e-3]], np.float32)]
    graph = _graph(_quantized(_model(build, (1, 2)), samples))
    scales = graph["tensors"]["w"]["quantization"]["scale"]
    np.testing.assert_allclose(scales, [0.118743621, 0.00787401572, 0.000593718141], rtol=1e-6)
    assert _integers(graph, "w", np.int8) == [0, 0, 127, 64, 0, 0]
    assert _integers(graph, "b", np.int32) == [1073741824, 16192500, -1073741824]


def test_training_with_fake_quantization_decides() -> None:
    """Weights ±1 in 8 bits, narrow: ties of the training graph round up. TensorFlow's integers."""

    def fake(graph: Graph, x: int, name: str, shape: Sequence[int], low: float, high: float, narrow: bool) -> int:
        made = graph.tensor(name, shape)
        how = options("FakeQuantOptions", min=low, max=high, numBits=8, narrowRange=narrow)
        graph.op("FAKE_QUANT", [x], [made], how)
        return made

    def build(graph: Graph, x: int) -> list[int]:
        seen = fake(graph, x, "xf", (1, 8), -1.0, 3.0, False)
        weights = fake(graph, graph.constant("w", np.ascontiguousarray(W1.T)), "wf", (4, 8), -1.0, 1.0, True)
        made = graph.tensor("y", (1, 4))
        graph.op("FULLY_CONNECTED", [seen, weights, graph.constant("b", B1)], [made], options("FullyConnectedOptions"))
        return [fake(graph, made, "yf", (1, 4), 0.0, 6.0, False)]

    converter = tflir.Converter.from_bytes(_model(build))
    converter.optimizations = [tflir.Optimize.DEFAULT]
    graph = _graph(converter.convert())
    assert _ops(graph) == ["QUANTIZE", "FULLY_CONNECTED", "DEQUANTIZE"]
    np.testing.assert_allclose(graph["tensors"]["w"]["quantization"]["scale"], [0.00787401572], rtol=1e-7)
    assert _integers(graph, "w", np.int8)[:4] == [-95, 32, -63, 64]
    np.testing.assert_allclose(graph["tensors"]["b"]["quantization"]["scale"], 0.000123513979, rtol=1e-7)
    assert _integers(graph, "b", np.int32) == [4048, -2024, 0, 8096]
