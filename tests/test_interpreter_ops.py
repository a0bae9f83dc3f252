"""Ops without weights in the reference interpreter, on random shapes, options and types, against LiteRT's kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference_kernels import Const, Quantized, agree

FEW = settings(deadline=None, max_examples=8, derandomize=True, database=None)
F32, I32, I64, I8, BOOL = np.float32, np.int32, np.int64, np.int8, np.bool_
_SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)
_FLOATS = st.floats(-8, 8, width=32)


def _ints(*values: int) -> Const:
    return Const(np.array(values, I32))


def _elements(dtype: Any) -> st.SearchStrategy[Any]:
    return _FLOATS if dtype is F32 else st.booleans() if dtype is BOOL else st.integers(-50, 50)


@st.composite
def _arrays(draw: st.DrawFn, *dtypes: Any, shape: Any = _SHAPES) -> np.ndarray:
    dtype = draw(st.sampled_from(dtypes))
    return draw(hnp.arrays(dtype, shape, elements=_elements(dtype)))


@st.composite
def _pairs(draw: st.DrawFn, *dtypes: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of one type that broadcast."""
    found = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4, min_dims=1))
    dtype = draw(st.sampled_from(dtypes))
    one, other = (draw(hnp.arrays(dtype, shape, elements=_elements(dtype))) for shape in found.input_shapes)
    return one, other


@FEW
@given(
    st.sampled_from([("ADD", "Add"), ("SUB", "Sub"), ("MUL", "Mul"), ("DIV", "Div")]),
    _pairs(F32, I32, I64),
    st.sampled_from([0, 1, 2, 3]),
)
def test_fused_arithmetic(kind: tuple[str, str], pair: tuple[np.ndarray, np.ndarray], activation: int) -> None:
    x, y = pair
    if kind[0] == "DIV":
        y = np.where(y == 0, y.dtype.type(3), y)
        if x.dtype == I64:
            return
    agree(
        kind[0],
        [x, y],
        [(max(x.ndim, y.ndim), x.dtype)],
        f"{kind[1]}Options",
        exact=True,
        version=5 if kind[0] == "SUB" and x.dtype == I64 else 1,
        fusedActivationFunction=activation,
    )


