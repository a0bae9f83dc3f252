"""Runs a model and sums the second moments of what its layers read: the sums of x and of x x^T.

Floating-point sums depend on their order, so it is fixed: within a block of samples one after the other, then blocks in
pairs, as a binary tree over their numbers. Blocks may be summed anywhere and at any time; the bits are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.observed import NamedObserver
from tflir.backends.litert.readings import Reading, rows_of, sum_of
from tflir.backends.litert.run import Array, Model, Note, Samples
from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.spilled import Spill

BLOCK = 32
"""The number of samples in a block: block b holds samples 32 b to 32 b + 31 of each signature."""


@dataclass
class Moments:
    """The sums over all rows x of one reading."""

    count: int
    total: npt.NDArray[np.float64]
    """The sum of x, shape `(columns,)`, or `(channels, columns)` for a depthwise convolution."""
    products: npt.NDArray[np.float32]
    """The sum of x x^T, with one more dimension of `columns`. In single precision, since of a long x it is large."""


Sums = list[Moments | None]
"""Of each reading; None where its tensor can't be read."""
_NOTHING = np.empty(0, np.float32)


def second_moments(
    model: Model, readings: Sequence[Reading], blocks: Sequence[Samples], count: int, progress: Note | None = None
) -> Sums:
    """The moments of each reading over the samples, which are given in blocks.

    `count` is the number of samples of a signature of which these are a part: the fewer, the more is taken of each.
    `progress` is called with the samples done and of all samples. Raises `Error` if the model can't be run.
    """
    return isolated(_second_moments, model, list(readings), list(blocks), count, progress=progress)


def moments_of_blocks(model: Model, readings: Sequence[Reading], blocks: Sequence[Samples], count: int) -> list[Sums]:
    """The moments of each reading over each block alone, from which `together` makes those of all."""
    return isolated(_moments_of_blocks, model, list(readings), list(blocks), count)


def _second_moments(
    model: Model, readings: list[Reading], blocks: list[Samples], count: int, progress: Note | None = None
) -> Sums:
    reader = _Reader(model, readings, count)
    before, total = 0, sum(len(part) for block in blocks for part in block.values())

    def note(done: int, of: int) -> None:
        if progress is not None:
            progress(before + done, total)

    def sums() -> Iterator[Sums]:
        nonlocal before
        for block in blocks:
            yield reader.sums(block, note)
            before += sum(map(len, block.values()))

    return together(sums(), len(readings))


def _moments_of_blocks(model: Model, readings: list[Reading], blocks: list[Samples], count: int) -> list[Sums]:
    reader = _Reader(model, readings, count)
    return [reader.sums(block) for block in blocks]


def together(blocks: Iterable[Sums], readings: int) -> Sums:
    """The sums of all blocks, which come in their order: pairs of blocks, pairs of these, and so on.

    Blocks are changed in place. The large arrays of those that wait for others lie in temporary files.
    """
    held: list[_Waiting] = []
    """Sums of 2^level blocks, of falling levels."""
    for sums in blocks:
        level = 0
        while held and held[-1].level == level:
            sums, level = held.pop().plus(sums), level + 1
        held.append(_Waiting(level, sums))
    if not held:
        return [None] * readings
    last = held.pop().sums()
    while held:
        last = held.pop().plus(last)
    return last


class _Waiting:
    """The sums of 2^level blocks, whose large arrays lie in a temporary file."""

    def __init__(self, level: int, sums: Sums) -> None:
        """Takes the sums out of their list, one after the other."""
        self.level = level
        spill = Spill()
        self._parts: list[tuple[Moments, ArrayElementsAttr] | None] = []
        while sums:
            one = sums.pop(0)
            self._parts.append(None if one is None else (replace(one, products=_NOTHING), spill.constant(one.products)))

    def sums(self) -> Sums:
        """The sums, in memory."""
        return [None if part is None else _read(*part) for part in self._parts]

    def plus(self, others: Sums) -> Sums:
        """The sums with those of the blocks that follow, which are taken out of their list."""
        found: Sums = []
        for part in self._parts:
            one, other = None if part is None else _read(*part), others.pop(0)
            found.append(one if other is None else plus(one, other))
        return found


def _read(moments: Moments, products: ArrayElementsAttr) -> Moments:
    return replace(moments, products=np.array(as_numpy(products)))


def plus(held: Moments | None, other: Moments) -> Moments:
    """The sum of two, in place of the first; the second if there is no first."""
    if held is None:
        return other
    held.count += other.count
    held.total += other.total
    held.products += other.products
    return held


class _Reader:
    """A model in this process, and the layers whose moments are summed."""

    def __init__(self, model: Model, readings: list[Reading], count: int) -> None:
        self._readings, self._count = readings, count
        self._readers: dict[tuple[int, str], list[int]] = {}
        tensors: dict[int, list[str]] = {}
        for at, reading in enumerate(readings):
            self._readers.setdefault((reading.subgraph, reading.tensor), []).append(at)
            tensors.setdefault(reading.subgraph, []).append(reading.tensor)
        self._observer = NamedObserver(model, tensors)

    def sums(self, samples: Samples, progress: Note | None = None) -> Sums:
        """The moments of each reading over some samples, one after the other."""
        sums: Sums = [None] * len(self._readings)
        for subgraph, name, value in self._observer.run(samples, progress):
            for at in self._readers[subgraph, name]:
                reading = self._readings[at]
                if (rows := rows_of(value, reading, reading.most_rows(self._count))) is not None:
                    sums[at] = plus(sums[at], _of_rows(rows))
        return sums


def _of_rows(rows: Array) -> Moments:
    """The sums of rows, shape `(rows, columns)` or `(channels, rows, columns)`."""
    return Moments(rows.shape[-2], sum_of(rows), np.matmul(np.swapaxes(rows, -1, -2), rows))
