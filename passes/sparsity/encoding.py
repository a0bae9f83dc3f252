"""Encodes a dense array as nested dense and compressed levels, in any order of its dimensions and with any blocks.

`decode` (`tflir.ir.sparsity`) is the inverse. Elements that are 0, and blocks of which all elements are 0, are not
stored. -0.0 counts as 0, because a sum of products does not show its sign; with `signed_zeros` it is stored.
See docs/semantics.md, Sparse encodings.

For example, the rows [0, 0, 5, 6] and [0, 0, 0, 0] in blocks of 2 have one nonzero block: the elements [5, 6] are
stored, with the segments [0, 1, 1] (blocks up to the end of each row) and the indices [1] (the block in its row).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.tfl.attributes import DimensionMetadata, DimensionType, SparsityParameters
from tflir.passes.sparsity.transposition import transposed

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_PART = 1 << 18
"""Nodes that are processed at a time, so that temporary arrays fit in the cache."""
_WIDTHS = ((1 << 8, np.dtype(np.uint8)), (1 << 16, np.dtype(np.uint16)))


@dataclass(frozen=True)
class Encoding:
    """How a constant is encoded.

    `order` lists its dimensions in traversal order, one level each. `compressed` tells for each of these levels whether
    it is stored as CSR (segments and indices) or dense. `blocks` is a block size for each dimension (1: no blocks). The
    levels within blocks come last, in the order of the dimensions, and are dense.
    """

    order: tuple[int, ...]
    compressed: tuple[bool, ...]
    blocks: tuple[int, ...]

    @property
    def block_map(self) -> tuple[int, ...]:
        """The dimensions that are cut into blocks."""
        return tuple(dimension for dimension, size in enumerate(self.blocks) if size > 1)

    @property
    def depth(self) -> int:
        """The number of levels up to and including the last compressed one. Later levels are stored in full."""
        return max((level + 1 for level, csr in enumerate(self.compressed) if csr), default=0)

    def node(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of the part of a tensor of `shape` that one node of the last compressed level holds."""
        whole = self.order[self.depth :]
        return tuple(size if dim in whole else self.blocks[dim] for dim, size in enumerate(shape))

    def text(self) -> str:
        """A short form of the levels: `D0 C1 D1(4)` has dimension 0 dense and dimension 1 compressed in blocks of 4."""
        levels = [f"{'C' if csr else 'D'}{dim}" for dim, csr in zip(self.order, self.compressed, strict=True)]
        return " ".join([*levels, *(f"D{dim}({self.blocks[dim]})" for dim in self.block_map)])


def rows_of_blocks(rank: int, block: int = 1) -> Encoding:
    """The encoding that TensorFlow writes and kernels read: the last dimension compressed in blocks of `block`."""
    return Encoding(tuple(range(rank)), (*[False] * (rank - 1), True), (*[1] * (rank - 1), block))


def width_of(most: int) -> np.dtype[Any]:
    """The narrowest integer type of the file format (uint8, uint16, int32) that holds 0 to `most`."""
    return next((dtype for limit, dtype in _WIDTHS if most < limit), np.dtype(np.int32))


def nonzero(array: Array, *, signed_zeros: bool = False) -> Mask:
    """A mask of the elements that are not 0; with `signed_zeros`, -0.0 is not 0."""
    if array.dtype.kind != "f":
        return array != 0
    bits = array.view(f"u{array.dtype.itemsize}")
    if signed_zeros:
        return bits != 0
    return array != 0 if array.dtype.itemsize > 2 else (bits & 0x7FFF) != 0  # numpy compares halves slowly