@FEW
@given(st.sampled_from(["FLOOR_DIV", "FLOOR_MOD", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"]), _pairs(F32, I32))
def test_binary(kind: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = pair
    if kind.startswith("FLOOR"):
        y = np.where(y == 0, y.dtype.type(3), y)
    agree(kind, [x, y], [(max(x.ndim, y.ndim), x.dtype)], exact=True, version=2 if kind == "FLOOR_DIV" else 1)


@FEW
@given(_pairs(I32), _pairs(F32))
def test_power(whole: tuple[np.ndarray, np.ndarray], real: tuple[np.ndarray, np.ndarray]) -> None:
    base, exponent = whole
    agree("POW", [base % 9, np.abs(exponent) % 5], [(max(base.ndim, exponent.ndim), I32)])
    x, y = real
    agree("POW", [np.abs(x) + F32(0.1), y], [(max(x.ndim, y.ndim), F32)])


@FEW
@given(st.sampled_from([np.int8, np.int16, np.int32, np.uint8]), st.integers(0, 40))
def test_bits(dtype: Any, shift: int) -> None:
    limits = np.iinfo(dtype)
    x = np.random.default_rng(shift).integers(limits.min, limits.max + 1, (3, 4), dtype)
    agree("RIGHT_SHIFT", [x, np.full((3, 4), shift % (limits.bits + 3), dtype)], [(2, dtype)])
    agree("BITWISE_XOR", [x, x[::-1].copy()], [(2, dtype)])


@FEW
@given(
    st.sampled_from(["EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"]),
    _pairs(F32, I32, I64),
)
def test_comparison(kind: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
    agree(kind, list(pair), [(max(pair[0].ndim, pair[1].ndim), BOOL)])


@FEW
@given(st.sampled_from(["LOGICAL_AND", "LOGICAL_OR"]), _pairs(BOOL))
def test_logic(kind: str, pair: tuple[np.ndarray, np.ndarray]) -> None:
    agree(kind, list(pair), [(max(pair[0].ndim, pair[1].ndim), BOOL)])
    agree("LOGICAL_NOT", [pair[0]], [(pair[0].ndim, BOOL)])


@FEW
@given(st.data())
def test_select(data: st.DataObject) -> None:
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=3, min_dims=1, max_dims=4, max_side=3)).input_shapes
    condition = data.draw(hnp.arrays(BOOL, shapes[0]))
    dtype = data.draw(st.sampled_from([F32, I32, I8, BOOL]))
    x, y = (data.draw(hnp.arrays(dtype, shape, elements=_elements(dtype))) for shape in shapes[1:])
    agree("SELECT_V2", [condition, x, y], [(max(map(len, shapes)), dtype)], exact=True)
    rows = np.zeros((3, *x.shape), dtype)
    agree("SELECT", [np.array([True, False, True]), rows, rows + dtype(1)], [(rows.ndim, dtype)], exact=True)


@FEW
@given(st.sampled_from(["ABS", "NEG", "SQUARE", "FLOOR", "CEIL", "ROUND", "SQRT", "RSQRT", "SIGN"]), _arrays(F32))
def test_exact_functions(kind: str, x: np.ndarray) -> None:
    x = np.abs(x) + F32(0.25) if "SQRT" in kind else x
    agree(kind, [x], [(x.ndim, F32)], exact=True)
    if kind in ("ABS", "NEG"):
        agree(kind, [x.astype(I32)], [(x.ndim, I32)], version=5 if kind == "ABS" else 1)


@FEW
@given(st.sampled_from(["EXP", "LOG", "SIN", "COS", "LOGISTIC", "TANH", "ELU", "HARD_SWISH"]), _arrays(F32))
def test_functions(kind: str, x: np.ndarray) -> None:
    x = np.abs(x) + F32(0.25) if kind == "LOG" else x * F32(2)
    agree(kind, [x], [(x.ndim, F32)])


@FEW
@given(_arrays(F32), st.booleans(), st.floats(0.125, 3, width=32))
def test_activations(x: np.ndarray, approximate: bool, factor: float) -> None:
    for kind in ("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"):
        agree(kind, [x], [(x.ndim, F32)], exact=True)
    with_one = x.copy()
    with_one.reshape(-1)[:1] = 1  # results near 0 have few digits, since 1 + tanh(u) loses them: 1 sets the scale
    agree("GELU", [with_one], [(x.ndim, F32)], "GeluOptions", approximate=approximate)
    agree("LEAKY_RELU", [x], [(x.ndim, F32)], "LeakyReluOptions", exact=True, alpha=factor)
    alpha = np.linspace(-1, 1, x.shape[-1], dtype=F32).reshape([1] * (x.ndim - 1) + [-1])
    agree("PRELU", [x, Const(alpha)], [(x.ndim, F32)], exact=True)
    agree("SOFTMAX", [x], [(x.ndim, F32)], "SoftmaxOptions", beta=factor)
    agree("LOG_SOFTMAX", [x], [(x.ndim, F32)])
    agree("L2_NORMALIZATION", [x], [(x.ndim, F32)], "L2NormOptions")
    four = x.reshape([1] * (4 - x.ndim) + list(x.shape))
    agree(
        "LOCAL_RESPONSE_NORMALIZATION",
        [four],
        [(4, F32)],
        "LocalResponseNormalizationOptions",
        radius=2,
        bias=1.5,
        alpha=0.3,
        beta=factor,
    )


@FEW
@given(_arrays(F32, I32, BOOL), st.sampled_from([F32, I32, I64, I8, np.uint8, BOOL, np.float16, np.int16]))
def test_cast(x: np.ndarray, wanted: Any) -> None:
    if x.dtype != np.dtype(wanted):
        agree("CAST", [x if wanted is not np.uint8 else np.abs(x) if x.dtype != BOOL else x], [(x.ndim, wanted)])


@FEW
@given(st.data())
def test_reductions(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(["SUM", "MEAN", "REDUCE_PROD", "REDUCE_MAX", "REDUCE_MIN", "ANY", "ALL"]))
    x = data.draw(_arrays(BOOL)) if kind in ("ANY", "ALL") else data.draw(_arrays(F32, I32, I64))
    x = np.clip(x, -3, 3) if kind == "REDUCE_PROD" else x
    axes = data.draw(st.lists(st.integers(-x.ndim, x.ndim - 1), min_size=1, max_size=x.ndim))
    keep = data.draw(st.booleans())
    rank = x.ndim if keep else x.ndim - len({axis % x.ndim for axis in axes})
    name = f"REDUCE_{kind}" if kind in ("ANY", "ALL") else kind
    agree(name, [x, _ints(*axes)], [(rank, x.dtype)], "ReducerOptions", keepDims=keep)


@FEW
@given(st.data())
def test_extreme_index_and_running_sum(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    dtype = data.draw(st.sampled_from([I32, I64]))
    number = {I32: 2, I64: 4}[dtype]
    agree("ARG_MAX", [x, _ints(axis)], [(x.ndim - 1, dtype)], "ArgMaxOptions", outputType=number)
    agree("ARG_MIN", [x, _ints(axis)], [(x.ndim - 1, dtype)], "ArgMinOptions", outputType=number)
    exclusive, reverse = data.draw(st.booleans()), data.draw(st.booleans())
    agree("CUMSUM", [x, _ints(axis)], [(x.ndim, x.dtype)], "CumsumOptions", exclusive=exclusive, reverse=reverse)


@pytest.mark.parametrize("dtype", [F32, I32])
def test_segments(dtype: Any) -> None:
    x = np.arange(24).reshape(6, 4).astype(dtype)
    agree("SEGMENT_SUM", [x, _ints(0, 0, 1, 1, 1, 2)], [(2, dtype)])
    for kind in ("SUM", "PROD", "MAX", "MIN"):
        operands = [x, Const(np.array([2, 0, 2, -1, 0, 1], I32)), _ints(4)]
        agree(f"UNSORTED_SEGMENT_{kind}", operands, [(2, dtype)])


@FEW
@given(st.data())
def test_shape_changes(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32, I8, BOOL))
    order = data.draw(st.permutations(range(x.ndim)))
    agree("TRANSPOSE", [x, _ints(*order)], [(x.ndim, x.dtype)], exact=True)
    agree("RESHAPE", [x, _ints(-1, x.shape[-1])], [(2, x.dtype)], exact=True)
    agree("RESHAPE", [x, _ints(x.size)], [(1, x.dtype)], exact=True)
    axis = data.draw(st.integers(-x.ndim - 1, x.ndim))
    agree("EXPAND_DIMS", [x, _ints(axis)], [(x.ndim + 1, x.dtype)], exact=True)
    ones = x.reshape(1, *x.shape, 1)
    agree("SQUEEZE", [ones], [(x.ndim - x.shape.count(1), x.dtype)], "SqueezeOptions", exact=True, squeezeDims=[])
    agree("SQUEEZE", [ones], [(x.ndim + 1, x.dtype)], "SqueezeOptions", exact=True, squeezeDims=[-1])


@FEW
@given(st.data())
def test_joins_and_parts(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32, I8))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    agree("CONCATENATION", [x, x[::-1].copy(), x], [(x.ndim, x.dtype)], "ConcatenationOptions", axis=axis)
    place = data.draw(st.integers(-x.ndim - 1, x.ndim))
    if x.ndim < 4:
        agree("PACK", [x, x], [(x.ndim + 1, x.dtype)], "PackOptions", valuesCount=2, axis=place)
    count = x.shape[axis]
    agree("UNPACK", [x], [(x.ndim - 1, x.dtype)] * count, "UnpackOptions", num=count, axis=axis)
    agree("SPLIT", [_ints(axis), x], [(x.ndim, x.dtype)] * count, "SplitOptions", numSplits=count)
    sizes = [1, -1] if data.draw(st.booleans()) and count > 1 else [count]
    operands = [x, _ints(*sizes), _ints(axis)]
    agree("SPLIT_V", operands, [(x.ndim, x.dtype)] * len(sizes), "SplitVOptions", numSplits=len(sizes))


@FEW
@given(st.data())
def test_repeats_and_margins(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32))
    few = st.lists(st.integers(1, 3), min_size=x.ndim, max_size=x.ndim)
    agree("TILE", [x, _ints(*data.draw(few))], [(x.ndim, x.dtype)], exact=True)
    shape = (2, *x.shape)
    agree("BROADCAST_TO", [x, _ints(*shape)], [(x.ndim + 1, x.dtype)], exact=True, version=2)
    margins = np.array([(n, m) for n, m in zip(data.draw(few), data.draw(few), strict=True)], I32) - 1
    agree("PAD", [x, Const(margins)], [(x.ndim, x.dtype)], exact=True)
    agree("PADV2", [x, Const(margins), Const(np.array([7], x.dtype))], [(x.ndim, x.dtype)], exact=True)
    mode = data.draw(st.integers(0, 1))
    fits = np.minimum(margins, np.array(x.shape)[:, None] - (1 - mode)).astype(I32)
    agree("MIRROR_PAD", [x, Const(fits)], [(x.ndim, x.dtype)], "MirrorPadOptions", exact=True, mode=mode)
    axis = data.draw(st.integers(0, x.ndim - 1))
    agree("REVERSE_V2", [x, _ints(axis)], [(x.ndim, x.dtype)], exact=True)


@FEW
@given(st.data())
def test_reverse_sequence(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32, shape=hnp.array_shapes(min_dims=2, max_dims=4, max_side=5)))
    sequence, batch = data.draw(st.permutations(range(x.ndim)))[:2]
    lengths = np.array([data.draw(st.integers(0, x.shape[sequence])) for _ in range(x.shape[batch])], I32)
    agree(
        "REVERSE_SEQUENCE",
        [x, Const(lengths)],
        [(x.ndim, x.dtype)],
        "ReverseSequenceOptions",
        exact=True,
        seqDim=sequence,
        batchDim=batch,
    )


