"""How samples are shared out: by their number alone, so that the shards do not depend on who computes them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

_LEAST = 8
"""Samples of a shard at least: what a shard costs beside its samples is to be small."""
_MOST_SHARDS = 1024
"""Where the number of samples is known: there are shards enough for hundreds of workers, and files few enough."""
_OF_A_SIZE = 256
"""Where it is not known, so many shards are of one size; then come larger ones."""


@dataclass(frozen=True)
class Span:
    """The samples from `start`, counted from 0, up to `stop`, which is not included."""

    shard: int
    """From 1."""
    of: int
    """How many shards there are; 0 if that is not known."""
    start: int
    stop: int

    @property
    def title(self) -> str:
        return title_of(self.shard, self.of)


def title_of(shard: int, of: int) -> str:
    """`shard 3 of 64`; without the second number if that is 0, not known."""
    return f"shard {shard}" + (f" of {of}" if of else "")


def spans(count: int) -> list[Span]:
    """The shards of `count` samples: of equal size but for the last."""
    size = _LEAST
    while size * _MOST_SHARDS < count:
        size *= 2
    starts = range(0, count, size)
    return [Span(at, len(starts), start, min(start + size, count)) for at, start in enumerate(starts, 1)]


def endless_spans(limit: int | None) -> Iterator[Span]:
    """Shards of as many samples as there will be, at most `limit`; they grow, so that there are not too many."""
    start = 0
    for at in itertools.count(1):
        if limit is not None and start >= limit:
            return
        stop = start + _LEAST * 2 ** ((at - 1) // _OF_A_SIZE)
        yield Span(at, 0, start, stop if limit is None else min(stop, limit))
        start = stop