def nodes_of(array: Array, encoding: Encoding) -> Array:
    """Rearranges `array`: an axis for each level up to the last compressed one, then one for the elements of a node."""
    rank = array.ndim
    if encoding.blocks != (1,) * rank:
        cut = [
            part for size, block in zip(array.shape, encoding.blocks, strict=True) for part in (size // block, block)
        ]
        walked = [*(2 * dim for dim in encoding.order), *(2 * dim + 1 for dim in range(rank))]
        array = transposed(array.reshape(cut), walked)
        array = array.reshape(*array.shape[:rank], -1)
    elif encoding.order != tuple(range(rank)):
        array = transposed(array, encoding.order)
    nodes = array.shape[: encoding.depth]
    return np.ascontiguousarray(array).reshape(*nodes, -1)


def encode(array: Array, encoding: Encoding, *, signed_zeros: bool = False) -> tuple[SparsityParameters, Array]:
    """The sparsity parameters of `array`, and its stored elements as a 1-D array of its dtype.

    Block sizes must divide the dimensions of the array. Raises `ValueError` if no level is compressed or the array is
    empty.
    """
    nodes, occupied = _occupied(array, encoding, signed_zeros=signed_zeros)
    levels = _levels(occupied, encoding)
    sizes = [array.shape[dim] // encoding.blocks[dim] for dim in encoding.order]
    levels += [DimensionMetadata(DimensionType.DENSE, size) for size in sizes[encoding.depth :]]
    levels += [DimensionMetadata(DimensionType.DENSE, encoding.blocks[dim]) for dim in encoding.block_map]
    order = (*encoding.order, *range(array.ndim, len(levels)))
    return SparsityParameters(order, encoding.block_map, tuple(levels)), _stored(nodes, occupied)


def stored_elements(array: Array, encoding: Encoding, *, signed_zeros: bool = False) -> Array:
    """The stored elements that `encode` returns, without the parameters."""
    return _stored(*_occupied(array, encoding, signed_zeros=signed_zeros))


def any_of_last(mask: Mask) -> Mask:
    """`mask.any(axis=-1)`, faster: up to 8 elements are tested at a time as one integer."""
    count = mask.shape[-1]
    width = next(width for width in (8, 4, 2, 1) if count % width == 0)
    words = np.ascontiguousarray(mask).view(f"u{width}")
    return words[..., 0] != 0 if words.shape[-1] == 1 else np.bitwise_or.reduce(words, axis=-1) != 0


def _occupied(array: Array, encoding: Encoding, *, signed_zeros: bool) -> tuple[Array, Mask]:
    """The elements of each node of the last compressed level, and a mask of the nodes that are stored."""
    if encoding.depth == 0 or not array.size:
        raise ValueError("nothing is compressed")
    nodes = nodes_of(array, encoding)
    kept = nonzero(nodes, signed_zeros=signed_zeros)
    occupied: Mask = kept[..., 0] if kept.shape[-1] == 1 else any_of_last(kept)
    if not occupied.any():
        occupied.reshape(-1)[0] = True  # the runtime takes a tensor without bytes for one without data
    return nodes, occupied


def _stored(nodes: Array, occupied: Mask) -> Array:
    """The elements of the stored nodes, in order. They are selected in parts, since an index takes 8 bytes per node."""
    flat, kept = nodes.reshape(-1, nodes.shape[-1]), occupied.reshape(-1)
    parts: list[Array] = []
    for start in range(0, len(flat), _PART):
        found = np.flatnonzero(kept[start : start + _PART])  # indexing by the mask takes several times as long
        parts.append(flat[start : start + _PART].take(found, axis=0))
    return np.concatenate(parts).reshape(-1)


def _levels(occupied: Mask, encoding: Encoding) -> list[DimensionMetadata]:
    """The metadata of the levels up to the last compressed one.

    A node of an outer level is stored if any node within it is.
    """
    levels: list[DimensionMetadata] = []
    alive: Mask | None = None
    """Which nodes of the level before are stored; None if all are."""
    for level, size in enumerate(occupied.shape):
        if not encoding.compressed[level]:
            levels.append(DimensionMetadata(DimensionType.DENSE, size))
            alive = None if alive is None else np.repeat(alive, size)
            continue
        last = level == occupied.ndim - 1
        here = occupied if last else any_of_last(occupied.reshape(*occupied.shape[: level + 1], -1))
        rows: Mask = here.reshape(-1, size)
        levels.append(_compressed(rows if alive is None else rows[alive]))
        alive = rows.reshape(-1)
    return levels


def _compressed(rows: Mask) -> DimensionMetadata:
    """A compressed level of the mask `rows`: segments (nodes up to the end of each row) and indices (columns)."""
    count, size = rows.shape
    ends = np.zeros(count + 1, np.intp)
    np.cumsum(np.count_nonzero(rows, axis=1), out=ends[1:])
    columns = np.empty(int(ends[-1]), width_of(size - 1))
    step = max(1, _PART // max(size, 1))
    for start in range(0, count, step):
        part = rows[start : start + step]
        found = np.flatnonzero(part)
        counts = np.diff(ends[start : start + len(part) + 1])
        found -= np.repeat(np.arange(len(part), dtype=np.intp) * size, counts)
        columns[ends[start] : ends[start + len(part)]] = found
    segments = ends.astype(width_of(int(ends[-1])))
    narrow = columns.astype(width_of(int(columns.max(initial=0))), copy=False)
    return DimensionMetadata(DimensionType.SPARSE_CSR, 0, segments, narrow)
