"""What the encodings of a constant would take, counted from where it is not zero; nothing is encoded for it.

For each way of cutting into blocks, one number decides what is stored: how many blocks hold something. Which order the
dimensions are walked in, and which are compressed, changes the indices alone, and their size follows from counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from tflir.passes.sparsity.encoding import Encoding, Mask, any_of_last, rows_of_blocks, width_of

BLOCKS = (2, 4, 8, 16)
"""Block sizes along one dimension; along two only those below."""
_SQUARES = (2, 4)
_WORTH_NESTING = 16
"""Empty rows are looked for where the segments take more than one in so many bytes."""
_LENGTH = 4


@dataclass(frozen=True)
class Candidate:
    """An encoding and what it takes for one constant."""

    encoding: Encoding
    stored: int
    """Elements."""
    index_bytes: int
    """Segments and indices, with their lengths and alignment: what they take at most."""

    def nbytes(self, itemsize: int) -> int:
        """Bytes of the stored elements and the indices."""
        return self.stored * itemsize + self.index_bytes


def rows_candidate(occupied: Mask, block: int = 1) -> Candidate | None:
    """The encoding that kernels read (`rows_of_blocks`); None where the block does not divide the rows."""
    if occupied.shape[-1] % block:
        return None
    coarse = occupied if block == 1 else any_of_last(occupied.reshape(*occupied.shape[:-1], -1, block))
    count, rows = max(int(np.count_nonzero(coarse)), 1), math.prod(coarse.shape[:-1])
    taken = _vector(rows + 1, count) + _vector(count, coarse.shape[-1] - 1)
    return Candidate(rows_of_blocks(occupied.ndim, block), count * block, taken)


def candidates(occupied: Mask, itemsize: int) -> Iterator[Candidate]:
    """The best encoding of each way to cut a constant, which is `occupied` where it is not zero.

    A larger block stores what a smaller one does and more, so one whose elements alone take more than the best found
    so far ends its row.
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
    """The fewest bytes found so far."""

    def __init__(self, itemsize: int) -> None:
        self._itemsize = itemsize
        self._least: float = math.inf

    def note(self, candidate: Candidate) -> Candidate:
        self._least = min(self._least, candidate.nbytes(self._itemsize))
        return candidate

    def beaten(self, coarse: Mask, each: int) -> bool:
        """Whether nodes of `each` elements take more than the best whole encoding."""
        return int(np.count_nonzero(coarse)) * each * self._itemsize >= self._least


def _halvings(mask: Mask, axis: int, sizes: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Mask]]:
    """The mask of blocks along an axis, each twice as large as those before."""
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
    """Blocks along the two longest dimensions at once."""
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
    """Nodes that hold whole dimensions: rows, filters, channels that are zero throughout."""
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
    """The best order and compression of `coarse`, whose axes are `dims`; `whole` ones of `shape` follow densely."""
    count = max(int(np.count_nonzero(coarse)), 1)  # one is stored at least
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
    """Bytes of the indices where `axis` alone is compressed."""
    return _vector(math.prod(shape) // shape[axis] + 1, count) + _vector(count, shape[axis] - 1)


def _two_levels(coarse: Mask, count: int) -> Iterator[tuple[int, int, int]]:
    """Bytes of the indices, and the axes, where one axis is compressed and within its nodes another."""
    for inner in range(coarse.ndim):
        rows = any_of_last(coarse) if inner == coarse.ndim - 1 else np.logical_or.reduce(coarse, axis=inner)
        filled = max(int(np.count_nonzero(rows)), 1)
        below = _vector(filled + 1, count) + _vector(count, coarse.shape[inner] - 1)
        for outer in (axis for axis in range(coarse.ndim) if axis != inner):
            yield below + _one_level(rows.shape, outer - (outer > inner), filled), outer, inner


def _vector(length: int, most: int) -> int:
    """Bytes of a vector of numbers up to `most`."""
    return _LENGTH + -(-length * width_of(most).itemsize // 4) * 4
