"""StableHLO's gather: slices of any dimensions at any indices."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, kernel, places
from tflir.backends.interpreter.options import number, numbers, option
from tflir.ir.tfl import stablehlo as ops
from tflir.ir.tfl.variadic import VariadicOp


@kernel(ops.StablehloGatherOp)
def gather(op: VariadicOp, operands: Operands) -> Results:
    """Slices that would extend beyond the operand are moved inside."""
    x, indices = operands
    sizes = numbers(option(op, "slice_sizes"))
    starts = first_elements(indices, number(option(op, "index_vector_dim")), numbers(option(op, "start_index_map")), x)
    starts = np.clip(starts, 0, np.array(x.shape) - np.array(sizes))
    slices = x[element_indices(starts, sizes)]
    batches = starts.ndim - 1
    collapsed = numbers(option(op, "collapsed_slice_dims"))
    slices = slices.squeeze(tuple(batches + axis for axis in collapsed))
    offsets = numbers(option(op, "offset_dims"))
    return [np.moveaxis(slices, range(batches, slices.ndim), offsets)]


def first_elements(indices: Array, vector: int, axes: list[int], x: Array) -> Array:
    """The start of each slice of `x`, [batches…, dimensions of x]; `axes` are the dimensions that index
    vectors address.
    """
    vectors = indices[..., None] if vector == indices.ndim else np.moveaxis(indices, vector, -1)
    starts = np.zeros((*vectors.shape[:-1], x.ndim), np.int64)
    starts[..., axes] = vectors
    return starts


def element_indices(starts: Array, sizes: list[int]) -> tuple[Array, ...]:
    """An index array [batches…, sizes…] for each dimension, to read or write all elements of all slices at once."""
    batches, rank = starts.ndim - 1, len(sizes)
    arrays: list[Array] = []
    for axis, size in enumerate(sizes):
        along = [1] * rank
        along[axis] = size
        first = starts[..., axis].reshape(*starts.shape[:batches], *[1] * rank)
        arrays.append(first + places(size).reshape(along))
    return tuple(arrays)
