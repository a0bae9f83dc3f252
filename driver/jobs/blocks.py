"""Second moments in blocks of samples: what a worker does, and how the blocks are put together."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, cast

import numpy as np

from tflir.backends.litert.moments import BLOCK, Sums, moments_of_blocks, together
from tflir.backends.litert.readings import Reading
from tflir.backends.litert.run import Note, Samples
from tflir.data.calibration import samples_of
from tflir.data.moments import MOST_SAMPLES, blocks_of, longest
from tflir.data.moments_file import moments_in, write_sums
from tflir.jobs.order import KEPT, Order

COUNT = -(-MOST_SAMPLES // BLOCK)
"""How many blocks there are at most."""


def encoded(parts: Sequence[Sums]) -> bytes:
    """Sums of a block in the form of an `.npz`."""
    out = io.BytesIO()
    write_sums(out, parts)
    return out.getvalue()


def all_together(contents: Sequence[BinaryIO], readings: int) -> Iterator[Sums]:
    """The sums of all blocks, which come in their order: kept, and held out.

    They are decoded for one reading after the other, since those of all readings take much memory.
    """
    blocks = [np.load(cast(Any, content)) for content in contents]
    for part in range(2):
        yield [together(([moments_in(block, part, at)] for block in blocks), 1)[0] for at in range(readings)]


# What follows runs in a worker.


def block_of(order: Order, readings: Sequence[Reading], number: int, progress: Note) -> bytes:
    """The sums over one block, encoded; `number` counts from 0."""

    def samples() -> Samples:
        return samples_of(order.model, order.module(), order.options, most=MOST_SAMPLES)

    with KEPT.of(order, "moments", samples, lambda held: None) as held:
        blocks = blocks_of(held)
        if number >= len(blocks):
            return encoded([])
        return encoded(moments_of_blocks(order.model, readings, blocks[number], longest(held)))
