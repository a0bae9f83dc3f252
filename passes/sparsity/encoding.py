"""Encodes a dense array as any nesting of dense and compressed levels, over any order of its dimensions and blocks.

`decode` (`tflir.ir.sparsity`) is the inverse. What is 0 is left out, and a block whose elements all are; -0.0 counts as
0, whose sign no sum of products shows, unless `signed_zeros` keeps it. See docs/semantics.md, Sparse encodings.
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
"""Nodes that are looked at at once: what they take beside stays in the cache."""
_WIDTHS = ((1 << 8, np.dtype(np.uint8)), (1 << 16, np.dtype(np.uint16)))


@dataclass(frozen=True)
class Encoding:
    """How a constant is encoded.

    `order` are its dimensions as they are walked, `compressed` which of these levels are CSR (the rest is dense),
    `blocks` a block size for each dimension (1: none). Levels of blocks come last, in the order of the dimensions.
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
        """How many levels there are up to the last compressed one: what follows is stored whole."""
        return max((level + 1 for level, csr in enumerate(self.compressed) if csr), default=0)

    def node(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what one node of the last compressed level holds, in a tensor of `shape`."""
        whole = self.order[self.depth :]
        return tuple(size if dim in whole else self.blocks[dim] for dim, size in enumerate(shape))

    def text(self) -> str:
        """In short, as the levels are: `D0 C1 D1(4)` is a row of all, columns compressed in blocks of 4."""
        levels = [f"{'C' if csr else 'D'}{dim}" for dim, csr in zip(self.order, self.compressed, strict=True)]
        return " ".join([*levels, *(f"D{dim}({self.blocks[dim]})" for dim in self.block_map)])


def rows_of_blocks(rank: int, block: int = 1) -> Encoding:
    """What TensorFlow writes and kernels read: the last dimension compressed, in blocks of `block`."""
    return Encoding(tuple(range(rank)), (*[False] * (rank - 1), True), (*[1] * (rank - 1), block))


def width_of(most: int) -> np.dtype[Any]:
    """The narrowest integers of the format that hold 0 to `most`."""
    return next((dtype for limit, dtype in _WIDTHS if most < limit), np.dtype(np.int32))


def nonzero(array: Array, *, signed_zeros: bool = False) -> Mask:
    """Which elements are stored on their own account."""
    if array.dtype.kind != "f":
        return array != 0
    bits = array.view(f"u{array.dtype.itemsize}")
    if signed_zeros:
        return bits != 0
    return array != 0 if array.dtype.itemsize > 2 else (bits & 0x7FFF) != 0  # numpy compares halves slowly


def nodes_of(array: Array, encoding: Encoding) -> Array:
    """`array` as its levels up to the last compressed one, and the elements of each node of it along the last axis."""
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
    """The encoding's parameters for `array`, and the elements that are stored, in one dimension.

    Blocks must divide the array's dimensions, and one level at least must be compressed.
    """
    nodes, occupied = _occupied(array, encoding, signed_zeros=signed_zeros)
    levels = _levels(occupied, encoding)
    sizes = [array.shape[dim] // encoding.blocks[dim] for dim in encoding.order]
    levels += [DimensionMetadata(DimensionType.DENSE, size) for size in sizes[encoding.depth :]]
    levels += [DimensionMetadata(DimensionType.DENSE, encoding.blocks[dim]) for dim in encoding.block_map]
    order = (*encoding.order, *range(array.ndim, len(levels)))
    return SparsityParameters(order, encoding.block_map, tuple(levels)), _stored(nodes, occupied)


def stored_elements(array: Array, encoding: Encoding, *, signed_zeros: bool = False) -> Array:
    """The elements that `encode` gives, without the parameters."""
    return _stored(*_occupied(array, encoding, signed_zeros=signed_zeros))


def any_of_last(mask: Mask) -> Mask:
    """Whether any along the last axis is set, several at a time where they lie side by side."""
    count = mask.shape[-1]
    width = next(width for width in (8, 4, 2, 1) if count % width == 0)
    words = np.ascontiguousarray(mask).view(f"u{width}")
    return words[..., 0] != 0 if words.shape[-1] == 1 else np.bitwise_or.reduce(words, axis=-1) != 0


def _occupied(array: Array, encoding: Encoding, *, signed_zeros: bool) -> tuple[Array, Mask]:
    """The elements of each node of the last compressed level, and which nodes are stored."""
    if encoding.depth == 0 or not array.size:
        raise ValueError("nothing is compressed")
    nodes = nodes_of(array, encoding)
    kept = nonzero(nodes, signed_zeros=signed_zeros)
    occupied: Mask = kept[..., 0] if kept.shape[-1] == 1 else any_of_last(kept)
    if not occupied.any():
        occupied.reshape(-1)[0] = True  # a tensor without bytes has no data to the runtime
    return nodes, occupied


def _stored(nodes: Array, occupied: Mask) -> Array:
    """The elements of the occupied nodes, in their order; picked a part at a time, for places take 8 bytes each."""
    flat, kept = nodes.reshape(-1, nodes.shape[-1]), occupied.reshape(-1)
    parts: list[Array] = []
    for start in range(0, len(flat), _PART):
        found = np.flatnonzero(kept[start : start + _PART])  # indexing by the mask takes several times as long
        parts.append(flat[start : start + _PART].take(found, axis=0))
    return np.concatenate(parts).reshape(-1)


def _levels(occupied: Mask, encoding: Encoding) -> list[DimensionMetadata]:
    """The levels up to the last compressed one. A node is stored where one below it is."""
    levels: list[DimensionMetadata] = []
    alive: Mask | None = None
    """Which nodes of the level before are there; None: all."""
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
    """A compressed level: how much is set up to the end of each row, and in which columns."""
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
