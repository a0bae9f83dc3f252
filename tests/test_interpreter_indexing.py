"""Slices relative to their begin, and gathers in batches counted from the end, against LiteRT's kernels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mending import Mended, numbers, program
from reference_kernels import Const, agree

MANY = settings(deadline=None, max_examples=60, derandomize=True, database=None)
F32, I32 = np.float32, np.int32


def _vector(*values: int) -> Const:
    return Const(np.array(values, I32))


@st.composite
def _entries(draw: st.DrawFn, size: int) -> tuple[int, int, int, bool, bool]:
    """Begin, size relative to it, stride and the two masks of one dimension, for which LiteRT's result is defined.

    It reserves ceil(size / stride) elements, so there must be as many up to the end.
    """
    stride = draw(st.sampled_from([-3, -1, 1, 2]))
    begin, opens, whole = draw(st.integers(-size, size - 1)), draw(st.booleans()), draw(st.booleans())
    if stride > 0:
        first, last = 0 if opens else begin % size, size
        count = last - first if whole else draw(st.integers(0, last - first))
    else:
        first = size - 1 if opens else begin % size
        count = -first - 1 if whole else draw(st.integers(-first, 0))
    return begin, count, stride, opens, whole


@MANY
@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.data())
def test_slices_whose_end_is_relative_to_their_begin(shape: list[int], data: st.DataObject) -> None:
    x = np.arange(math.prod(shape), dtype=F32).reshape(shape)
    begins, counts, strides, opens, wholes = zip(*(data.draw(_entries(size)) for size in shape), strict=True)
    agree(
        "STRIDED_SLICE",
        [x, _vector(*begins), _vector(*counts), _vector(*strides)],
        [(x.ndim, F32)],
        "StridedSliceOptions",
        version=8,
        exact=True,
        offset=True,
        beginMask=sum(bit << axis for axis, bit in enumerate(opens)),
        endMask=sum(bit << axis for axis, bit in enumerate(wholes)),
    )


@pytest.mark.parametrize("begin", [-9, 9])
def test_a_begin_outside_is_moved_inside_before_the_end_is_added(begin: int) -> None:
    count = 2 if begin < 0 else 0
    operands = [np.arange(5, dtype=F32), _vector(begin), _vector(count), _vector(1)]
    agree("STRIDED_SLICE", operands, [(1, F32)], "StridedSliceOptions", version=8, exact=True, offset=True)


@pytest.mark.parametrize(("begin", "mask", "count"), [(-4, 0, 3), (1, 1, 4), (1, 0, 3)])
def test_mended_slices_keep_an_end_relative_to_the_begin(begin: int, mask: int, count: int) -> None:
    masks = f"begin_mask = {mask} : i32, end_mask = 0 : i32, ellipsis_mask = 0 : i32, new_axis_mask = 0 : i32"
    lines = numbers("b", [begin]) + numbers("e", [count]) + numbers("s", [2])
    lines += (
        f'  %y0 = "tfl.strided_slice"(%x, %b, %e, %s) <{{{masks}, shrink_axis_mask = 0 : i32, offset = true}}> : '
        "(tensor<5xf32>, tensor<1xi32>, tensor<1xi32>, tensor<1xi32>) -> tensor<2xf32>\n"
    )
    mended = Mended(program(lines, "tensor<5xf32>", "tensor<2xf32>"))
    assert mended.report.counts, mended.report.declined
    assert set(mended.differences()) == {0.0}, mended.text


@pytest.mark.parametrize("batches", [-1, -2, -3, 0, 1, 2])
@pytest.mark.parametrize("axis", [-1, 2])
def test_batches_of_gathers_count_dimensions_of_the_indices(batches: int, axis: int) -> None:
    x = np.arange(2 * 3 * 4, dtype=F32).reshape(2, 3, 4)
    indices = np.arange(2 * 3 * 5, dtype=I32).reshape(2, 3, 5) % 4
    rank = x.ndim + indices.ndim - 1 - batches % indices.ndim
    fields = {"axis": axis, "batchDims": batches}
    agree("GATHER", [x, Const(indices)], [(rank, F32)], "GatherOptions", version=5, exact=True, **fields)
