"""Channels as numbers: those of one number stay or go together, in all values that have it.

A value's channels are a vector of numbers, one for each index of its last dimension. An op that works channel by
channel gives its result the numbers of its operand; one that combines two values unites theirs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Channels:
    """The channels of a value."""

    ids: Ids
    known: Float32
    """What each channel holds at every position; NaN where that is not known or not the same."""


class Classes:
    """Which channels stay or go together."""

    def __init__(self, of: Ids) -> None:
        self.of = of
        """The class of each number."""
        self.why: Ids = np.zeros_like(of)
        """For each class why it must stay: an index into `reasons`, 0 where it need not."""
        self.reasons = [""]
        self._numbers: dict[str, int] = {}

    def keep(self, classes: Ids, why: str) -> None:
        """These must stay; the first reason counts."""
        if why not in self._numbers:
            self._numbers[why] = len(self.reasons)
            self.reasons.append(why)
        self.why[classes] = np.where(self.why[classes] == 0, self._numbers[why], self.why[classes])


class TooManyChannels(Exception):
    """A function whose values have more channels than can be looked at."""


class Spaces:
    """Gives numbers out, and notes which are united and which must stay; `most` bounds what is looked at in all."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._count = 0
        self._united: list[tuple[Ids, Ids]] = []
        self._fixed: list[tuple[Ids, str]] = []

    def spend(self, count: int) -> None:
        """Notes that so many channels are looked at. Raises `TooManyChannels` where they are more than may be."""
        self._left -= count
        if self._left < 0:
            raise TooManyChannels

    def fresh(self, count: int) -> Ids:
        """New numbers."""
        self.spend(count)
        made = np.arange(self._count, self._count + count)
        self._count += count
        return made

    def unite(self, ids: Ids, others: Ids) -> None:
        """Each of `ids` stays or goes with the one of `others` at its place."""
        self.spend(ids.size)
        self._united.append((ids, others))

    def fix(self, ids: Ids, why: str) -> None:
        """These stay."""
        self._fixed.append((ids, why))

    def classes(self) -> Classes:
        """What became of all that was noted."""
        parent = np.arange(self._count)
        for ids, others in self._united:
            _unite(parent, ids, others)
        made = Classes(_roots(parent, parent))
        for ids, why in self._fixed:
            made.keep(made.of[ids], why)
        return made


def _roots(parent: Ids, ids: Ids) -> Ids:
    found = parent[ids]
    while not np.array_equal(found, following := parent[found]):
        found = following
    return found


def _unite(parent: Ids, ids: Ids, others: Ids) -> None:
    """Links roots until none differ; where several want the same root, the smallest gets it and the rest come next."""
    while True:
        a, b = _roots(parent, ids), _roots(parent, others)
        parent[ids], parent[others] = a, b
        if np.array_equal(a, b):
            return
        np.minimum.at(parent, np.maximum(a, b), np.minimum(a, b))