@FEW
@given(st.data())
def test_slices(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32, I8))
    begins = [data.draw(st.integers(0, size - 1)) for size in x.shape]
    sizes = [data.draw(st.sampled_from([-1, 1, size - b])) for b, size in zip(begins, x.shape, strict=True)]
    agree("SLICE", [x, _ints(*begins), _ints(*sizes)], [(x.ndim, x.dtype)], exact=True)


@FEW
@given(st.data())
def test_strided_slices(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32, shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=2, max_side=5)))
    masks = dict.fromkeys(("beginMask", "endMask", "shrinkAxisMask", "newAxisMask", "ellipsisMask"), 0)
    begins, ends, strides, rank, kinds = [], [], [], 0, []
    for axis, size in enumerate(x.shape):
        kind = data.draw(st.sampled_from(["slice", "slice", "shrink", "back"]))
        begin, end = data.draw(st.integers(-size, size - 1)), data.draw(st.integers(-size - 1, size + 1))
        kinds.append(kind)
        begins.append(begin)
        strides.append(-data.draw(st.integers(1, 2)) if kind == "back" else data.draw(st.integers(1, 3)))
        masks["beginMask"] |= data.draw(st.booleans()) << axis if kind != "shrink" else 0
        masks["endMask"] |= data.draw(st.booleans()) << axis
        masks["shrinkAxisMask"] |= (kind == "shrink") << axis
        if kind == "shrink":
            strides[-1], end = 1, begin + 1
        ends.append(end)
        rank += kind != "shrink"
    extra = data.draw(st.sampled_from(["", "newAxisMask", "ellipsisMask"]))
    if extra == "newAxisMask" and x.ndim < 4:
        masks = {name: mask << 1 for name, mask in masks.items()} | {extra: 1}
        begins, ends, strides, rank = [0, *begins], [0, *ends], [1, *strides], rank + 1
    elif extra == "ellipsisMask":
        masks = {name: mask & ~1 for name, mask in masks.items()} | {extra: 1}
        rank += kinds[0] == "shrink"
    agree(
        "STRIDED_SLICE",
        [x, _ints(*begins), _ints(*ends), _ints(*strides)],
        [(rank, x.dtype)],
        "StridedSliceOptions",
        exact=True,
        **masks,
    )


