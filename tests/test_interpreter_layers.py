"""Layers with weights, pooling and resizing in the reference interpreter, against LiteRT's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_kernels import Const, agree

FEW = settings(deadline=None, max_examples=12, derandomize=True, database=None)
_ACTIVATIONS = st.sampled_from([0, 1, 2, 3])
_PADDINGS = st.sampled_from([schema.Padding.SAME, schema.Padding.VALID])
_SMALL = st.integers(1, 3)
F32, I8 = np.float32, np.int8


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(F32)


def _whole(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(-127, 128, shape, I8)


def _scales(count: int, axis: int) -> dict[str, Any]:
    return {"scales": np.linspace(0.01, 0.02, count).tolist(), "axis": axis}


@FEW
@given(st.data())
def test_conv_2d(data: st.DataObject) -> None:
    draw = data.draw
    batch, taps = draw(_SMALL), (draw(_SMALL), draw(_SMALL))
    groups, inner, outer = draw(st.integers(1, 2)), draw(_SMALL), draw(_SMALL)
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    size = [(taps[i] - 1) * dilation[i] + draw(st.integers(1, 6)) for i in range(2)]
    x = _floats(batch, *size, groups * inner)
    weights = _floats(groups * outer, *taps, inner)
    agree(
        "CONV_2D",
        [x, Const(weights), Const(_floats(groups * outer))],
        [(4, F32)],
        "Conv2DOptions",
        padding=draw(_PADDINGS),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data())
def test_conv_2d_with_integer_weights(data: st.DataObject) -> None:
    draw = data.draw
    taps, channels, outputs = (draw(_SMALL), draw(_SMALL)), draw(st.integers(1, 8)), draw(st.integers(2, 4))
    x = _floats(draw(_SMALL), taps[0] + 3, taps[1] + 4, channels)
    per_channel = draw(st.booleans())
    weights = Const(_whole(outputs, *taps, channels), _scales(outputs if per_channel else 1, 0))
    agree(
        "CONV_2D",
        [x, weights, Const(_floats(outputs))],
        [(4, F32)],
        "Conv2DOptions",
        version=5,
        padding=draw(_PADDINGS),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data())
def test_depthwise_conv_2d(data: st.DataObject) -> None:
    draw = data.draw
    taps, channels, times = (draw(_SMALL), draw(_SMALL)), draw(_SMALL), draw(_SMALL)
    dilation = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
    size = [(taps[i] - 1) * dilation[i] + draw(st.integers(1, 6)) for i in range(2)]
    x = _floats(draw(_SMALL), *size, channels)
    integers = draw(st.booleans())
    outputs = channels * times
    weights = Const(_whole(1, *taps, outputs), _scales(outputs, 3)) if integers else Const(_floats(1, *taps, outputs))
    agree(
        "DEPTHWISE_CONV_2D",
        [x, weights, Const(_floats(outputs))],
        [(4, F32)],
        "DepthwiseConv2DOptions",
        version=6 if integers else 2,
        padding=draw(_PADDINGS),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        dilationHFactor=dilation[0],
        dilationWFactor=dilation[1],
        depthMultiplier=times,
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data())
def test_transpose_conv(data: st.DataObject) -> None:
    draw = data.draw
    taps, strides = (draw(_SMALL), draw(_SMALL)), (draw(_SMALL), draw(_SMALL))
    padding, channels, outputs = draw(_PADDINGS), draw(_SMALL), draw(_SMALL)
    size = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    x = _floats(2, *size, channels)
    full = [
        n * s if padding == schema.Padding.SAME else (n - 1) * s + t
        for n, s, t in zip(size, strides, taps, strict=True)
    ]
    integers = draw(st.booleans())
    weights = Const(_whole(outputs, *taps, channels), _scales(outputs, 0))
    agree(
        "TRANSPOSE_CONV",
        [
            Const(np.array([2, *full, outputs], np.int32)),
            weights if integers else Const(_floats(outputs, *taps, channels)),
            x,
            draw(st.sampled_from([None, Const(_floats(outputs))])),
        ],
        [(4, F32)],
        "TransposeConvOptions",
        version=3,
        padding=padding,
        strideH=strides[0],
        strideW=strides[1],
    )


@FEW
@given(st.data())
def test_conv_3d(data: st.DataObject) -> None:
    draw = data.draw
    taps, channels, outputs = [draw(st.integers(1, 2)) for _ in range(3)], draw(_SMALL), draw(_SMALL)
    agree(
        "CONV_3D",
        [_floats(2, 3, 4, 3, channels), Const(_floats(*taps, channels, outputs)), Const(_floats(outputs))],
        [(5, F32)],
        "Conv3DOptions",
        padding=draw(_PADDINGS),
        strideD=draw(_SMALL),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data())
def test_conv_3d_transpose(data: st.DataObject) -> None:
    draw = data.draw
    taps, strides = [draw(st.integers(1, 2)) for _ in range(3)], [draw(st.integers(1, 2)) for _ in range(3)]
    channels, outputs = draw(_SMALL), draw(_SMALL)
    full = [2 * s for s in strides]
    agree(
        "CONV_3D_TRANSPOSE",
        [
            Const(np.array([1, *full, outputs], np.int32)),
            Const(_floats(*taps, outputs, channels)),
            _floats(1, 2, 2, 2, channels),
            Const(_floats(outputs)),
        ],
        [(5, F32)],
        "Conv3DOptions",
        padding=schema.Padding.SAME,
        strideD=strides[0],
        strideH=strides[1],
        strideW=strides[2],
    )


@FEW
@given(st.data())
def test_fully_connected(data: st.DataObject) -> None:
    draw = data.draw
    inputs, outputs, keep = draw(st.integers(1, 9)), draw(st.integers(2, 5)), draw(st.booleans())
    x = _floats(2, draw(_SMALL), inputs)
    kind = draw(st.sampled_from(["float", "symmetric", "asymmetric"]))
    weights = Const(_floats(outputs, inputs))
    if kind != "float":
        weights = Const(_whole(outputs, inputs), _scales(draw(st.sampled_from([1, outputs])), 0))
    agree(
        "FULLY_CONNECTED",
        [x, weights, draw(st.sampled_from([None, Const(_floats(outputs))]))],
        [(3 if keep else 2, F32)],
        "FullyConnectedOptions",
        version={"float": 6, "symmetric": 12, "asymmetric": 12}[kind],
        keepNumDims=keep,
        asymmetricQuantizeInputs=kind == "asymmetric",
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data())
def test_batch_matmul(data: st.DataObject) -> None:
    draw = data.draw
    rows, inner, columns = draw(_SMALL), draw(st.integers(1, 8)), draw(_SMALL)
    adj_x, adj_y, kind = draw(st.booleans()), draw(st.booleans()), draw(st.sampled_from(["float", "sym", "asym"]))
    lead_x, lead_y = draw(st.sampled_from([((2,), (2,)), ((2, 3), (1, 3)), ((1,), (2,)), ((2, 1), (2, 3))]))
    x = _floats(*lead_x, *((inner, rows) if adj_x else (rows, inner)))
    y_shape = (*lead_y, *((columns, inner) if adj_y else (inner, columns)))
    if kind != "float":
        lead_y = lead_x
        y_shape = (*lead_y, *y_shape[-2:])
    y = _floats(*y_shape) if kind == "float" else Const(_whole(*y_shape), _scales(1, 0))
    agree(
        "BATCH_MATMUL",
        [x, y],
        [(len(lead_x) + 2, F32)],
        "BatchMatMulOptions",
        version=1 if kind == "float" else 4,
        adjX=adj_x,
        adjY=adj_y,
        asymmetricQuantizeInputs=kind == "asym",
    )


@FEW
@given(st.data())
def test_pooling(data: st.DataObject) -> None:
    draw = data.draw
    taps = (draw(_SMALL), draw(_SMALL))
    x = _floats(draw(_SMALL), taps[0] + draw(st.integers(0, 5)), taps[1] + draw(st.integers(0, 5)), draw(_SMALL))
    agree(
        draw(st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"])),
        [x],
        [(4, F32)],
        "Pool2DOptions",
        padding=draw(_PADDINGS),
        strideH=draw(_SMALL),
        strideW=draw(_SMALL),
        filterHeight=taps[0],
        filterWidth=taps[1],
        fusedActivationFunction=draw(_ACTIVATIONS),
    )


@FEW
@given(st.data())
def test_resizing(data: st.DataObject) -> None:
    draw = data.draw
    x = _floats(draw(_SMALL), draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(_SMALL))
    size = np.array([draw(st.integers(1, 12)), draw(st.integers(1, 12))], np.int32)
    kind = draw(st.sampled_from(["ResizeBilinear", "ResizeNearestNeighbor"]))
    corners = draw(st.booleans())
    agree(
        {"ResizeBilinear": "RESIZE_BILINEAR", "ResizeNearestNeighbor": "RESIZE_NEAREST_NEIGHBOR"}[kind],
        [x, Const(size)],
        [(4, F32)],
        f"{kind}Options",
        version=3,
        alignCorners=corners,
        halfPixelCenters=draw(st.booleans()) and not (corners and kind == "ResizeBilinear"),
    )
