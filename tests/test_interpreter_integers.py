"""Integer kernels of the reference interpreter: the same to the bit as LiteRT's reference kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference_kernels import Const, Given, Quantized, agree

FEW = settings(deadline=None, max_examples=15, derandomize=True, database=None)
I8, U8, I16 = np.int8, np.uint8, np.int16
_SMALL = st.integers(1, 4)
_SCALES = st.floats(1 / 512, 0.3125, width=32)
_KINDS = st.sampled_from([I8, U8, I16])
_BYTES = st.sampled_from([I8, U8])


def _array(dtype: Any, *shape: int) -> np.ndarray:
    bounds = np.iinfo(dtype)
    return np.random.default_rng(sum(shape) + shape[0]).integers(bounds.min, bounds.max + 1, shape, dtype)


def _point(draw: Any, dtype: Any) -> int:
    bounds = np.iinfo(dtype)
    return 0 if dtype == I16 else draw(st.integers(int(bounds.min), int(bounds.max)))


def _given(draw: Any, dtype: Any, *shape: int, scale: float | None = None) -> Given:
    found = draw(_SCALES) if scale is None else scale
    return Given(_array(dtype, *shape), {"scales": [found], "zero_points": [_point(draw, dtype)]})


def _result(draw: Any, rank: int, dtype: Any) -> Quantized:
    return Quantized(rank, dtype, draw(_SCALES), _point(draw, dtype))


def _same(x: Given, rank: int) -> Quantized:
    return Quantized(rank, x.array.dtype, x.how["scales"][0], x.how["zero_points"][0])


@FEW
@given(st.data(), _KINDS, st.booleans(), st.booleans())
def test_resize_bilinear(data: st.DataObject, dtype: Any, corners: bool, half: bool) -> None:
    draw = data.draw
    x = _given(draw, dtype, draw(_SMALL), draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(_SMALL))
    size = np.array([draw(st.integers(1, 13)), draw(st.integers(1, 13))], np.int32)
    agree(
        "RESIZE_BILINEAR",
        [x, Const(size)],
        [_same(x, 4)],
        "ResizeBilinearOptions",
        version=3,
        alignCorners=corners,
        halfPixelCenters=half and not corners,
    )


@FEW
@given(st.data(), _KINDS, st.floats(0.25, 2, width=32))
def test_softmax(data: st.DataObject, dtype: Any, beta: float) -> None:
    draw = data.draw
    scale = draw(st.floats(2**-16, 2**-7, width=32)) if dtype == I16 else draw(st.floats(1 / 64, 0.5, width=32))
    x = _given(draw, dtype, draw(_SMALL), draw(st.integers(1, 40)), scale=scale)
    result = {I8: (1 / 256, -128), U8: (1 / 256, 0), I16: (1 / 32768, 0)}[dtype]
    agree("SOFTMAX", [x], [Quantized(2, dtype, *result)], "SoftmaxOptions", version=3, beta=beta)


@FEW
@given(st.data(), st.sampled_from(["LOGISTIC", "TANH"]), _KINDS)
def test_sigmoids(data: st.DataObject, builtin: str, dtype: Any) -> None:
    draw = data.draw
    wide = st.sampled_from([1 / 4096, 1 / 2048, 1 / 1024, 0.0003, 0.0000101, 0.7])
    x = _given(draw, dtype, draw(_SMALL), 50, scale=draw(wide) if dtype == I16 else draw(_SCALES))
    low = np.iinfo(dtype).min
    scales = {
        "LOGISTIC": (1 / 32768, 0) if dtype == I16 else (1 / 256, low),
        "TANH": (1 / 32768, 0) if dtype == I16 else (1 / 128, low + 128),
    }
    agree(builtin, [x], [Quantized(2, dtype, *scales[builtin])], version=3)


@pytest.mark.parametrize("builtin", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("scale", [1 / 4096, 1 / 2048, 0.00021])
def test_every_int16_number_through_a_sigmoid(builtin: str, scale: float) -> None:
    x = Given(np.arange(-32768, 32768).astype(I16), {"scales": [scale], "zero_points": [0]})
    agree(builtin, [x], [Quantized(1, I16, 1 / 32768, 0)], version=3)


@FEW
@given(st.data(), _BYTES)
def test_l2_normalization(data: st.DataObject, dtype: Any) -> None:
    x = _given(data.draw, dtype, data.draw(_SMALL), data.draw(st.integers(1, 300)))
    agree(
        "L2_NORMALIZATION",
        [x],
        [Quantized(2, dtype, 1 / 128, 128 if dtype == U8 else 0)],
        "L2NormOptions",
        version=2,
    )


@FEW
@given(st.data(), _BYTES)
def test_log_softmax(data: st.DataObject, dtype: Any) -> None:
    x = _given(data.draw, dtype, data.draw(_SMALL), data.draw(st.integers(1, 40)))
    agree(
        "LOG_SOFTMAX",
        [x],
        [Quantized(2, dtype, 1 / 16, 255 if dtype == U8 else 127)],
        "LogSoftmaxOptions",
        version=2,
    )


@FEW
@given(st.data(), st.sampled_from(["MEAN", "SUM"]), _KINDS, st.booleans())
def test_mean_and_sum(data: st.DataObject, builtin: str, dtype: Any, keep: bool) -> None:
    draw = data.draw
    assume(builtin == "MEAN" or dtype == U8)  # the reference kernel of SUM reads all integers as uint8
    rank = draw(st.integers(2, 4))
    x = _given(draw, dtype, *(draw(st.integers(1, 6)) for _ in range(rank)))
    axes = draw(st.lists(st.integers(0, rank - 1), min_size=1, max_size=rank, unique=True))
    agree(
        builtin,
        [x, Const(np.array(axes, np.int32))],
        [_result(draw, rank if keep else rank - len(axes), dtype)],
        "ReducerOptions",
        version=3 if builtin == "MEAN" else 2,
        keepDims=keep,
    )


@FEW
@given(st.data(), st.sampled_from(["REDUCE_MAX", "REDUCE_MIN"]), _KINDS, st.booleans())
def test_largest_and_smallest(data: st.DataObject, builtin: str, dtype: Any, keep: bool) -> None:
    x = _given(data.draw, dtype, 3, 4, 5)
    axis = Const(np.array([data.draw(st.integers(-3, 2))], np.int32))
    agree(builtin, [x, axis], [_same(x, 3 if keep else 2)], "ReducerOptions", version=3, keepDims=keep)


@FEW
@given(st.data(), _BYTES)
def test_prelu(data: st.DataObject, dtype: Any) -> None:
    draw = data.draw
    channels = draw(_SMALL)
    x = _given(draw, dtype, draw(_SMALL), draw(_SMALL), 5, channels)
    slopes = _given(draw, dtype, 1, 1, channels)
    agree("PRELU", [x, Const(slopes.array, slopes.how)], [_result(draw, 4, dtype)])


@FEW
@given(st.data(), _SCALES)
def test_rsqrt(data: st.DataObject, scale: float) -> None:
    x = Given(_array(I8, data.draw(_SMALL), 30), {"scales": [scale], "zero_points": [-128]})
    agree("RSQRT", [x], [_result(data.draw, 2, I8)], version=2)


@FEW
@given(st.data(), st.sampled_from(["ADD", "SUB"]), _KINDS, st.integers(0, 3))
def test_add_and_sub(data: st.DataObject, builtin: str, dtype: Any, activation: int) -> None:
    draw = data.draw
    x, y = _given(draw, dtype, 3, 4, 5), _given(draw, dtype, *draw(st.sampled_from([(3, 4, 5), (1, 1, 5), (4, 1)])))
    agree(
        builtin,
        [x, y],
        [_result(draw, 3, dtype)],
        f"{builtin.title()}Options",
        version=5,
        fusedActivationFunction=activation,
        potScaleInt16=False,
    )


@FEW
@given(st.data(), _KINDS, st.integers(0, 3))
def test_mul(data: st.DataObject, dtype: Any, activation: int) -> None:
    draw = data.draw
    x, y = _given(draw, dtype, 3, 4, 5), _given(draw, dtype, *draw(st.sampled_from([(3, 4, 5), (1, 1, 5), (4, 1)])))
    agree("MUL", [x, y], [_result(draw, 3, dtype)], "MulOptions", version=4, fusedActivationFunction=activation)