@FEW
@given(st.data())
def test_gathers(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32, I8, shape=hnp.array_shapes(min_dims=2, max_dims=4, max_side=4)))
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    batches = data.draw(st.integers(0, min(axis % x.ndim, 1)))
    lead = x.shape[:batches]
    indices = data.draw(hnp.arrays(I32, (*lead, 2, 3), elements=st.integers(0, x.shape[axis] - 1)))
    rank = x.ndim + indices.ndim - 1 - batches
    agree("GATHER", [x, Const(indices)], [(rank, x.dtype)], "GatherOptions", version=5, axis=axis, batchDims=batches)
    depth = data.draw(st.integers(1, x.ndim))
    places = np.stack([data.draw(hnp.arrays(I32, (3,), elements=st.integers(0, n - 1))) for n in x.shape[:depth]], -1)
    agree("GATHER_ND", [x, Const(places)], [(1 + x.ndim - depth, x.dtype)], exact=True)
    updates = np.ones((3, *x.shape[depth:]), x.dtype)
    agree("SCATTER_ND", [Const(places), updates, _ints(*x.shape)], [(x.ndim, x.dtype)], exact=True)
    agree("EMBEDDING_LOOKUP", [Const(np.array([x.shape[0] - 1, 0], I32)), x], [(x.ndim, x.dtype)], exact=True)


