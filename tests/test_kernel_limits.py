"""Values that were zero throughout calibration, or very far apart: no model is made that the runtime can't run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from models_builder import Graph, Model, options
from recording import nearness, run
from test_masks import F32, MODES, Array, answers, compiled

import tflir
from tflir.files import load_bytes
from tflir.ir.tfl.constants import QConstOp

Build = Callable[[Graph, int], int]
SHAPE = (1, 4, 4, 4)
RELU, RELU_N1_TO_1, RELU6 = 1, 2, 3


def _op(graph: Graph, builtin: str, inputs: list[int], table: Any = None, shape: tuple[int, ...] = SHAPE) -> int:
    made = graph.tensor(f"{builtin.lower()}_{len(graph.record.tensors)}", shape)
    graph.op(builtin, inputs, [made], table)
    return made


def _weights(graph: Graph, *shape: int, bias: float = 0) -> list[int]:
    """Negative weights and a bias of 4: of positive inputs they make nothing that a RELU lets through."""
    w = -np.abs(np.random.default_rng(1).normal(size=shape)).astype(F32)
    return [graph.constant("w", w), graph.constant("b", np.full(4, bias, F32))]


def _positive(graph: Graph, x: int) -> int:
    return _op(graph, "RELU", [x])


def _convolution(act: int) -> Build:
    def build(graph: Graph, x: int) -> int:
        w = -np.abs(np.random.default_rng(1).normal(size=(4, 1, 1, 4))).astype(F32)
        how = options("Conv2DOptions", padding=0, strideH=1, strideW=1, fusedActivationFunction=act)
        return _op(
            graph, "CONV_2D", [_positive(graph, x), graph.constant("w", w), graph.constant("b", np.zeros(4, F32))], how
        )

    return build


def _depthwise(graph: Graph, x: int) -> int:
    w = -np.abs(np.random.default_rng(1).normal(size=(1, 3, 3, 4))).astype(F32)
    how = options(
        "DepthwiseConv2DOptions", padding=0, strideH=1, strideW=1, depthMultiplier=1, fusedActivationFunction=RELU6
    )
    return _op(
        graph,
        "DEPTHWISE_CONV_2D",
        [_positive(graph, x), graph.constant("w", w), graph.constant("b", np.zeros(4, F32))],
        how,
    )


def _dense(graph: Graph, x: int) -> int:
    w = -np.abs(np.random.default_rng(1).normal(size=(3, 64))).astype(F32)
    how = options("FullyConnectedOptions", fusedActivationFunction=RELU)
    return _op(
        graph,
        "FULLY_CONNECTED",
        [_positive(graph, x), graph.constant("w", w), graph.constant("b", np.full(3, -50, F32))],
        how,
        (1, 3),
    )


def _times_zero(graph: Graph, x: int) -> int:
    return _op(
        graph, "MUL", [x, graph.constant("zero", F32(0))], options("MulOptions", fusedActivationFunction=RELU_N1_TO_1)
    )


def _itself(builtin: str, table: str | None) -> Build:
    return lambda graph, x: _op(graph, builtin, [x, x], None if table is None else options(table))


def _sum_of_none(builtin: str) -> Build:
    def build(graph: Graph, x: int) -> int:
        nothing = _op(graph, "SUB", [x, x], options("SubOptions"))
        axes = graph.constant("axes", np.int32([1, 2]))
        return _op(graph, builtin, [nothing, axes], options("ReducerOptions"), (1, 4))

    return build


def _then(builtin: str, table: Any = None) -> Build:
    return lambda graph, x: _op(graph, builtin, [_convolution(RELU6)(graph, x)], table)


def _added(graph: Graph, x: int) -> int:
    return _op(graph, "ADD", [_convolution(RELU)(graph, x), x], options("AddOptions"))


def _product(graph: Graph, x: int) -> int:
    zero = _convolution(RELU)(graph, x)
    return _op(graph, "BATCH_MATMUL", [zero, x], options("BatchMatMulOptions"))


ZERO: dict[str, Build] = {
    "CONV_2D and RELU6": _convolution(RELU6),
    "CONV_2D and RELU": _convolution(RELU),
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "MUL": _times_zero,
    "SUB": _itself("SUB", "SubOptions"),
    "SQUARED_DIFFERENCE": _itself("SQUARED_DIFFERENCE", None),
    "SUM": _sum_of_none("SUM"),
    "MEAN": _sum_of_none("MEAN"),
    "ABS": _then("ABS"),
    "LEAKY_RELU": _then("LEAKY_RELU", options("LeakyReluOptions", alpha=0.5)),
    "SOFTMAX": _then("SOFTMAX", options("SoftmaxOptions", beta=1.0)),
    "TANH": _then("TANH"),
    "HARD_SWISH": _then("HARD_SWISH"),
    "ADD": _added,
    "BATCH_MATMUL": _product,
}


@pytest.mark.parametrize("mode", ["int8", "per tensor", "int8 inputs and outputs", "16x8"])
@pytest.mark.parametrize("kind", ZERO)
def test_what_is_zero_throughout_runs(kind: str, mode: str) -> None:
    made = Model()
    graph = made.graph()
    x = graph.tensor("x", SHAPE)
    graph.io([x], [ZERO[kind](graph, x)])
    data = made.to_bytes()
    samples = [[np.random.default_rng(seed).uniform(-2, 2, SHAPE).astype(F32)] for seed in range(3)]
    quantized = compiled(data, samples, mode)
    for delegate in (False, True):
        for values in samples:
            (wanted,), (got,) = run(data, values), answers(quantized, values, delegate=delegate)
            assert np.abs(got - wanted).max() <= 0.02 * max(1, np.abs(wanted).max())


@pytest.mark.parametrize("spread", [1.0, 300.0, 3e9])
def test_comparisons_of_large_numbers_run(spread: float) -> None:
    """The integer kernel ends the process where steps are 1 or more."""
    made = Model()
    graph = made.graph()
    x, y, out = graph.tensor("x", (2, 6)), graph.tensor("y", (2, 6)), graph.tensor("out", (2, 6), np.bool_)
    graph.op("GREATER", [x, y], [out], options("GreaterOptions"))
    graph.io([x, y], [out])
    rng = np.random.default_rng(1)
    samples = [[(spread * rng.uniform(-1, 1, (2, 6))).astype(F32) for _ in range(2)] for _ in range(4)]
    quantized = compiled(made.to_bytes(), samples, "int8")
    for delegate in (False, True):
        same = [
            answers(quantized, values, delegate=delegate)[0] == run(made.to_bytes(), values)[0] for values in samples
        ]
        assert np.mean(same) > 0.9


@pytest.mark.parametrize("mode", ["int8", "16x8"])
def test_scores_beside_boxes_keep_their_steps(mode: str) -> None:
    made = Model()
    graph = made.graph()
    x = graph.tensor("x", (1, 8, 4))
    boxes = _op(graph, "MUL", [x, graph.constant("size", F32(600))], options("MulOptions"), (1, 8, 4))
    scores = _op(graph, "LOGISTIC", [x], None, (1, 8, 4))
    joined = _op(graph, "CONCATENATION", [boxes, scores], options("ConcatenationOptions", axis=2), (1, 8, 8))
    turned = _op(graph, "TRANSPOSE", [joined, graph.constant("order", np.int32([0, 2, 1]))], None, (1, 8, 8))
    graph.io([x], [turned])
    samples = [[np.random.default_rng(seed).uniform(-2, 2, (1, 8, 4)).astype(F32)] for seed in range(4)]
    quantized = compiled(made.to_bytes(), samples, mode)
    for values in samples:
        wanted, got = run(made.to_bytes(), values)[0], answers(quantized, values, delegate=True)[0]
        for row in range(8):
            assert nearness([got[:, row]], [wanted[:, row]]) > 30


@pytest.mark.parametrize("mode", ["int8", "int8 inputs and outputs", "per tensor", "16x8"])
def test_a_weight_has_the_scales_that_each_of_its_readers_wants(mode: str) -> None:
    made = Model()
    graph = made.graph()
    x = graph.tensor("x", (4, 4))
    w = graph.constant("w", np.random.default_rng(1).normal(size=(4, 4)).astype(F32) * F32([[1], [9], [0.2], [3]]))
    first = _op(graph, "FULLY_CONNECTED", [x, w, -1], options("FullyConnectedOptions"), (4, 4))
    second = _op(graph, "BATCH_MATMUL", [x, w], options("BatchMatMulOptions"), (4, 4))
    third = _op(graph, "FULLY_CONNECTED", [second, w, -1], options("FullyConnectedOptions"), (4, 4))
    fourth = _op(graph, "MUL", [x, w], options("MulOptions"), (4, 4))
    graph.io([x], [first, second, third, fourth])
    samples = [[np.random.default_rng(seed).normal(size=(4, 4)).astype(F32)] for seed in range(6)]
    quantized = compiled(made.to_bytes(), samples, mode)
    for values in samples:
        assert nearness(answers(quantized, values, delegate=True), run(made.to_bytes(), values)) > 20
    if mode == "int8":
        constants = [op for op in load_bytes(quantized).walk() if isinstance(op, QConstOp)]
        assert len(constants) == 2, "one for each channel, one for all"


def test_layers_and_products_of_matrices_share_no_constant_with_one_scale() -> None:
    made = Model()
    graph = made.graph()
    x, w = graph.tensor("x", (4, 32)), graph.constant("w", np.random.default_rng(1).normal(size=(32, 32)).astype(F32))
    first = _op(graph, "FULLY_CONNECTED", [x, w, -1], options("FullyConnectedOptions"), (4, 32))
    graph.io([x], [_op(graph, "BATCH_MATMUL", [first, w], options("BatchMatMulOptions"), (4, 32))])
    converter = tflir.Converter.from_bytes(made.to_bytes())
    converter.optimizations, converter.disable_per_channel = [tflir.Optimize.DEFAULT], True
    quantized, values = converter.convert(), [np.random.default_rng(2).normal(size=(4, 32)).astype(F32)]
    for delegate in (True, False):
        assert nearness(answers(quantized, values, delegate=delegate), run(made.to_bytes(), values)) > 25


@pytest.mark.parametrize("mode", list(MODES)[:4])
def test_an_output_is_what_its_op_made_and_no_copy_for_others(mode: str) -> None:
    made = Model()
    graph = made.graph()
    x = graph.tensor("x", (2, 8))
    soft = _op(graph, "SOFTMAX", [x], options("SoftmaxOptions", beta=1.0), (2, 8))
    least = _op(graph, "MINIMUM", [x, soft], None, (2, 8))
    graph.io([x], [soft, least])
    samples = [[np.random.default_rng(seed).uniform(-20, 4, (2, 8)).astype(F32)] for seed in range(6)]
    quantized = compiled(made.to_bytes(), samples, mode)
    together: list[list[Array]] = [[], []]
    for values in samples:
        together[0] += answers(quantized, values, delegate=True)[:1]
        together[1] += run(made.to_bytes(), values)[:1]
    assert nearness([np.concatenate(together[0])], [np.concatenate(together[1])]) > 25


@pytest.mark.parametrize("mode", list(MODES))
def test_a_value_cut_by_one_reader_is_whole_for_the_next(mode: str) -> None:
    made = Model()
    graph = made.graph()
    a, b = graph.tensor("a", (1, 16)), graph.tensor("b", (1, 16))
    positive = _op(graph, "RELU", [a], None, (1, 16))
    largest = _op(graph, "MAXIMUM", [positive, b], None, (1, 16))
    sizes = graph.constant("sizes", np.int32([[0, 0], [0, 1]]))
    padded = _op(graph, "PADV2", [b, sizes, graph.constant("zero", F32(0))], None, (1, 17))
    graph.io([a, b], [largest, padded])
    rng = np.random.default_rng(2)
    samples = [[rng.uniform(-2, 2, (1, 16)).astype(F32) for _ in range(2)] for _ in range(6)]
    quantized = compiled(made.to_bytes(), samples, mode)
    for values in samples:
        assert nearness(answers(quantized, values, delegate=True), run(made.to_bytes(), values)) > 25


def test_an_input_that_nothing_reads_is_no_reason_to_refuse_int8() -> None:
    made = Model()
    graph = made.graph()
    x, unread = graph.tensor("x", (1, 8)), graph.tensor("unread", (1, 8))
    constant = graph.constant("constant", np.ones((1, 8), F32))
    graph.io([x, unread], [_op(graph, "TANH", [x], None, (1, 8)), constant])
    samples = [[np.random.default_rng(seed).normal(size=(1, 8)).astype(F32) for _ in range(2)] for seed in range(3)]
    quantized = compiled(made.to_bytes(), samples, "int8 inputs and outputs")
    assert nearness(answers(quantized, samples[0], delegate=True), run(made.to_bytes(), samples[0])) > 25
