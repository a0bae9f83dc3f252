"""Computes the size of the possible encodings of a constant without encoding it.

All that is needed is a mask of the elements that are not zero. For a given block shape, the number of blocks with any
nonzero element gives the bytes of the stored elements. The order in which dimensions are traversed, and the choice of
those that are compressed, only change the bytes of the indices, which follow from counts too.

For example, a 64x128 float32 weight with 100 nonzero blocks of 1x4 stores 400 elements, 1600 bytes, besides indices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tflir.passes.sparsity.encoding import Encoding, Mask, any_of_last, rows_of_blocks, width_of

BLOCKS = (2, 4, 8, 16)
"""Block sizes that are tried along one dimension; along two dimensions at once only those of `_SQUARES`."""
_SQUARES = (2, 4)
_WORTH_NESTING = 16
"""A second compressed level, which leaves out empty rows, is tried if the segments take more than this fraction (a
16th) of the bytes of segments and indices.
"""
_LENGTH = 4
"""Bytes of the length that precedes a vector in the file."""


@dataclass(frozen=True)
class Candidate:
    """An encoding and its size for one constant."""

    encoding: Encoding
    stored: int
    """The number of stored elements, zeros within blocks included."""
    index_bytes: int
    """An upper bound of the bytes of segments and indices, with their lengths and alignment."""

    def nbytes(self, itemsize: int) -> int:
        """Bytes of the stored elements and the indices."""
        return self.stored * itemsize + self.index_bytes


def rows_candidate(occupied: Mask, block: int = 1) -> Candidate | None:
    """The encoding that sparse kernels read (`rows_of_blocks`); None if the block size does not divide the rows."""
    if occupied.shape[-1] % block:
        return None
    coarse = occupied if block == 1 else any_of_last(occupied.reshape(*occupied.shape[:-1], -1, block))
    count, rows = max(int(np.count_nonzero(coarse)), 1), math.prod(coarse.shape[:-1])
    taken = _vector(rows + 1, count) + _vector(count, coarse.shape[-1] - 1)
    return Candidate(rows_of_blocks(occupied.ndim, block), count * block, taken)


def candidates(occupied: Mask, itemsize: int) -> Iterator[Candidate]:
    """The smallest encoding for each block shape of a constant; `occupied` marks its nonzero elements.

    A block twice as large stores at least as many elements. So once the elements alone take more bytes than the
    smallest encoding so far, larger blocks along that dimension are not tried.
    """
    best = _Best(itemsize)
    plain = (1,) * occupied.ndim
    yield best.note(_layout(occupied, tuple(range(occupied.ndim)), plain))
    long = [axis for axis, size in enumerate(occupied.shape) if size > 1]
    for axis in long:
        for blocks, coarse in _halvings(occupied, axis, BLOCKS):
            if best.beaten(coarse, math.prod(blocks)):
                break
            yield best.note(_layout(coarse, tuple(range(coarse.ndim)), blocks))
    yield from _squares(occupied, long, best)
    yield from _whole(occupied, long, best)


class _Best:
    """Remembers the bytes of the smallest encoding so far."""

    def __init__(self, itemsize: int) -> None:
        self._itemsize = itemsize
        self._least: float = math.inf

    def note(self, candidate: Candidate) -> Candidate:
        self._least = min(self._least, candidate.nbytes(self._itemsize))
        return candidate

    def beaten(self, coarse: Mask, each: int) -> bool:
        """Whether the elements of the marked nodes, `each` per node, take no fewer bytes than the smallest encoding."""
        return int(np.count_nonzero(coarse)) * each * self._itemsize >= self._least


def _halvings(mask: Mask, axis: int, sizes: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Mask]]:
    """For each of `sizes` (successive powers of two): the block shape, and the mask of blocks with a nonzero element.

    Each mask is computed from the one before, and the sequence ends at a size that does not divide the axis.
    """
    coarse = mask
    for size in sizes:
        if mask.shape[axis] % size:
            return
        coarse = _halved(coarse, axis)
        yield tuple(size if dim == axis else 1 for dim in range(mask.ndim)), coarse


def _halved(mask: Mask, axis: int) -> Mask:
    if axis == mask.ndim - 1:
        return any_of_last(mask.reshape(*mask.shape[:-1], -1, 2))
    pairs = mask.reshape(*mask.shape[:axis], -1, 2, *mask.shape[axis + 1 :])
    first, second = np.moveaxis(pairs, axis + 1, 0)
    return first | second


def _squares(mask: Mask, long: list[int], best: _Best) -> Iterator[Candidate]:
    """Encodings with blocks along the two longest dimensions at once, such as 2x4."""
    if len(long) < 2:
        return
    one, other = sorted(sorted(long, key=lambda axis: mask.shape[axis])[-2:])
    for first, rough in _halvings(mask, other, _SQUARES):
        for second, coarse in _halvings(rough, one, _SQUARES):
            blocks = tuple(a * b for a, b in zip(first, second, strict=True))
            if best.beaten(coarse, math.prod(blocks)):
                break
            yield best.note(_layout(coarse, tuple(range(coarse.ndim)), blocks))


def _whole(mask: Mask, long: list[int], best: _Best) -> Iterator[Candidate]:
    """Encodings whose nodes hold whole dimensions: they leave out rows, filters or channels that are all zero."""
    for count in (1, 2):
        for kept in combinations(long, count):
            if len(kept) == len(long):
                continue
            others = tuple(axis for axis in range(mask.ndim) if axis not in kept)
            coarse: Mask = np.logical_or.reduce(mask, axis=others)
            if not best.beaten(coarse, math.prod(mask.shape[axis] for axis in others)):
                yield best.note(_layout(coarse, kept, (1,) * mask.ndim, others, mask.shape))


def _layout(
    coarse: Mask,
    dims: tuple[int, ...],
    blocks: tuple[int, ...],
    whole: tuple[int, ...] = (),
    shape: tuple[int, ...] = (),
) -> Candidate:
    """The smallest traversal order and choice of compressed levels for a mask of nodes.

    Axis `i` of `coarse` is dimension `dims[i]` of the constant. Each node holds a block of shape `blocks`, and all of
    the dimensions `whole` of a constant of `shape`.
    """
    count = max(int(np.count_nonzero(coarse)), 1)  # the runtime needs at least one stored element
    each = math.prod(blocks) * math.prod(shape[axis] for axis in whole)
    flat, axis = min((_one_level(coarse.shape, axis, count), -axis) for axis in range(coarse.ndim))
    order, levels, taken = _order(coarse.ndim, -axis), 1, flat
    segments = _vector(coarse.size // coarse.shape[-axis] + 1, count)
    if coarse.ndim > 1 and segments * _WORTH_NESTING > flat:
        nested, outer, inner = min(_two_levels(coarse, count))
        if nested < flat:
            order, levels, taken = _order(coarse.ndim, outer, inner), 2, nested
    walked = (*(dims[axis] for axis in order), *whole)
    first = len(order) - levels
    compressed = tuple(first <= level < len(order) for level in range(len(walked)))
    return Candidate(Encoding(walked, compressed, blocks), count * each, taken)


def _order(rank: int, *last: int) -> tuple[int, ...]:
    return (*(axis for axis in range(rank) if axis not in last), *last)


def _one_level(shape: tuple[int, ...], axis: int, count: int) -> int:
    """Bytes of segments and indices if only `axis` is compressed, with `count` stored nodes."""
    return _vector(math.prod(shape) // shape[axis] + 1, count) + _vector(count, shape[axis] - 1)


def _two_levels(coarse: Mask, count: int) -> Iterator[tuple[int, int, int]]:
    """Bytes of segments and indices for each pair of compressed axes, with the outer and the inner axis."""
    for inner in range(coarse.ndim):
        rows = any_of_last(coarse) if inner == coarse.ndim - 1 else np.logical_or.reduce(coarse, axis=inner)
        filled = max(int(np.count_nonzero(rows)), 1)
        below = _vector(filled + 1, count) + _vector(count, coarse.shape[inner] - 1)
        for outer in (axis for axis in range(coarse.ndim) if axis != inner):
            yield below + _one_level(rows.shape, outer - (outer > inner), filled), outer, inner


def _vector(length: int, most: int) -> int:
    """Bytes of a vector of `length` integers up to `most`, aligned to 4 bytes, with its length."""
    return _LENGTH + -(-length * width_of(most).itemsize // 4) * 4
