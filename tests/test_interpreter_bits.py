"""Integer kernels of the reference interpreter, to the bit against LiteRT's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference_kernels
from ai_edge_litert import schema_py_generated as schema
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference_kernels import Const, Given, Quantized

FEW = settings(deadline=None, max_examples=10, derandomize=True, database=None)
ACTIVATIONS = st.sampled_from([0, 1, 2, 3])
PADDINGS = st.sampled_from([schema.Padding.SAME, schema.Padding.VALID])
SMALL = st.integers(1, 3)


def Q(array: Any, scales: tuple[float, ...], point: int = 0, *, held: bool = False, axis: int = 0) -> Const | Given:
    """A quantized operand: integers, scales, zero point, and whether the model holds it."""
    how = {"scales": scales, "zero_points": [point] * len(scales), "axis": axis}
    return (Const if held else Given)(array, how)


def agree(
    builtin: str, operands: list[Any], result: tuple[Any, int, float, int], table: str = "", **fields: Any
) -> None:
    """Holds that both give the same bits; `result`: type, rank, scale (0: none) and zero point."""
    dtype, rank, scale, point = result
    made = Quantized(rank, dtype, scale, point) if scale else (rank, dtype)
    reference_kernels.agree(builtin, operands, [made], table, exact=True, **fields)


def _whole(draw: Any, shape: tuple[int, ...], dtype: Any = np.int8) -> np.ndarray:
    bounds = np.iinfo(dtype)
    return np.random.default_rng(draw(st.integers(0, 99))).integers(bounds.min, bounds.max, shape, dtype, endpoint=True)


def _scale(draw: Any) -> float:
    return float(np.float32(draw(st.floats(0.002, 0.3))))


def _point(draw: Any, dtype: Any) -> int:
    return 0 if dtype is np.int16 else draw(st.integers(-20, 20))


def _weights(draw: Any, shape: tuple[int, ...], axis: int) -> Const | Given:
    count = shape[axis] if draw(st.booleans()) else 1
    scales = tuple(float(s) for s in np.linspace(0.004, 0.02, count).astype(np.float32))
    return Q(np.clip(_whole(draw, shape), -127, 127), scales, held=True, axis=axis if count > 1 else 0)


def _bias(x: Const | Given, weights: Const | Given, count: int, dtype: Any) -> Const | Given:
    scales = tuple(float(np.float32(x.how["scales"][0] * s)) for s in weights.how["scales"])
    kind = np.int64 if dtype is np.int16 else np.int32
    return Q(np.arange(-count, count, 2).astype(kind) * 50, scales, held=True)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@FEW
@given(st.data())
def test_convolutions(dtype: Any, data: st.DataObject) -> None:
    draw = data.draw
    taps, inner, outer = (draw(SMALL), draw(SMALL)), draw(SMALL), draw(st.integers(1, 4))
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    size = [(taps[i] - 1) * dilation[i] + draw(st.integers(1, 5)) for i in range(2)]
    x = Q(_whole(draw, (draw(SMALL), *size, inner), dtype), (_scale(draw),), _point(draw, dtype))
    how = {"padding": draw(PADDINGS), "strideH": draw(SMALL), "strideW": draw(SMALL)}
    how |= {
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": draw(ACTIVATIONS),
    }
    result = (dtype, 4, _scale(draw) * 10, _point(draw, dtype))
    weights = _weights(draw, (outer, *taps, inner), 0)
    agree("CONV_2D", [x, weights, _bias(x, weights, outer, dtype)], result, "Conv2DOptions", **how)
    deep = _weights(draw, (1, *taps, inner * 2), 3)
    operands = [x, deep, _bias(x, deep, inner * 2, dtype)]
    agree("DEPTHWISE_CONV_2D", operands, result, "DepthwiseConv2DOptions", depthMultiplier=2, **how)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@FEW
@given(st.data())
def test_fully_connected_and_batch_matmul(dtype: Any, data: st.DataObject) -> None:
    draw = data.draw
    rows, inner, outer = draw(SMALL), draw(st.integers(1, 9)), draw(st.integers(1, 5))
    x = Q(_whole(draw, (rows, inner), dtype), (_scale(draw),), _point(draw, dtype))
    weights = Q(np.clip(_whole(draw, (outer, inner)), -127, 127), (0.01,), held=True)
    result = (dtype, 2, _scale(draw) * 10, _point(draw, dtype))
    operands = [x, weights, _bias(x, weights, outer, dtype)]
    agree("FULLY_CONNECTED", operands, result, "FullyConnectedOptions", fusedActivationFunction=draw(ACTIVATIONS))
    y = Q(_whole(draw, (inner, outer), dtype), (_scale(draw),), _point(draw, dtype))
    agree("BATCH_MATMUL", [x, y], result, "BatchMatMulOptions")


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("kind", ["ADD", "SUB", "MUL"])
@FEW
@given(st.data())
def test_arithmetic(kind: str, dtype: Any, data: st.DataObject) -> None:
    draw = data.draw
    shape = (draw(SMALL), draw(st.integers(1, 5)))
    x = Q(_whole(draw, shape, dtype), (_scale(draw),), _point(draw, dtype))
    y = Q(_whole(draw, draw(st.sampled_from([shape, shape[1:], (1,)])), dtype), (_scale(draw),), _point(draw, dtype))
    result = (dtype, 2, _scale(draw) * (1 if kind != "MUL" else 2), _point(draw, dtype))
    how: dict[str, Any] = {"fusedActivationFunction": draw(ACTIVATIONS)}
    if kind != "MUL":
        how["potScaleInt16"] = False
    agree(kind, [x, y], result, f"{kind.capitalize()}Options", **how)


@FEW
@given(st.data())
def test_squared_difference_and_extremes(data: st.DataObject) -> None:
    draw = data.draw
    x, y = (Q(_whole(draw, (3, 4)), (_scale(draw),), _point(draw, np.int8)) for _ in range(2))
    agree("SQUARED_DIFFERENCE", [x, y], (np.int8, 2, 1.0, 3))
    same = Q(y.array, x.how["scales"], x.how["zero_points"][0])
    for kind in ("MAXIMUM", "MINIMUM"):
        agree(kind, [x, same], (np.int8, 2, x.how["scales"][0], x.how["zero_points"][0]), "MaximumMinimumOptions")
    for kind in ("LESS", "GREATER_EQUAL", "EQUAL"):
        agree(kind, [x, y], (np.bool_, 2, 0.0, 0))


_MOST_REFINED = 100
"""HARD_SWISH does not load where its result's steps are 1/128 of its operand's, or finer."""
_FIXED = {"LOGISTIC": (1 / 256, -128), "TANH": (1 / 128, 0), "SOFTMAX": (1 / 256, -128)}


@pytest.mark.parametrize("kind", ["LOGISTIC", "TANH", "SOFTMAX", "ELU", "GELU", "HARD_SWISH", "EXP", "RSQRT", "ABS"])
@FEW
@given(st.data())
def test_functions_of_int8(kind: str, data: st.DataObject) -> None:
    draw = data.draw
    point = -128 if kind == "RSQRT" else _point(draw, np.int8)
    step = _scale(draw)
    x = Q(_whole(draw, (3, 17)), (step,), point)
    scale, output = _FIXED.get(kind, (_scale(draw), _point(draw, np.int8)))
    if kind == "HARD_SWISH":
        scale = max(scale, step / _MOST_REFINED)
    how = {"beta": 1.0} if kind == "SOFTMAX" else {}
    agree(kind, [x], (np.int8, 2, scale, output), "SoftmaxOptions" if how else "", **how)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@FEW
@given(st.data())
def test_rectifiers(dtype: Any, data: st.DataObject) -> None:
    draw = data.draw
    x = Q(_whole(draw, (3, 17), dtype), (_scale(draw),), _point(draw, dtype))
    result = (dtype, 2, _scale(draw), _point(draw, dtype))
    agree("LEAKY_RELU", [x], result, "LeakyReluOptions", alpha=draw(st.floats(0.01, 0.9)))
    agree("RELU", [x], result)
    if dtype is np.int8:
        agree("RELU6", [x], result)
        slopes = Q(_whole(draw, (1, 17)), (0.01,), 3, held=True)
        agree("PRELU", [x, slopes], result)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@FEW
@given(st.data())
def test_pooling_and_reductions(dtype: Any, data: st.DataObject) -> None:
    draw = data.draw
    shape = (draw(SMALL), draw(st.integers(2, 6)), draw(st.integers(2, 6)), draw(SMALL))
    x = Q(_whole(draw, shape, dtype), (_scale(draw),), _point(draw, dtype))
    same = (dtype, 4, x.how["scales"][0], x.how["zero_points"][0])
    how = {"padding": draw(PADDINGS), "strideH": draw(SMALL), "strideW": draw(SMALL), "filterHeight": 2}
    how |= {"filterWidth": draw(st.integers(1, 2)), "fusedActivationFunction": draw(ACTIVATIONS)}
    for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        agree(kind, [x], same, "Pool2DOptions", **how)
    axes = Const(np.int32(draw(st.sampled_from([(1, 2), (3,), (-1, 1), (0, 1, 2, 3)]))))
    kept = draw(st.booleans())
    rank = 4 if kept else 4 - len(axes.array)
    assume(rank > 0)
    for kind in ("MEAN", "REDUCE_MAX", "REDUCE_MIN"):
        own = (_scale(draw), _point(draw, dtype)) if kind == "MEAN" else (x.how["scales"][0], x.how["zero_points"][0])
        agree(kind, [x, axes], (dtype, rank, *own), "ReducerOptions", keepDims=kept)
