"""Models with dead channels, before and after their removal: the same answers in LiteRT from smaller tensors."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from dead_channels import assert_same, check, dims, removed, with_dead
from models_builder import NONE, Model, options, random
from net_builder import RELU, SAME, VALID, Net
from object_tree import tree

F32 = np.float32


def test_a_chain_of_all_that_works_channel_by_channel() -> None:
    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, with_dead(random(8, 3, 3, 3), 1, 4), random(8), padding=SAME)
        add, mul = options("AddOptions"), options("MulOptions", fusedActivationFunction=RELU)
        y = net.op("ADD", "add", [y, net.constant("beta", random(8, seed=2))], (1, 10, 10, 8), add)
        y = net.op("MUL", "mul", [net.constant("gamma", random(1, 1, 8, seed=3)), y], (1, 10, 10, 8), mul)
        y = net.depthwise("d", y, random(1, 3, 3, 8, seed=4), random(8, seed=5))
        pool = options("Pool2DOptions", strideH=2, strideW=2, filterHeight=2, filterWidth=2)
        y = net.op("MAX_POOL_2D", "pool", [y], (1, 4, 4, 8), pool)
        return net.conv("b", y, random(5, 1, 1, 8, seed=6), random(5, seed=7))

    tensors, report = check(build, (1, 10, 10, 3))
    shapes = {name: dims(tensors, name) for name in ("a/w", "a/b", "a", "beta", "gamma", "mul", "d/w", "d/b", "b/w")}
    assert shapes == {
        "a/w": (6, 3, 3, 3),
        "a/b": (6,),
        "a": (1, 10, 10, 6),
        "beta": (6,),
        "gamma": (1, 1, 6),
        "mul": (1, 10, 10, 6),
        "d/w": (1, 3, 3, 6),
        "d/b": (6,),
        "b/w": (5, 1, 1, 6),
    }
    assert report.counts["channels removed"] == report.counts["columns of weights removed"] == 2
    assert {"tensor": "b/w", "from": "5x1x1x8", "to": "5x1x1x6", "bytes_before": 160, "bytes_after": 120} in (
        report.details
    )


def test_a_sum_loses_what_is_dead_in_both() -> None:
    def build(net: Net, x: int) -> int:
        a = net.conv("a", x, with_dead(random(6, 1, 1, 4), 0, 2, 3), random(6))
        b = net.conv("b", x, with_dead(random(6, 1, 1, 4, seed=1), 2, 3, 5), random(6, seed=2))
        y = net.op("ADD", "sum", [a, b], (1, 5, 5, 6), options("AddOptions", fusedActivationFunction=RELU))
        return net.conv("c", y, random(3, 2, 2, 6, seed=3), random(3, seed=4))

    tensors, report = check(build, (1, 5, 5, 4))
    assert [dims(tensors, n) for n in ("a/w", "b/w", "c/w")] == [(4, 1, 1, 4), (4, 1, 1, 4), (3, 2, 2, 4)]
    assert report.declined == {"constant here, but not everywhere where they are read": 2}


@pytest.mark.parametrize("axis", [3, -1])
def test_a_concatenation_of_values_and_a_constant(axis: int) -> None:
    def build(net: Net, x: int) -> int:
        a = net.conv("a", x, with_dead(random(4, 1, 1, 4), 1), random(4))
        b = net.conv("b", x, with_dead(random(3, 1, 1, 4, seed=1), 0, 2), random(3, seed=2))
        field = net.constant("field", random(1, 5, 5, 2, seed=3))
        y = net.op("CONCATENATION", "all", [a, field, b], (1, 5, 5, 9), options("ConcatenationOptions", axis=axis))
        return net.conv("c", y, with_dead(random(2, 1, 1, 9, seed=4), 5, axis=3), random(2, seed=5))

    tensors, _ = check(build, (1, 5, 5, 4))
    shapes = [dims(tensors, n) for n in ("a/w", "b/w", "field", "all", "c/w")]
    assert shapes == [(3, 1, 1, 4), (1, 1, 1, 4), (1, 5, 5, 1), (1, 5, 5, 5), (2, 1, 1, 5)]


def test_a_concatenation_along_another_axis() -> None:
    def build(net: Net, x: int) -> int:
        a = net.conv("a", x, with_dead(random(4, 1, 1, 4), 1, 2), np.full(4, 0.5, F32))
        b = net.conv("b", x, with_dead(random(4, 1, 1, 4, seed=1), 0, 1), np.full(4, 0.5, F32))
        y = net.op("CONCATENATION", "all", [a, b], (1, 10, 5, 4), options("ConcatenationOptions", axis=1))
        return net.conv("c", y, random(2, 1, 1, 4, seed=4), random(2, seed=5))

    tensors, _ = check(build, (1, 5, 5, 4))
    assert [dims(tensors, n) for n in ("a/w", "b/w", "all")] == [(3, 1, 1, 4), (3, 1, 1, 4), (1, 10, 5, 3)]


@pytest.mark.parametrize("explicit", [True, False])
def test_a_flattened_value(explicit: bool) -> None:
    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, with_dead(random(5, 3, 3, 2), 0, 3), random(5), act=RELU)
        y = net.reshape("flat", y, (1, 45)) if explicit else y
        return net.dense("fc", y, random(4, 45), random(4))

    tensors, _ = check(build, (1, 5, 5, 2))
    assert dims(tensors, "fc/w") == (4, 27)
    if explicit:
        assert dims(tensors, "flat") == (1, 27)
        assert np.frombuffer(tensors["flat/s"]["data"], np.int32).tolist() == [1, 27]


def test_an_image_made_of_a_vector() -> None:
    """A channel of the image goes only where it is dead at every position."""

    def build(net: Net, x: int) -> int:
        weights = with_dead(random(36, 7), 1, 5, 9, 13, 17, 21, 25, 29, 33, 2)
        y = net.dense("fc", x, weights, np.tile(random(4), 9).astype(F32))
        return net.conv("a", net.reshape("image", y, (-1, 3, 3, 4)), random(2, 2, 2, 4))

    tensors, _ = check(build, (1, 7))
    assert [dims(tensors, n) for n in ("fc/w", "image", "a/w")] == [(27, 7), (1, 3, 3, 3), (2, 2, 2, 3)]
    assert np.frombuffer(tensors["image/s"]["data"], np.int32).tolist() == [-1, 3, 3, 3]


def test_a_dynamic_batch() -> None:
    """The shape that flattens is packed of the batch, which the shape of the value says, and a constant."""

    def build(net: Net, x: int) -> int:
        graph = net.graph
        y = net.conv("a", x, with_dead(random(5, 3, 3, 2), 0, 3), random(5))
        sizes, batch, packed = (graph.tensor(n, s, np.int32) for n, s in (("n", (4,)), ("b", ()), ("p", (2,))))
        graph.op("SHAPE", [y], [sizes], options("ShapeOptions", outType=schema.TensorType.INT32))
        at = [graph.constant(f"at{n}", np.int32([n])) for n in (0, 1)]
        graph.op("STRIDED_SLICE", [sizes, *at, at[1]], [batch], options("StridedSliceOptions", shrinkAxisMask=1))
        width = graph.constant("width", np.int32(45))
        graph.op("PACK", [batch, width], [packed], options("PackOptions", valuesCount=2))
        return net.dense("fc", net.op("RESHAPE", "flat", [y, packed], (-1, 45)), random(4, 45))

    tensors, _ = check(build, (-1, 5, 5, 2), (3, 5, 5, 2))
    assert dims(tensors, "fc/w") == (4, 27)
    assert list(tensors["flat"]["signature"]) == [-1, 27]
    assert np.frombuffer(tensors["width"]["data"], np.int32).tolist() == [27]


def test_a_shape_that_says_the_number_of_channels_keeps_them() -> None:
    def build(net: Net, x: int) -> list[int]:
        y = net.conv("a", x, with_dead(random(5, 1, 1, 2), 0), random(5))
        sizes = net.graph.tensor("sizes", (4,), np.int32)
        net.graph.op("SHAPE", [y], [sizes], options("ShapeOptions", outType=schema.TensorType.INT32))
        return [net.conv("b", y, random(2, 1, 1, 5)), sizes]

    tensors, report = check(build, (1, 4, 4, 2))
    assert dims(tensors, "a/w") == (5, 1, 1, 2)
    assert report.declined == {"their number is read from the shape": 1}


_BORDER = "not 0, and a layer with a border reads them"


@pytest.mark.parametrize(
    ("kernel", "padding", "constant", "kept"),
    [(3, VALID, 0.75, 4), (1, SAME, 0.75, 4), (3, SAME, 0.75, 5), (3, SAME, 0.0, 4)],
)
def test_a_constant_is_folded_where_no_border_shows(kernel: int, padding: int, constant: float, kept: int) -> None:
    def build(net: Net, x: int) -> int:
        bias = random(5)
        bias[2] = constant
        y = net.conv("a", x, with_dead(random(5, 1, 1, 3), 2), bias)
        return net.conv("b", y, random(4, kernel, kernel, 5), F32([1, 2, 3, 4]), padding=padding)

    tensors, report = check(build, (1, 6, 6, 3))
    assert dims(tensors, "b/w") == (4, kernel, kernel, kept)
    assert report.declined == ({_BORDER: 1} if kept == 5 else {})
    if constant and kept == 4:
        expected = [1, 2, 3, 4] + 0.75 * random(4, kernel, kernel, 5)[..., 2].sum(axis=(1, 2))
        np.testing.assert_allclose(np.frombuffer(tensors["b/b"]["data"], F32), expected, rtol=1e-5)


@pytest.mark.parametrize("absent", [[], [NONE]])
def test_a_bias_is_made_where_there_is_none(absent: list[int]) -> None:
    def build(net: Net, x: int) -> int:
        y = net.dense("a", x, with_dead(random(5, 3), 2), F32([1, 2, 0.5, 3, 4]))
        operands = [y, net.constant("b/w", random(4, 5)), *absent]
        return net.op("FULLY_CONNECTED", "b", operands, (2, 4), options("FullyConnectedOptions"))

    tensors, report = check(build, (2, 3))
    expected = 0.5 * random(4, 5)[:, 2]
    np.testing.assert_allclose(np.frombuffer(tensors["b_bias"]["data"], F32), expected, rtol=1e-5)
    assert report.counts["constants folded into biases"] == 1


@pytest.mark.parametrize(("constant", "kept"), [(0.0, 4), (0.75, 5)])
def test_a_constant_behind_a_pad(constant: float, kept: int) -> None:
    def build(net: Net, x: int) -> int:
        bias = random(5)
        bias[2] = constant
        y = net.conv("a", x, with_dead(random(5, 1, 1, 3), 2), bias)
        amounts = net.constant("amounts", np.int32([[0, 0], [1, 2], [0, 1], [0, 0]]))
        y = net.op("PAD", "pad", [y, amounts], (1, 9, 7, 5), options("PadOptions"))
        return net.conv("b", y, random(4, 3, 3, 5))

    tensors, _ = check(build, (1, 6, 6, 3))
    assert dims(tensors, "pad") == (1, 9, 7, kept)


def test_channels_that_a_pad_adds() -> None:
    """A residual block that grows: the zeros that the pad adds go where the other side is dead too."""

    def build(net: Net, x: int) -> int:
        a = net.conv("a", x, with_dead(random(4, 1, 1, 3), 1), with_dead(random(4), 1))
        amounts = net.constant("amounts", np.int32([[0, 0], [0, 0], [0, 0], [0, 3]]))
        a = net.op("PAD", "pad", [a, amounts], (1, 6, 6, 7), options("PadOptions"))
        b = net.conv("b", x, with_dead(random(7, 1, 1, 3, seed=1), 0, 1, 4, 5), random(7, seed=2))
        y = net.op("ADD", "sum", [a, b], (1, 6, 6, 7), options("AddOptions"))
        return net.conv("c", y, random(2, 1, 1, 7))

    tensors, _ = check(build, (1, 6, 6, 3))
    assert [dims(tensors, n) for n in ("a/w", "pad", "b/w")] == [(3, 1, 1, 3), (1, 6, 6, 4), (4, 1, 1, 3)]
    assert np.frombuffer(tensors["amounts"]["data"], np.int32)[-2:].tolist() == [0, 1]


def test_channels_that_nothing_reads() -> None:
    """Channel 3 of `a` is read by filter 1 of `b` alone, which nothing reads; channel 0 by none."""

    def build(net: Net, x: int) -> int:
        weights = with_dead(random(4, 3, 3, 6), 0, 3, axis=3)
        weights[1, 0, 0, 3] = 1
        y = net.conv("a", x, random(6, 1, 1, 3), random(6), act=RELU)
        y = net.conv("b", y, weights, random(4), padding=SAME)
        return net.dense("fc", net.reshape("flat", y, (1, 64)), np.tile(with_dead(random(5, 4), 1, axis=1), 16))

    tensors, report = check(build, (1, 4, 4, 3))
    assert [dims(tensors, n) for n in ("a/w", "b/w", "fc/w")] == [(4, 1, 1, 3), (3, 3, 3, 4), (5, 48)]
    assert report.counts["channels removed"] == 3


def test_what_the_model_takes_and_returns_keeps_its_shape() -> None:
    def build(net: Net, x: int) -> list[int]:
        a = net.conv("a", x, with_dead(with_dead(random(4, 1, 1, 3), 1), 2, axis=3), random(4))
        return [a, net.conv("b", a, with_dead(random(4, 1, 1, 4), 3), random(4))]

    tensors, report = check(build, (1, 4, 4, 3))
    assert [dims(tensors, n) for n in ("x", "a", "b")] == [(1, 4, 4, 3), (1, 4, 4, 4), (1, 4, 4, 4)]
    assert not report.changed
    assert report.declined == {
        "its channels are an input of the subgraph": 1,
        "its channels are an output of the subgraph": 2,
    }


def test_weights_that_two_layers_read_stay() -> None:
    def build(net: Net, x: int) -> int:
        weights = net.constant("w", with_dead(random(3, 1, 1, 3), 1))
        y = net.conv("b", net.conv("a", x, weights, random(3)), weights, random(3))
        return net.conv("c", y, random(2, 1, 1, 3))

    tensors, report = check(build, (1, 4, 4, 3))
    assert dims(tensors, "w") == (3, 1, 1, 3)
    assert report.declined == {"another op reads the weights too": 2}


def test_a_bias_that_two_layers_read_is_copied() -> None:
    def build(net: Net, x: int) -> int:
        bias = net.constant("bias", random(3))
        how = options("Conv2DOptions", padding=VALID, strideH=1, strideW=1)
        for name, dead in (("a", (0,)), ("b", (1, 2))):
            operands = [x, net.constant(f"{name}/w", with_dead(random(3, 1, 1, 3), *dead)), bias]
            x = net.op("CONV_2D", name, operands, (1, 4, 4, 3), how)
        return net.conv("c", x, random(2, 1, 1, 3))

    tensors, _ = check(build, (1, 4, 4, 3))
    assert [dims(tensors, n) for n in ("a/w", "b/w", "c/w")] == [(2, 1, 1, 3), (1, 1, 1, 2), (2, 1, 1, 1)]


def test_float16_constants_stay_float16() -> None:
    def build(net: Net, x: int) -> int:
        a = net.constant("a/w", with_dead(random(8, 3, 3, 3), 1, 4), half=True)
        y = net.conv("a", x, a, np.abs(random(8)))
        y = net.op("PRELU", "p", [y, net.constant("slope", random(1, 1, 8), half=True)], (1, 4, 4, 8))
        return net.conv("b", y, net.constant("b/w", random(5, 1, 1, 8, seed=3), half=True), random(5))

    tensors, report = check(build, (1, 6, 6, 3))
    for name, shape in (("a/w", (6, 3, 3, 3)), ("slope", (1, 1, 6)), ("b/w", (5, 1, 1, 6))):
        assert (tensors[name]["type"], dims(tensors, name)) == (schema.TensorType.FLOAT16, shape)
        assert (tensors[f"{name}_wide"]["type"], dims(tensors, f"{name}_wide")) == (
            schema.TensorType.FLOAT32,
            shape,
        )
    assert {"tensor": "a/w", "from": "8x3x3x3", "to": "6x3x3x3", "bytes_before": 432, "bytes_after": 324} in (
        report.details
    )


@pytest.mark.parametrize(("constant", "kept"), [(0.0, 4), (0.75, 5)])
def test_a_transposed_convolution(constant: float, kept: int) -> None:
    def build(net: Net, x: int) -> int:
        bias = random(5)
        bias[2] = constant
        y = net.conv("a", x, with_dead(random(5, 1, 1, 3), 2), bias)
        operands = [
            net.constant("size", np.int32([1, 8, 8, 6])),
            net.constant("t/w", with_dead(random(6, 2, 2, 5), 0, 4)),
            y,
            net.constant("t/b", random(6)),
        ]
        how = options("TransposeConvOptions", padding=VALID, strideH=2, strideW=2)
        return net.conv("b", net.op("TRANSPOSE_CONV", "t", operands, (1, 8, 8, 6), how, version=3), random(2, 3, 3, 6))

    tensors, _ = check(build, (1, 4, 4, 3))
    assert [dims(tensors, n) for n in ("t/w", "t", "b/w")] == [(4, 2, 2, kept), (1, 8, 8, 4), (2, 3, 3, 4)]
    assert np.frombuffer(tensors["size"]["data"], np.int32).tolist() == [1, 8, 8, 4]


def test_a_layer_that_is_all_dead_keeps_one_channel() -> None:
    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, np.zeros((6, 3, 3, 3), F32), random(6), padding=SAME, act=RELU)
        y = net.conv("b", y, random(5, 1, 1, 6), random(5))
        return net.dense("fc", y, random(4, 5 * 16), random(4))

    tensors, report = check(build, (1, 4, 4, 3))
    assert [dims(tensors, n) for n in ("a/w", "b/w", "fc/w")] == [(1, 3, 3, 3), (1, 1, 1, 1), (4, 16)]
    assert report.declined["a value keeps at least one channel"] == 2


def test_a_channel_that_stays_holds_what_it_held() -> None:
    """Nothing reads the roots, but one stays; of less than all that it is made of it would be no number."""

    def build(net: Net, x: int) -> int:
        y = net.op("LOGISTIC", "sigmoid", [net.dense("a", x, random(2, 3))], (2, 2))
        y = net.op("ADD", "above", [y, net.constant("one", F32(1))], (2, 2), options("AddOptions"))
        y = net.op("SQRT", "root", [net.dense("b", y, F32([[-1, 3], [2, -0.5]]))], (2, 2))
        return net.dense("c", y, np.zeros((4, 2), F32), random(4))

    tensors, _ = check(build, (2, 3))
    assert [dims(tensors, n) for n in ("a/w", "b/w", "c/w")] == [(2, 3), (1, 2), (4, 1)]


def test_a_depthwise_convolution_with_a_multiplier() -> None:
    """The input channel goes when both that it becomes may; a dead depthwise filter frees a live channel."""

    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, with_dead(random(4, 1, 1, 3), 1), with_dead(random(4), 1))
        y = net.depthwise("d", y, with_dead(random(1, 3, 3, 8), 4, 5, 6, axis=3), random(8), padding=SAME, times=2)
        return net.conv("b", y, random(2, 1, 1, 8))

    tensors, _ = check(build, (1, 5, 5, 3))
    assert [dims(tensors, n) for n in ("a/w", "d/w", "b/w")] == [(2, 1, 1, 3), (1, 3, 3, 4), (2, 1, 1, 4)]


def test_subgraphs_keep_what_they_pass_to_each_other() -> None:
    model = Model()
    main, yes, no = model.graph("main"), model.graph("yes"), model.graph("no")
    for graph in (yes, no):
        inner = Net(graph)
        x = graph.tensor("i", (1, 4, 4, 5))
        a = inner.conv("a", x, with_dead(random(6, 1, 1, 5), 1, 2), random(6))
        graph.io([x], [inner.conv("b", a, random(5, 1, 1, 6))])
    net = Net(main)
    x, choose = main.tensor("x", (1, 4, 4, 3)), main.constant("c", np.bool_(True))
    y = net.conv("a", x, with_dead(random(5, 1, 1, 3), 4), random(5))
    how = options("IfOptions", thenSubgraphIndex=1, elseSubgraphIndex=2)
    main.io([x], [net.op("IF", "y", [choose, y], (1, 4, 4, 5), how)])
    data = model.to_bytes()
    made, report = removed(data)
    assert_same(data, made, (1, 4, 4, 3))
    first, *others = (graph["tensors"] for graph in tree(made)["graphs"])
    assert dims(first, "a/w") == (5, 1, 1, 3)
    assert [dims(other, "a/w") for other in others] == [(4, 1, 1, 5)] * 2
    assert report.declined == {"its channels are tied to a tfl.if": 1}


@pytest.mark.parametrize("builtin", ["SOFTMAX", "SPLIT"])
def test_ops_that_need_every_channel(builtin: str) -> None:
    def build(net: Net, x: int) -> int:
        y = net.conv("a", x, with_dead(random(4, 1, 1, 3), 1), random(4))
        if builtin == "SOFTMAX":
            y = net.op(builtin, "y", [y], (1, 4, 4, 4), options("SoftmaxOptions", beta=1.0))
            return net.conv("b", y, random(2, 1, 1, 4))
        parts = [net.graph.tensor(n, (1, 4, 4, 2)) for n in ("p", "q")]
        how = options("SplitOptions", numSplits=2)
        net.graph.op(builtin, [net.constant("axis", np.int32(3)), y], parts, how)
        return net.conv("b", parts[0], random(2, 1, 1, 2))

    tensors, report = check(build, (1, 4, 4, 3))
    assert dims(tensors, "a/w") == (4, 1, 1, 3)
    assert report.declined == {f"its channels are tied to a tfl.{builtin.lower()}": 1}


@pytest.mark.parametrize("seed", range(6))
def test_residual_blocks_with_zeros_at_random(seed: int) -> None:
    draw = np.random.default_rng(seed)

    def zeros(count: int) -> list[int]:
        return [int(i) for i in np.flatnonzero(draw.random(count) < 0.4)]

    def build(net: Net, x: int) -> int:
        y = net.conv("stem", x, with_dead(random(8, 3, 3, 3), *zeros(8)), random(8), padding=SAME, act=RELU)
        for n in range(3):
            z = net.conv(f"up{n}", y, with_dead(random(12, 1, 1, 8, seed=n), *zeros(12)), random(12, seed=n), act=RELU)
            filters = with_dead(random(1, 3, 3, 12, seed=n), *zeros(12), axis=3)
            z = net.depthwise(f"d{n}", z, filters, random(12, seed=n + 1), padding=SAME)
            z = net.conv(f"down{n}", z, with_dead(random(8, 1, 1, 12, seed=n), *zeros(8)), random(8, seed=n))
            y = net.op("ADD", f"sum{n}", [y, z], (1, 6, 6, 8), options("AddOptions"))
        pool = options("Pool2DOptions", strideH=1, strideW=1, filterHeight=6, filterWidth=6)
        return net.dense("fc", net.op("AVERAGE_POOL_2D", "pool", [y], (1, 1, 1, 8), pool), random(4, 8), random(4))

    _, report = check(build, (1, 6, 6, 3))
    assert report.counts["channels removed"]