@FEW
@given(st.data())
def test_updates_and_blocks(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32))
    sizes = [data.draw(st.integers(1, size)) for size in x.shape]
    starts = Const(np.array([data.draw(st.integers(-2, 5)) for _ in x.shape], I32))
    agree("DYNAMIC_UPDATE_SLICE", [x, np.ones(sizes, x.dtype), starts], [(x.ndim, x.dtype)], exact=True)
    block = data.draw(st.integers(1, 3))
    image = np.arange(2 * block * 3 * block * block**2).reshape(1, 2 * block, 3 * block, block**2).astype(F32)
    agree("DEPTH_TO_SPACE", [image], [(4, F32)], "DepthToSpaceOptions", blockSize=block)
    agree("SPACE_TO_DEPTH", [image], [(4, F32)], "SpaceToDepthOptions", blockSize=block)
    margins = Const(np.array([[block, 0], [0, block]], I32))
    agree("SPACE_TO_BATCH_ND", [image, _ints(block, block), margins], [(4, F32)], exact=True)
    batches = np.arange(block**2 * 3 * 4 * 2).reshape(block**2, 3, 4, 2).astype(F32)
    agree("BATCH_TO_SPACE_ND", [batches, _ints(block, block), Const(np.array([[1, 0], [0, 1]], I32))], [(4, F32)])


@FEW
@given(st.data())
def test_searches(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32))
    count = data.draw(st.integers(1, x.shape[-1]))
    agree("TOPK_V2", [x, Const(np.array(count, I32))], [(x.ndim, x.dtype), (x.ndim, I32)])
    flat = x.reshape(-1)
    agree("UNIQUE", [flat], [(1, x.dtype), (1, I32)], "UniqueOptions", idxOutType=2)
    agree("WHERE", [x >= x.flat[0]], [(2, I64)])
    agree("BUCKETIZE", [x], [(x.ndim, I32)], "BucketizeOptions", boundaries=[-3.0, 0.0, 1.5, 4.0])


@FEW
@given(st.data())
def test_filling(data: st.DataObject) -> None:
    x = data.draw(_arrays(F32, I32))
    agree("SHAPE", [x], [(1, I32)], "ShapeOptions", outType=2)
    agree("RANK", [x], [(0, I32)])
    agree("ZEROS_LIKE", [x], [(x.ndim, x.dtype)])
    agree("FILL", [_ints(*x.shape), Const(np.array(5, x.dtype))], [(x.ndim, x.dtype)])
    start, step = data.draw(st.integers(-5, 5)), data.draw(st.integers(1, 4))
    for dtype in (I32, F32):
        ends = [Const(np.array(value, dtype)) for value in (start, start + 9, step)]
        agree("RANGE", ends, [(1, dtype)], exact=True)
    axis = data.draw(st.integers(-1, x.ndim))
    if x.ndim < 4:
        indices = np.clip(np.abs(x), 0, 5).astype(I32)
        values = [Const(np.array(value, F32)) for value in (2, -1)]
        agree("ONE_HOT", [indices, Const(np.array(4, I32)), *values], [(x.ndim + 1, F32)], "OneHotOptions", axis=axis)
        agree("MATRIX_DIAG", [x], [(x.ndim + 1, x.dtype)])
    if x.ndim > 1:
        diagonal = np.ones((*x.shape[:-2], min(x.shape[-2:])), x.dtype)
        agree("MATRIX_SET_DIAG", [x, diagonal], [(x.ndim, x.dtype)])


