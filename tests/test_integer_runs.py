"""Integer models in LiteRT, with its default delegate and without, beside numpy; TensorFlow's mistakes are mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from models_builder import Graph, Model, options, random
from object_tree import tree
from recording import nearness, recorded, run, to_bytes

import tflir

Array = npt.NDArray[Any]
F32 = np.float32


def _model(build: Callable[..., Sequence[int]], *shapes: Sequence[int]) -> bytes:
    model = Model()
    graph = model.graph()
    inputs = [graph.tensor(f"x{number}", shape) for number, shape in enumerate(shapes)]
    graph.io(inputs, build(graph, *inputs))
    return model.to_bytes()


def _samples(*shapes: Sequence[int], count: int = 4) -> list[list[Array]]:
    return [[random(*shape, seed=10 * n + k) for k, shape in enumerate(shapes)] for n in range(count)]


def _compile(data: bytes, samples: list[list[Array]], **fields: Any) -> bytes:
    converter = tflir.Converter.from_bytes(to_bytes(recorded(data, samples)))
    converter.optimizations = [tflir.Optimize.DEFAULT]
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _worst(data: bytes, samples: list[list[Array]], **fields: Any) -> float:
    """The worst signal-to-noise ratio of the compiled model's outputs, with the delegate and without, in dB."""
    made = _compile(data, samples, **fields)
    return min(
        nearness(run(made, values, delegate=delegate), run(data, values))
        for values in samples
        for delegate in (True, False)
    )


def _fake(values: Array, scale: float, point: int, low: int = -128, high: int = 127) -> Array:
    """Values as their nearest integers stand for them."""
    whole = np.clip(np.round(values.astype(np.float64) / scale) + point, low, high)
    return (whole - point) * scale


def _quantization(graph: dict[str, Any], name: str) -> tuple[Array, Array]:
    found = graph["tensors"][name]["quantization"]
    return np.array(found["scale"], np.float64), np.array(found["zeroPoint"])


def _step_between(made: bytes, name: str) -> float:
    return float(_quantization(tree(made)["graphs"][0], name)[0][0])


def test_a_layer_answers_as_fake_quantization_in_numpy() -> None:
    """y = fq(fq(x) fq(w)ᵀ + fq(b)): weights per channel in ±127, bias in steps of s_x s_w; one step apart at most."""
    weights, bias = random(6, 16), random(6, seed=3)

    def build(graph: Graph, x: int) -> list[int]:
        made = graph.tensor("y", (2, 6))
        operands = [x, graph.constant("w", weights), graph.constant("b", bias)]
        graph.op("FULLY_CONNECTED", operands, [made], options("FullyConnectedOptions"))
        return [made]

    data, samples = _model(build, (2, 16)), _samples((2, 16))
    made = _compile(data, samples, inference_input_type="int8", inference_output_type="int8")
    low, high = (f(np.array([s[0] for s in samples])) for f in (np.min, np.max))
    step = (high - low) / 255
    point = int(np.round(-128 - low / step))
    scales = np.abs(weights).max(axis=1) / 127
    held = _fake(weights, scales[:, None], 0, -127)
    offsets = np.round(bias / (step * scales)) * step * scales
    out_scale, out_point = _quantization(tree(made)["graphs"][0], "y")
    for (x,) in samples:
        expected = _fake(_fake(x, step, point) @ held.T + offsets, out_scale[0], int(out_point[0]))
        whole = np.clip(np.round(x / F32(step)) + point, -128, 127).astype(np.int8)
        (answer,) = run(made, [whole])
        difference = (answer.astype(np.float64) - out_point[0]) * out_scale[0] - expected
        assert np.abs(difference).max() <= 1.01 * out_scale[0]


