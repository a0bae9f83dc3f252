"""The encoding of sparse constants: whether an encoding fits its tensor, and the dense elements that it describes.

The coordinates of the stored elements form a tree with a level for each dimension, in the traversal order. A dimension
that is divided into blocks has two levels: the number of the block and, after the levels of all dimensions, the
position within the block. In a dense level every node has a child for each coordinate; in a compressed level (CSR) node
n has the children `indices[segments[n]:segments[n + 1]]`. The stored elements are the leaves of the tree, in order.
For example, [[0, 5], [0, 0]] in CSR has a dense level of size 2, a compressed level with segments [0, 1, 1] and indices
[1], and the stored element 5. (Kjolstad et al., "The Tensor Algebra Compiler", 2017.)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.tfl.attributes import DimensionMetadata, DimensionType, SparsityParameters

Array = npt.NDArray[Any]


def encoding_fault(parameters: SparsityParameters, shape: tuple[int, ...], stored: int) -> str | None:
    """Why an encoding of `stored` elements can't be that of a tensor of `shape`; None if it can.

    The rules are those of the runtime's verifier (docs/semantics.md, Sparse encodings).
    """
    rank, levels = len(shape), parameters.dim_metadata
    order, blocks = parameters.traversal_order, parameters.block_map
    if not levels:
        return "it has no levels"
    if len(order) != len(levels) or len(levels) != rank + len(blocks):
        return f"{len(levels)} levels and {len(blocks)} blocks where {rank} dimensions are walked in {len(order)} steps"
    if sorted(order[:rank]) != list(range(rank)) or sorted(order[rank:]) != list(range(rank, len(levels))):
        return f"traversal order {list(order)} does not name each dimension and then each block once"
    if any(not 0 <= dimension < rank for dimension in blocks) or len(set(blocks)) != len(blocks):
        return f"block map {list(blocks)} of {rank} dimensions"
    for level in levels[rank:]:
        if level.format != DimensionType.DENSE or level.dense_size <= 0:
            return "a dimension of blocks that is not dense"
    sizes = _level_sizes(parameters, shape)
    if sizes is None:
        return f"blocks that don't divide the shape {list(shape)}"
    return _levels_fault(levels, sizes, stored)


def stored_elements(parameters: SparsityParameters) -> int:
    """How many elements an encoding that fits its tensor stores: one for each node of the last level."""
    nodes = 1
    for level in parameters.dim_metadata:
        nodes = nodes * level.dense_size if level.format == DimensionType.DENSE else len(level.indices)
    return nodes


def _levels_fault(levels: tuple[DimensionMetadata, ...], sizes: list[int], stored: int) -> str | None:
    nodes = 1
    for number, (level, size) in enumerate(zip(levels, sizes, strict=True)):
        if level.format == DimensionType.DENSE:
            if level.dense_size != size:
                return f"level {number} of size {level.dense_size} where {size} is needed"
            nodes *= size
            continue
        segments, indices = level.segments, level.indices
        if len(segments) != nodes + 1 or int(segments[0]) != 0 or int(segments[-1]) != len(indices):
            return f"level {number} of {len(segments)} segments and {len(indices)} indices for {nodes} nodes"
        if len(segments) > 1 and (segments[1:] < segments[:-1]).any():
            return f"level {number} of segments that decrease"
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < size:
            return f"level {number} of indices that are not within 0 and {size - 1}"
        nodes = len(indices)
    return None if nodes == stored else f"{stored} stored elements where its levels have {nodes}"


def _level_sizes(parameters: SparsityParameters, shape: tuple[int, ...]) -> list[int] | None:
    """How many coordinates each level has; None if a block does not divide its dimension."""
    rank = len(shape)
    size_of = list(shape)
    inner: dict[int, int] = {}
    for step, level in zip(parameters.traversal_order[rank:], parameters.dim_metadata[rank:], strict=True):
        dimension = parameters.block_map[step - rank]
        inner[step] = level.dense_size
        if size_of[dimension] % level.dense_size:
            return None
        size_of[dimension] //= level.dense_size
    return [size_of[step] if step < rank else inner[step] for step in parameters.traversal_order]


def decode(parameters: SparsityParameters, stored: Array, shape: tuple[int, ...]) -> Array:
    """The dense array of `shape` with the `stored` elements in this encoding; all other elements are 0.

    The encoding must fit the shape (`encoding_fault` returns None).
    """
    rank = len(shape)
    sizes = _level_sizes(parameters, shape)
    assert sizes is not None
    strides = [math.prod(shape[dimension + 1 :]) for dimension in range(rank)]
    block_of = {
        parameters.block_map[step - rank]: size
        for step, size in zip(parameters.traversal_order, sizes, strict=True)
        if step >= rank
    }
    offsets = np.zeros(1, np.intp)
    for step, size, level in zip(parameters.traversal_order, sizes, parameters.dim_metadata, strict=True):
        dimension = step if step < rank else parameters.block_map[step - rank]
        pace = strides[dimension] * (block_of.get(dimension, 1) if step < rank else 1)
        if level.format == DimensionType.DENSE:
            offsets = (offsets[:, None] + np.arange(size, dtype=np.intp) * pace).reshape(-1)
        else:
            counts = np.diff(level.segments.astype(np.intp))
            offsets = np.repeat(offsets, counts) + level.indices.astype(np.intp) * pace
    dense = np.zeros(math.prod(shape), stored.dtype)
    dense[offsets] = stored.reshape(-1)
    return dense.reshape(shape)