@FEW
@given(_arrays(F32), st.floats(-4, -0.5), st.floats(0.5, 4), st.integers(2, 8))
def test_fake_quant(x: np.ndarray, low: float, high: float, bits: int) -> None:
    agree("FAKE_QUANT", [x], [(x.ndim, F32)], "FakeQuantOptions", version=2, min=low, max=high, numBits=bits)


@FEW
@given(st.data())
def test_dequantize(data: st.DataObject) -> None:
    x = data.draw(_arrays(I8))
    agree("DEQUANTIZE", [Const(x, {"scales": [0.05], "zero_points": [3]})], [(x.ndim, F32)], exact=True, version=2)
    agree("DEQUANTIZE", [Const(x.astype(np.float16))], [(x.ndim, F32)], exact=True, version=3)
    scales = {"scales": np.linspace(0.01, 0.1, x.shape[0]).tolist(), "axis": 0}
    agree("DEQUANTIZE", [Const(x, scales)], [(x.ndim, F32)], exact=True, version=5)
    agree("EMBEDDING_LOOKUP", [_ints(0, x.shape[0] - 1), Const(x.reshape(x.shape[0], -1), scales)], [(2, F32)])


@FEW
@given(_arrays(F32), st.sampled_from([(I8, 5), (np.uint8, 128), (np.int16, 0)]), st.floats(0.001, 0.5))
def test_quantize(x: np.ndarray, kind: tuple[Any, int], scale: float) -> None:
    dtype, point = kind
    result = Quantized(x.ndim, dtype, scale, point)
    agree("QUANTIZE", [x], [result], exact=True, version=2 if dtype is np.int16 else 1)
    whole = np.clip(x * 20, -128, 127).astype(I8)
    source = Const(whole, {"scales": [0.031], "zero_points": [-7]})
    agree("QUANTIZE", [source], [Quantized(x.ndim, I8, scale, 5)], exact=True, version=2)


@FEW
@given(st.integers(2, 12), st.floats(0, 1, width=32), st.sampled_from([0.0, 0.5]))
def test_non_max_suppression(count: int, threshold: float, sigma: float) -> None:
    rng = np.random.default_rng(count)
    corners = rng.random((count, 2), F32)
    boxes, scores = np.concatenate([corners, corners + rng.random((count, 2), F32)], 1), rng.random(count, F32)
    limits = [Const(np.array(5, I32)), Const(np.array(threshold, F32)), Const(np.array(0.2, F32))]
    agree("NON_MAX_SUPPRESSION_V4", [boxes, scores, *limits], [(1, I32), (0, I32)])
    operands = [boxes, scores, *limits, Const(np.array(sigma, F32))]
    agree("NON_MAX_SUPPRESSION_V5", operands, [(1, I32), (1, F32), (0, I32)])


@FEW
@given(st.integers(2, 8), st.integers(2, 8))
def test_fourier_transform(height: int, width: int) -> None:
    x = np.random.default_rng(height).standard_normal((2, 8, 8)).astype(F32)
    lengths = [1 << (size.bit_length() - 1) for size in (height, width)]
    agree("RFFT2D", [x, _ints(*lengths)], [(3, np.complex64)])


@pytest.mark.parametrize("combiner", [0, 1, 2])
def test_lookups(combiner: int) -> None:
    table = np.arange(12, dtype=F32).reshape(4, 3)
    indices = np.array([[0, 0], [0, 1], [2, 0]], I32)
    weights = np.array([1.5, 2.0, 0.5], F32)
    agree(
        "EMBEDDING_LOOKUP_SPARSE",
        [_ints(1, 3, 0), Const(indices), _ints(3, 2), Const(weights), table],
        [(2, F32)],
        "EmbeddingLookupSparseOptions",
        combiner=combiner,
    )
    agree("HASHTABLE_LOOKUP", [_ints(7, 3, 1), _ints(1, 2, 7, 9), Const(table)], [(2, F32), (1, np.uint8)])