def test_a_convolution_answers_as_fake_quantization_in_numpy() -> None:
    weights, bias = random(4, 1, 1, 8), random(4, seed=3)

    def build(graph: Graph, x: int) -> list[int]:
        made = graph.tensor("y", (1, 5, 5, 4))
        how = options("Conv2DOptions", strideW=1, strideH=1, fusedActivationFunction=1)
        graph.op("CONV_2D", [x, graph.constant("w", weights), graph.constant("b", bias)], [made], how)
        return [made]

    data, samples = _model(build, (1, 5, 5, 8)), _samples((1, 5, 5, 8))
    made = _compile(data, samples)
    low, high = (f(np.array([s[0] for s in samples])) for f in (np.min, np.max))
    step = (high - low) / 255
    point = int(np.round(-128 - low / step))
    flat = weights.reshape(4, 8)
    scales = np.abs(flat).max(axis=1) / 127
    held = _fake(flat, scales[:, None], 0, -127)
    offsets = np.round(bias / (step * scales)) * step * scales
    highest = max(float(run(data, s)[0].max()) for s in samples)
    for (x,) in samples:
        exact = np.maximum(_fake(x, step, point) @ held.T + offsets, 0)
        expected = _fake(exact, highest / 255, -128)
        for delegate in (True, False):
            (answer,) = run(made, [x], delegate=delegate)
            assert np.abs(answer - expected).max() <= 1.01 * highest / 255


def _one_hot(graph: Graph, x: int) -> list[int]:
    best = graph.tensor("best", (3,), np.int32)
    graph.op("ARG_MAX", [x, graph.constant("axis", np.int32(1))], [best], options("ArgMaxOptions", outputType=2))
    made = graph.tensor("hot", (3, 4))
    operands = [best, *(graph.constant(n, v) for n, v in (("d", np.int32(4)), ("on", F32(1)), ("off", F32(-0.5))))]
    graph.op("ONE_HOT", operands, [made], options("OneHotOptions", axis=-1))
    out = graph.tensor("y", (3, 4))
    graph.op("MUL", [made, x], [out], options("MulOptions"))
    return [out]


def _scatter(graph: Graph, x: int) -> list[int]:
    made = graph.tensor("y", (5,))
    index = graph.constant("i", np.array([[1], [3]], np.int32))
    shifted = graph.tensor("s", (2,))
    graph.op("ADD", [x, graph.constant("c", F32(3))], [shifted], options("AddOptions"))
    graph.op("SCATTER_ND", [index, shifted, graph.constant("n", np.array([5], np.int32))], [made])
    return [made]


def _matrix_diagonal(graph: Graph, x: int) -> list[int]:
    made, positive = graph.tensor("y", (1, 3, 3)), graph.tensor("e", (1, 3))
    graph.op("EXP", [x], [positive])
    graph.op("MATRIX_DIAG", [positive], [made])
    return [made]


def _embedding(graph: Graph, x: int) -> list[int]:
    table, index = graph.constant("t", random(10, 8)), graph.constant("i", np.array([1, 9, 4], np.int32))
    rows, made = graph.tensor("rows", (3, 8)), graph.tensor("y", (3, 8))
    graph.op("EMBEDDING_LOOKUP", [index, table], [rows])
    graph.op("ADD", [rows, x], [made], options("AddOptions"))
    return [made]


def _reverse_sequence(graph: Graph, x: int) -> list[int]:
    made, out = graph.tensor("r", (2, 4)), graph.tensor("y", (2, 4))
    lengths = graph.constant("n", np.array([2, 3], np.int32))
    graph.op("REVERSE_SEQUENCE", [x, lengths], [made], options("ReverseSequenceOptions", seqDim=1, batchDim=0))
    graph.op("ABS", [made], [out])
    return [out]


def _dynamic_weights(graph: Graph, x: int, w: int) -> list[int]:
    made = graph.tensor("y", (1, 4, 4, 3))
    how = options("Conv2DOptions", strideW=1, strideH=1)
    graph.op("CONV_2D", [x, w, graph.constant("b", np.zeros(3, F32))], [made], how)
    return [made]


def _dynamic_bias(graph: Graph, x: int, b: int) -> list[int]:
    made = graph.tensor("y", (2, 5))
    graph.op("FULLY_CONNECTED", [x, graph.constant("w", random(5, 8)), b], [made], options("FullyConnectedOptions"))
    return [made]


def _zero_channel(graph: Graph, x: int) -> list[int]:
    weights = random(5, 8)
    weights[2] = 0
    made = graph.tensor("y", (2, 5))
    operands = [x, graph.constant("w", weights), graph.constant("b", np.array([1, -1, 0.75, 2, 0], F32))]
    graph.op("FULLY_CONNECTED", operands, [made], options("FullyConnectedOptions"))
    return [made]


