"""Channel ids: numbers that tell which channels of different values must be kept or removed together.

A value's channels are a vector of ids, one for each index of its last dimension. An op that works channel by channel,
such as RELU, gives its result the ids of its operand. An op that combines two values, such as ADD, unites their ids:
if the operands have the ids 0, 1, 2 and 3, 4, 5, then 0 and 3 form one class, 1 and 4 another, and a class is kept or
removed as a whole. Classes are found by union-find over all ids at once.
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
    """The channels of a value: two vectors with one element per index of its last dimension."""

    ids: Ids
    known: Float32
    """The constant that a channel holds at every position; NaN if it is not known or varies."""


class Classes:
    """The classes of channels, and which of them must be kept."""

    def __init__(self, of: Ids) -> None:
        self.of = of
        """The class of each id, itself the smallest id of the class."""
        self.why: Ids = np.zeros_like(of)
        """For each class an index into `reasons`: why it must be kept; 0 if it may be removed."""
        self.reasons = [""]
        self._numbers: dict[str, int] = {}

    def keep(self, classes: Ids, why: str) -> None:
        """Keeps these classes. A class that has a reason already retains it."""
        if why not in self._numbers:
            self._numbers[why] = len(self.reasons)
            self.reasons.append(why)
        self.why[classes] = np.where(self.why[classes] == 0, self._numbers[why], self.why[classes])


class TooManyChannels(Exception):
    """The values of a function have more channels than the limit allows."""


class Spaces:
    """Creates ids, and records which of them are united and which must be kept.

    `most` is the number of channels that may be looked at in total.
    """

    def __init__(self, most: int) -> None:
        self._left = most
        self._count = 0
        self._united: list[tuple[Ids, Ids]] = []
        self._fixed: list[tuple[Ids, str]] = []
        self._is_fixed = np.zeros(0, np.bool_)

    def spend(self, count: int) -> None:
        """Counts `count` channels against the limit. Raises `TooManyChannels` once it is exceeded."""
        self._left -= count
        if self._left < 0:
            raise TooManyChannels

    def fresh(self, count: int) -> Ids:
        """A vector of `count` new ids."""
        self.spend(count)
        made = np.arange(self._count, self._count + count)
        self._count += count
        if self._count > self._is_fixed.size:  # at least twice as many, so that growing takes linear time in all
            more = np.zeros(max(count, self._is_fixed.size), np.bool_)
            self._is_fixed = np.concatenate([self._is_fixed, more])
        return made

    def unite(self, ids: Ids, others: Ids) -> None:
        """Each element of `ids` is kept or removed together with the element of `others` at the same index."""
        self.spend(ids.size)
        self._united.append((ids, others))

    def fix(self, ids: Ids, why: str) -> None:
        """Keeps these ids, for the reason `why`."""
        self._fixed.append((ids, why))
        self._is_fixed[ids] = True

    def all_fixed(self, ids: Ids) -> bool:
        """Whether each of these ids has been fixed so far."""
        return bool(self._is_fixed[ids].all())

    def classes(self) -> Classes:
        """The classes that follow from everything recorded so far."""
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
    """Unites `ids` with `others`, element by element, in a vectorised union-find.

    Each round points the larger root of a pair to the smaller one; if several pairs have the same larger root, the
    smallest target wins and the other pairs are linked in the next round.
    """
    while True:
        a, b = _roots(parent, ids), _roots(parent, others)
        parent[ids], parent[others] = a, b
        if np.array_equal(a, b):
            return
        np.minimum.at(parent, np.maximum(a, b), np.minimum(a, b))
