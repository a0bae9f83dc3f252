"""Second moments in blocks of samples: what a worker does, and how the blocks are put together."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tflir.backends.litert.moments import BLOCK, Moments, Sums, moments_of_blocks, together
from tflir.backends.litert.readings import Reading
from tflir.backends.litert.run import Note, Samples
from tflir.data.calibration import samples_of
from tflir.data.moments import MOST_SAMPLES, blocks_of
from tflir.jobs.order import KEPT, Order

COUNT = -(-MOST_SAMPLES // BLOCK)
"""How many blocks there are at most."""
_FIELDS = ("count", "total", "products")


def encoded(parts: Sequence[Sums]) -> bytes:
    """Sums of a block in the form of an `.npz`, whose arrays are called `part/reading/field`."""
    arrays: dict[str, Any] = {
        f"{part}/{at}/{name}": np.asarray(getattr(moments, name))
        for part, sums in enumerate(parts)
        for at, moments in enumerate(sums)
        if moments is not None
        for name in _FIELDS
    }
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def decoded(content: bytes, part: int, readings: int) -> Sums:
    """The sums of one part of a block that `encoded` made `content` of; others are not read."""
    with np.load(io.BytesIO(content)) as held:
        return [_moments(held, f"{part}/{at}") for at in range(readings)]


def _moments(held: Mapping[str, Any], name: str) -> Moments | None:
    if f"{name}/count" not in held:
        return None
    count, total, products = (held[f"{name}/{field}"] for field in _FIELDS)
    return Moments(int(count), total, products)


def all_together(contents: Sequence[bytes], readings: int) -> tuple[Sums, Sums]:
    """The sums of all blocks, which come in their order: kept, and held out."""
    kept, held = (together((decoded(one, part, readings) for one in contents), readings) for part in range(2))
    return kept, held


# What follows runs in a worker.


def block_of(order: Order, readings: Sequence[Reading], number: int, progress: Note) -> bytes:
    """The sums over one block, encoded; `number` counts from 0."""

    def samples() -> Samples:
        return samples_of(order.model, order.module(), order.options, most=MOST_SAMPLES)

    with KEPT.of(order, "moments", samples, lambda held: None) as held:
        blocks = blocks_of(held)
        if number >= len(blocks):
            return encoded([])
        return encoded(moments_of_blocks(order.model, readings, blocks[number]))