def _half_weights(graph: Graph, x: int) -> list[int]:
    wide, made = graph.tensor("wide", (5, 8)), graph.tensor("y", (2, 5))
    graph.op("DEQUANTIZE", [graph.constant("w", random(5, 8).astype(np.float16))], [wide], version=3)
    graph.op("FULLY_CONNECTED", [x, wide, -1], [made], options("FullyConnectedOptions"))
    return [made]


_CASES: dict[str, tuple[Callable[..., Sequence[int]], tuple[tuple[int, ...], ...], float]] = {
    "one_hot": (_one_hot, ((3, 4),), 25),
    "scatter_nd": (_scatter, ((2,),), 30),
    "matrix_diag": (_matrix_diagonal, ((1, 3),), 30),
    "embedding_lookup": (_embedding, ((3, 8),), 30),
    "reverse_sequence": (_reverse_sequence, ((2, 4),), 30),
    "dynamic weights": (_dynamic_weights, ((1, 4, 4, 2), (3, 1, 1, 2)), 30),
    "dynamic bias": (_dynamic_bias, ((2, 8), (5,)), 30),
    "zero channel": (_zero_channel, ((2, 8),), 30),
    "float16 weights": (_half_weights, ((2, 8),), 30),
}


@pytest.mark.parametrize("name", _CASES)
def test_what_tensorflow_gets_wrong_is_right(name: str) -> None:
    build, shapes, least = _CASES[name]
    assert _worst(_model(build, *shapes), _samples(*shapes)) > least


def test_float16_weights_become_int8() -> None:
    made = _compile(_model(_half_weights, (2, 8)), _samples((2, 8)))
    tensors = tree(made)["graphs"][0]["tensors"]
    assert {tensors[name]["type"] for name in ("w",)} == {9}


def test_a_large_bias_of_a_layer_with_one_scale_moves_its_integers() -> None:
    """The scale moves by less than 1e-3, which TensorFlow takes for nothing and keeps the old integers."""
    weights = (random(3, 8) * 1e-3).astype(F32)

    def build(graph: Graph, x: int) -> list[int]:
        made = graph.tensor("y", (2, 3))
        operands = [x, graph.constant("w", weights), graph.constant("b", np.array([100, 50, -3], F32))]
        graph.op("FULLY_CONNECTED", operands, [made], options("FullyConnectedOptions"))
        return [made]

    samples = [[1e-3 * values for values in sample] for sample in _samples((2, 8))]
    made = _compile(_model(build, (2, 8)), samples, disable_per_channel=True)
    graph = tree(made)["graphs"][0]
    scale = graph["tensors"]["w"]["quantization"]["scale"][0]
    assert scale > 1.5 * np.abs(weights).max() / 127
    whole = np.frombuffer(graph["tensors"]["w"]["data"], np.int8).reshape(3, 8)
    assert np.abs(whole * scale - weights).max() <= 0.51 * scale


def test_the_bias_of_a_transposed_convolution_fits_beside_weights_of_zero() -> None:
    def build(graph: Graph, x: int) -> list[int]:
        weights, bias = graph.constant("w", np.zeros((8, 3, 3, 4), F32)), graph.constant("b", random(8))
        operands = [graph.constant("s", np.int32([1, 6, 6, 8])), weights, x, bias]
        how = options("TransposeConvOptions", padding=1, strideH=1, strideW=1)
        graph.op("TRANSPOSE_CONV", operands, made := [graph.tensor("y", (1, 6, 6, 8))], how, version=3)
        return made

    shape = (1, 4, 4, 4)
    assert _worst(_model(build, shape), _samples(shape)) > 35


