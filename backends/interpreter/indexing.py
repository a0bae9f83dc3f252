"""Slices, gathers and scatters of elements of any type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, integers, kernel, refuse
from tflir.backends.interpreter.options import flag, number
from tflir.ir.tfl.indexing import (
    DynamicUpdateSliceOp,
    GatherNdOp,
    GatherOp,
    ScatterNdOp,
    SliceOp,
    SparseToDenseOp,
    StridedSliceOp,
)
from tflir.ir.tfl.picking_rules import strided_range


@kernel(SliceOp)
def block(op: SliceOp, operands: Operands) -> Results:
    """A size of -1 means all elements that follow."""
    x, begin, size = operands
    picked: list[slice] = []
    for axis, (first, count) in enumerate(zip(integers(begin), integers(size), strict=True)):
        end = x.shape[axis] if count == -1 else first + count
        if not 0 <= first <= end <= x.shape[axis]:
            raise refuse(f"elements {first} to {end} of axis {axis}, which has {x.shape[axis]}", "fix begin or size")
        picked.append(slice(first, end))
    return [x[tuple(picked)]]


@kernel(StridedSliceOp)
def strided_slice(op: StridedSliceOp, operands: Operands) -> Results:
    """Bits in the masks select an index that removes its axis, a new axis, an ellipsis or an open end of a slice.

    An ellipsis covers at least one dimension; slices after it for which no dimension remains are ignored.
    """
    x, begin, end, strides = operands
    begins, ends, steps = integers(begin), integers(end), integers(strides)
    names = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    masks = {name: number(op.properties.get(f"{name}_mask")) for name in names}
    count = len(begins) - (masks["new_axis"] & ~masks["ellipsis"]).bit_count() - masks["ellipsis"].bit_count()
    picked: list[Any] = []
    for dimension in range(len(begins)):
        bit = {name: bool(mask >> dimension & 1) for name, mask in masks.items()}
        first = None if bit["begin"] else begins[dimension]
        if bit["ellipsis"]:
            picked += [slice(None)] * max(x.ndim - count, 1)
        elif bit["new_axis"]:
            picked.append(None)
        elif bit["shrink_axis"]:
            picked.append(0 if first is None else first)
        elif (axis := sum(part is not None for part in picked)) < x.ndim:
            last = None if bit["end"] else ends[dimension]
            found = strided_range(x.shape[axis], first, last, steps[dimension], offset=flag(op.offset))
            picked.append(_as_slice(found))
    return [x[tuple(_up_to(picked, x.ndim))]]


def _as_slice(picked: range) -> slice:
    """The slice of these indices: one that ends before index 0 has an open end, since -1 would be the last index."""
    return slice(picked.start, None if picked.stop < 0 else picked.stop, picked.step) if picked else slice(0, 0)


def _up_to(picked: list[Any], rank: int) -> Iterator[Any]:
    """The leading parts of a slice that apply to `rank` dimensions."""
    for part in picked:
        if part is not None:
            rank -= 1
        if rank >= 0:
            yield part


@kernel(GatherOp)
def gather(op: GatherOp, operands: Operands) -> Results:
    """The first `batch_dims` dimensions of both operands are batch dimensions."""
    params, indices = operands
    batches = number(op.batch_dims)
    batches += indices.ndim if batches < 0 else 0
    axis = number(op.axis) % params.ndim
    _require_within(indices, params.shape[axis])
    if not batches:
        return [np.take(params, indices, axis)]
    lead = params.shape[:batches]
    flat = params.reshape(-1, *params.shape[batches:])
    places = indices.reshape(flat.shape[0], *indices.shape[batches:])
    parts = [np.take(part, place, axis - batches) for part, place in zip(flat, places, strict=True)]
    return [np.stack(parts).reshape(*lead, *parts[0].shape)]


def _require_within(indices: Array, size: int) -> None:
    if indices.size and not 0 <= int(indices.min()) <= int(indices.max()) < size:
        raise refuse(f"index {indices.min()} or {indices.max()} of {size} elements", f"give indices below {size}")


@kernel(GatherNdOp)
def gather_nd(op: GatherNdOp, operands: Operands) -> Results:
    params, indices = operands
    depth = indices.shape[-1]
    for axis in range(depth):
        _require_within(indices[..., axis], params.shape[axis])
    return [
        params[tuple(np.moveaxis(indices, -1, 0))]
        if depth
        else np.broadcast_to(params, (*indices.shape[:-1], *params.shape))
    ]


@kernel(ScatterNdOp)
def scatter_nd(op: ScatterNdOp, operands: Operands) -> Results:
    indices, updates, shape = operands
    out = np.zeros(integers(shape), updates.dtype)
    depth = indices.shape[-1]
    for axis in range(depth):
        _require_within(indices[..., axis], out.shape[axis])
    if updates.dtype == np.bool_:
        out[tuple(np.moveaxis(indices, -1, 0))] = updates
    else:
        np.add.at(out, tuple(np.moveaxis(indices, -1, 0)), updates)
    return [out]


@kernel(DynamicUpdateSliceOp)
def dynamic_update_slice(op: DynamicUpdateSliceOp, operands: Operands) -> Results:
    """A block that would extend beyond the operand is moved inside."""
    x, update, starts = operands
    out = x.copy()
    slices: list[slice] = []
    for start, count, size in zip(integers(starts), update.shape, x.shape, strict=True):
        first = min(max(start, 0), size - count)
        slices.append(slice(first, first + count))
    out[tuple(slices)] = update
    return [out]


@kernel(SparseToDenseOp)
def sparse_to_dense(op: SparseToDenseOp, operands: Operands) -> Results:
    indices, shape, values, default = operands
    out = np.full(integers(shape), default.reshape(-1)[0], values.dtype)
    places = indices.reshape(-1, out.ndim)
    out[tuple(places.T)] = values.reshape(-1) if values.ndim else values
    return [out]
