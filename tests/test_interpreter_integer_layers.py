"""Integer layers, pooling and functions of the reference interpreter: the same to the bit as LiteRT's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_kernels import Const, Given, Quantized, agree

FEW = settings(deadline=None, max_examples=15, derandomize=True, database=None)
I8, U8, I16, I32, I64 = np.int8, np.uint8, np.int16, np.int32, np.int64
_SMALL = st.integers(1, 4)
_SCALES = st.floats(1 / 512, 0.3125, width=32)
_ACTIVATIONS = st.integers(0, 3)
_PADDINGS = st.sampled_from([schema.Padding.SAME, schema.Padding.VALID])


def _array(dtype: Any, *shape: int) -> np.ndarray:
    bounds = np.iinfo(dtype)
    return np.random.default_rng(sum(shape) + shape[0]).integers(bounds.min, bounds.max + 1, shape, dtype)


def _point(draw: Any, dtype: Any) -> int:
    bounds = np.iinfo(dtype)
    return 0 if dtype == I16 else draw(st.integers(int(bounds.min), int(bounds.max)))


def _given(draw: Any, dtype: Any, *shape: int) -> Given:
    return Given(_array(dtype, *shape), {"scales": [draw(_SCALES)], "zero_points": [_point(draw, dtype)]})


def _weights(axis: int, *shape: int, several: bool) -> Const:
    values = np.random.default_rng(sum(shape)).integers(-127, 128, shape, I8)
    scales = np.linspace(0.004, 0.02, shape[axis] if several else 1).tolist()
    return Const(values, {"scales": scales, "axis": axis if several else 0})


def _bias(dtype: Any, weights: Const, x: Given, count: int) -> Const:
    values = np.random.default_rng(count).integers(-9000, 9000, count, I64 if dtype == I16 else I32)
    scales = (np.float32(weights.how["scales"]) * np.float32(x.how["scales"][0])).tolist()
    return Const(values, {"scales": scales})


def _result(draw: Any, rank: int, dtype: Any) -> Quantized:
    return Quantized(rank, dtype, draw(_SCALES) * (1 if dtype != I16 else 0.25), _point(draw, dtype))


@FEW
@given(st.data(), st.sampled_from([I8, I16]), st.booleans())
def test_conv_2d(data: st.DataObject, dtype: Any, several: bool) -> None:
    draw = data.draw
    taps, inner, outer = (draw(st.integers(1, 3)), draw(st.integers(1, 3))), draw(_SMALL), draw(st.integers(2, 5))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    size = [(taps[i] - 1) * dilation[i] + draw(st.integers(1, 6)) for i in range(2)]
    x = _given(draw, dtype, draw(_SMALL), *size, inner)
    weights = _weights(0, outer, *taps, inner, several=several)
    agree(
        "CONV_2D",
        [x, weights, _bias(dtype, weights, x, outer)],
        [_result(draw, 4, dtype)],
        "Conv2DOptions",
        version=4 if dtype == I16 else 3,
        padding=draw(_PADDINGS),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data(), st.sampled_from([I8, I16]), st.booleans())
def test_depthwise_conv_2d(data: st.DataObject, dtype: Any, several: bool) -> None:
    draw = data.draw
    taps, channels, times = (draw(st.integers(1, 3)), draw(st.integers(1, 3))), draw(_SMALL), draw(st.integers(1, 2))
    x = _given(draw, dtype, draw(_SMALL), taps[0] + draw(_SMALL), taps[1] + draw(_SMALL), channels)
    weights = _weights(3, 1, *taps, channels * times, several=several and channels * times > 1)
    agree(
        "DEPTHWISE_CONV_2D",
        [x, weights, _bias(dtype, weights, x, channels * times)],
        [_result(draw, 4, dtype)],
        "DepthwiseConv2DOptions",
        version=5 if dtype == I16 else 3,
        padding=draw(_PADDINGS),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        dilationHFactor=1,
        dilationWFactor=1,
        depthMultiplier=times,
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data(), st.sampled_from([I8, I16]), st.booleans())
def test_fully_connected(data: st.DataObject, dtype: Any, several: bool) -> None:
    draw = data.draw
    inputs, outputs = draw(st.integers(1, 20)), draw(st.integers(2, 6))
    x = _given(draw, dtype, draw(_SMALL), inputs)
    weights = _weights(0, outputs, inputs, several=several)
    agree(
        "FULLY_CONNECTED",
        [x, weights, draw(st.sampled_from([None, _bias(dtype, weights, x, outputs)]))],
        [_result(draw, 2, dtype)],
        "FullyConnectedOptions",
        version=7 if dtype == I16 else 5,
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data(), st.sampled_from([I8, I16]))
def test_transpose_conv(data: st.DataObject, dtype: Any) -> None:
    draw = data.draw
    taps, strides, padding = (draw(_SMALL), draw(_SMALL)), (draw(_SMALL), draw(_SMALL)), draw(_PADDINGS)
    size, channels, outputs = (draw(_SMALL), draw(_SMALL)), draw(_SMALL), draw(st.integers(2, 4))
    full = [
        n * s if padding == schema.Padding.SAME else (n - 1) * s + t
        for n, s, t in zip(size, strides, taps, strict=True)
    ]
    x = _given(draw, dtype, 2, *size, channels)
    weights = _weights(0, outputs, *taps, channels, several=True)
    agree(
        "TRANSPOSE_CONV",
        [Const(np.array([2, *full, outputs], I32)), weights, x, _bias(dtype, weights, x, outputs)],
        [_result(draw, 4, dtype)],
        "TransposeConvOptions",
        version=3,
        padding=padding,
        strideH=strides[0],
        strideW=strides[1],
    )


@FEW
@given(st.data(), st.sampled_from([I8, I16]), st.booleans(), st.booleans())
def test_batch_matmul(data: st.DataObject, dtype: Any, adj_x: bool, adj_y: bool) -> None:
    draw = data.draw
    rows, inner, columns = draw(_SMALL), draw(st.integers(1, 9)), draw(_SMALL)
    x = _given(draw, dtype, 2, *((inner, rows) if adj_x else (rows, inner)))
    y = _given(draw, dtype, 2, *((columns, inner) if adj_y else (inner, columns)))
    agree(
        "BATCH_MATMUL",
        [x, y],
        [_result(draw, 3, dtype)],
        "BatchMatMulOptions",
        version=3 if dtype == I16 else 2,
        adjX=adj_x,
        adjY=adj_y,
    )


@FEW
@given(st.data(), st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"]), st.sampled_from([I8, U8, I16]))
def test_pooling(data: st.DataObject, builtin: str, dtype: Any) -> None:
    draw = data.draw
    taps = (draw(_SMALL), draw(_SMALL))
    x = _given(draw, dtype, draw(_SMALL), taps[0] + draw(_SMALL), taps[1] + draw(_SMALL), draw(_SMALL))
    agree(
        builtin,
        [x],
        [Quantized(4, dtype, x.how["scales"][0], x.how["zero_points"][0])],
        "Pool2DOptions",
        version=3,
        padding=draw(_PADDINGS),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        filterHeight=taps[0],
        filterWidth=taps[1],
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data(), st.sampled_from(["RELU", "RELU6", "RELU_N1_TO_1", "HARD_SWISH", "EXP", "LOG", "ABS", "ELU"]))
def test_functions(data: st.DataObject, builtin: str) -> None:
    x = _given(data.draw, I8, data.draw(_SMALL), 40)
    if builtin == "LOG":
        x.how["zero_points"] = [-128]
    version = {"EXP": 2, "LOG": 2, "ABS": 2, "RELU": 2, "RELU6": 2}.get(builtin, 1)
    agree(builtin, [x], [_result(data.draw, 2, I8)], version=version)


@FEW
@given(st.data(), st.sampled_from([I8, U8, I16]), st.floats(-1, 1, width=32))
def test_leaky_relu(data: st.DataObject, dtype: Any, alpha: float) -> None:
    x = _given(data.draw, dtype, data.draw(_SMALL), 40)
    agree("LEAKY_RELU", [x], [_result(data.draw, 2, dtype)], "LeakyReluOptions", version=2, alpha=alpha)


@FEW
@given(st.data(), st.booleans())
def test_gelu(data: st.DataObject, approximate: bool) -> None:
    x = _given(data.draw, I8, data.draw(_SMALL), 40)
    agree("GELU", [x], [_result(data.draw, 2, I8)], "GeluOptions", version=2, approximate=approximate)


@FEW
@given(st.data())
def test_squared_difference(data: st.DataObject) -> None:
    x, y = _given(data.draw, I8, 3, 5), _given(data.draw, I8, 1, 5)
    agree("SQUARED_DIFFERENCE", [x, y], [_result(data.draw, 2, I8)], version=2)


@FEW
@given(st.data(), st.sampled_from(["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]))
def test_comparisons(data: st.DataObject, builtin: str) -> None:
    dtype = data.draw(st.sampled_from([I8, U8]))
    agree(builtin, [_given(data.draw, dtype, 4, 9), _given(data.draw, dtype, 1, 9)], [(2, np.bool_)], version=2)


@FEW
@given(st.data(), st.sampled_from([(I8, I8), (I8, U8), (U8, I8), (U8, U8), (I16, I8), (I8, I16), (I16, I16)]))
def test_requantize(data: st.DataObject, kinds: tuple[Any, Any]) -> None:
    agree("QUANTIZE", [_given(data.draw, kinds[0], 4, 20)], [_result(data.draw, 2, kinds[1])], version=2)


@FEW
@given(st.data(), st.integers(0, 3))
def test_div(data: st.DataObject, activation: int) -> None:
    """Dividends near 0 are left out: for some LiteRT shifts by more than 31 bits."""
    point = data.draw(st.integers(0, 255))
    dividends = _array(U8, 3, 5)
    dividends = np.where(np.abs(dividends.astype(I32) - point) < 16, U8(point ^ 128), dividends)
    x, y = Given(dividends, {"scales": [0.25], "zero_points": [point]}), _given(data.draw, U8, 3, 5)
    y = Given(np.maximum(y.array, 1), y.how | {"zero_points": [0]})
    agree("DIV", [x, y], [_result(data.draw, 2, U8)], "DivOptions", version=2, fusedActivationFunction=activation)


@FEW
@given(st.data())
def test_concatenation(data: st.DataObject) -> None:
    parts = [_given(data.draw, U8, 3, data.draw(_SMALL)) for _ in range(3)]
    agree("CONCATENATION", parts, [_result(data.draw, 2, U8)], "ConcatenationOptions", axis=1, version=2)


@FEW
@given(st.data(), st.sampled_from([I8, U8, I16]))
def test_pad(data: st.DataObject, dtype: Any) -> None:
    x = _given(data.draw, dtype, 3, 4)
    amounts = Const(np.array([[1, 2], [0, 1]], I32))
    agree("PAD", [x, amounts], [Quantized(2, dtype, x.how["scales"][0], x.how["zero_points"][0])], version=3)