def test_an_untaken_branch_stays_float() -> None:
    """Ranges lie on the values of the first subgraph alone; the other is left as it is, and both run."""
    model = Model()
    main, yes, no = model.graph("main"), model.graph("yes"), model.graph("no")
    for graph, builtin in ((yes, "EXP"), (no, "TANH")):
        inner = graph.tensor("i", (1, 4))
        graph.io([inner], graph.op(builtin, [inner], [graph.tensor("o", (1, 4))]))
    x, choose = main.tensor("x", (1, 4)), main.tensor("c", (), np.bool_)
    before, after = main.tensor("b", (1, 4)), main.tensor("y", (1, 4))
    main.op("ABS", [x], [before])
    main.op("IF", [choose, before], [after], options("IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2))
    main.io([x, choose], [after])
    data = model.to_bytes()
    samples = [[random(1, 4, seed=n), np.array(True)] for n in range(3)]
    made = _compile(data, samples)
    first, *others = tree(made)["graphs"]
    assert len(first["operators"]) == 4
    assert all(len(graph["operators"]) == 1 for graph in others)
    assert min(nearness(run(made, s), run(data, s)) for s in samples) > 30


def _lstm(graph: Graph, x: int) -> list[int]:
    units, width = 6, 5
    weights = [graph.constant(f"w{n}", random(units, width, seed=n) * F32(0.4)) for n in range(4)]
    recurrent = [graph.constant(f"r{n}", random(units, units, seed=20 + n) * F32(0.3)) for n in range(4)]
    biases = [graph.constant(f"b{n}", random(units, seed=40 + n) * F32(0.2)) for n in range(4)]
    state, cell = (graph.tensor(name, (1, units), variable=True) for name in ("h", "c"))
    made = graph.tensor("y", (1, 7, units))
    operands = [x, *weights, *recurrent, -1, -1, -1, *biases, -1, -1, state, cell, -1, -1, -1, -1]
    how = options("UnidirectionalSequenceLSTMOptions", fusedActivationFunction=4)
    graph.op("UNIDIRECTIONAL_SEQUENCE_LSTM", operands, [made], how)
    return [made]


def _with_states(data: bytes, samples: list[list[Array]]) -> bytes:
    """The ranges of an LSTM's states beside those that are recorded: its output's, and a cell state within ±4."""
    from tflir.ir.functions import functions
    from tflir.ir.statistics import Range, ranges_of, set_ranges

    module = recorded(data, samples)
    function = next(functions(module))
    (op,) = (op for op in function.body.block.ops if op.name == "tfl.unidirectional_sequence_lstm")
    output = ranges_of(function)[op.results[0]]
    set_ranges(function, {op.operands[18]: output, op.operands[19]: Range(-4.0, 4.0)})
    return to_bytes(module)


def test_an_lstm_is_integer_with_its_state() -> None:
    data, samples = _model(_lstm, (1, 7, 5)), _samples((1, 7, 5))
    converter = tflir.Converter.from_bytes(_with_states(data, samples))
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.target_spec = tflir.TargetSpec([tflir.OpsSet.TFLITE_BUILTINS_INT8])
    made = converter.convert()
    tensors = tree(made)["graphs"][0]["tensors"]
    assert tensors["c"]["type"] == 7
    np.testing.assert_allclose(tensors["c"]["quantization"]["scale"], [4 / 32768])
    assert (
        tensors["h"]["quantization"] == tensors[tree(made)["graphs"][0]["operators"][1]["outputs"][0]]["quantization"]
    )
    assert min(nearness(run(made, s), run(data, s)) for s in samples) > 25


def test_ranges_that_are_not_finite_leave_the_op_float() -> None:
    from tflir.ir.functions import functions
    from tflir.ir.statistics import Range, set_ranges

    data = _model(lambda g, x: g.op("ABS", [x], [g.tensor("y", (4,))]), (4,))
    module = recorded(data, _samples((4,)))
    function = next(functions(module))
    set_ranges(function, {function.body.block.args[0]: Range(-np.inf, 1.0)})
    converter = tflir.Converter.from_bytes(to_bytes(module))
    converter.optimizations = [tflir.Optimize.DEFAULT]
    made = tree(converter.convert())["graphs"][0]
    assert len(made["operators"]) == 1


def test_skipping_an_op_leaves_it_float() -> None:
    def build(graph: Graph, x: int) -> list[int]:
        first, second = graph.tensor("first", (4,)), graph.tensor("second", (4,))
        graph.op("ABS", [x], [first])
        graph.op("EXP", [first], [second])
        return [second]

    data, samples = _model(build, (4,)), _samples((4,))
    made = tree(_compile(data, samples, skip=["first"]))["graphs"][0]
    assert [op["code"] for op in made["operators"]] == [101, 114, 47, 6]
    made = tree(_compile(data, samples, quantize_only=["ABS"]))["graphs"][0]
    assert [op["code"] for op in made["operators"]] == [114, 101, 6, 47]
    with pytest.raises(tflir.Error, match=r"'thrid' names no op"):
        _compile(data, samples, skip=["thrid"])
