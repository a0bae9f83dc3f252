"""Finds the place of a path that is compressed the most and still holds a bound, with few measurements.

Where a place lies is predicted from what the places before it measured; what is measured decides. The place that the
search data accepts is checked on data that took no part, and if it fails there, an earlier place is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

MOST_FILES = 8
"""At most so many places of a path are measured."""
_SEARCHED = 5
"""Of these so many to find the place, if one of them holds the bound; the rest is for steps back."""
_LEAST_BACK = 0.5
"""The least length of the first step back in dB."""
_LAST_BACK = 6.0
"""The least length in dB of the last step back: what comes after it is the least compressed place of all."""
_PREDICTED = 3
"""The number of places that are chosen by prediction; further ones are chosen by bisection."""


@dataclass(frozen=True)
class Measured:
    """What one place of a path measured."""

    value: float
    """The larger the better: dB, or the negative drop of accuracy."""
    margin: float
    """By how much `value` must exceed the bound, since other data will give another."""
    cost: float = 0.0
    """The bytes of the written model, or the estimated seconds of its run."""


@dataclass(frozen=True)
class Found:
    """The place that holds the bound, if `holds`; else the least compressed one, which misses it."""

    place: int
    holds: bool
    value: float
    """What it measured on data that took no part in the search."""


class Walk:
    """Measures places of a path, each once."""

    def __init__(
        self,
        predicted: Sequence[float],
        least: float,
        search: Callable[[int], Measured],
        check: Callable[[int], float],
    ) -> None:
        """`predicted`: the value of each place up to a common offset, which does not rise along the path; empty if it
        can't be predicted. `least` is the bound. `search` and `check` measure a place on data of the search and on data
        that took no part.
        """
        self._predicted = predicted
        self._least = least
        self._search = search
        self._check = check
        self._seen: dict[int, Measured] = {}
        self._found = 0
        """How many places were measured before steps back."""

    def find(self, count: int) -> Found:
        """The most compressed of `count` places that holds the bound, as far as `MOST_FILES` measurements tell."""
        place, missed = self._accepted(count)
        self._found = len(self._seen)
        value = self._check(place)
        while value < self._least and place > 0:
            missed, place = place, self._back(place, self._least - value)
            self.measured(place)
            value = self._check(place)
        if not self._predicted and value >= self._least:
            place, value = self._forward(place, value, missed)
        return Found(place, value >= self._least, value)

    def _forward(self, place: int, value: float, missed: int) -> tuple[int, float]:
        """The last place between one that holds the bound and one that misses it, as far as files are left, and its
        value. Where values can be predicted, `fill` uses what is left."""
        while self.left and missed - place > 1:
            middle = (place + missed) // 2
            if self._excess(middle) >= 0 and (seen := self._check(middle)) >= self._least:
                place, value = middle, seen
            else:
                missed = middle
        return place, value

    @property
    def left(self) -> int:
        """How many more places may be measured."""
        return max(0, MOST_FILES - len(self._seen))

    def measured(self, place: int) -> Measured:
        """What a place measures on the data of the search."""
        if place not in self._seen:
            self._seen[place] = self._search(place)
        return self._seen[place]

    def _excess(self, place: int) -> float:
        """By how much a place exceeds the bound and its margin on the data of the search."""
        found = self.measured(place)
        return found.value - found.margin - self._least

    def _accepted(self, count: int) -> tuple[int, int]:
        """The last place that the data of the search accepts, 0 if it accepts none, and the first that it refuses."""
        low, high = -1, count
        place = self._start(count)
        while len(self._seen) < (_SEARCHED if low >= 0 else MOST_FILES - 1):
            if self._excess(place) >= 0:
                low = place
            else:
                high = place
            if high - low <= 1:
                break
            place = self._next(low, high, place)
        return max(low, 0), max(high, 1)

    def _start(self, count: int) -> int:
        """The place that is predicted to reach the bound, if predictions have no offset; else the last."""
        if not self._predicted:
            return count - 1
        return max((at for at in range(count) if self._predicted[at] >= self._least), default=0)

    def _next(self, low: int, high: int, last: int) -> int:
        """The next place to measure, between `low`, which holds the bound, and `high`, which does not.

        As long as none holds it, steps are longer than predicted, each twice as much as the one before.
        """
        if not self._predicted or (low >= 0 and len(self._seen) >= _PREDICTED):
            return (low + high) // 2
        tries = len(self._seen)
        caution = 2.0 ** (tries - 2) if low < 0 and tries > 1 else 0.0
        wanted = self._predicted[last] - self._excess(last) + caution
        return max((at for at in range(low + 1, high) if self._predicted[at] >= wanted), default=low + 1)

    def _back(self, place: int, short: float) -> int:
        """A place before `place`, whose value is to be higher by `short`; the first of all as the last resort.

        Steps back have a least length, which doubles: on few samples, values differ by more than what falls short. The
        last one is long.
        """
        if len(self._seen) >= MOST_FILES - 1 or place == 1:
            return 0
        if not self._predicted:
            known = [at for at in self._seen if at < place and self._excess(at) >= 0]
            return max(known, default=place // 2)
        is_last = len(self._seen) == MOST_FILES - 2
        caution = _LAST_BACK if is_last else _LEAST_BACK * 2.0 ** (len(self._seen) - self._found)
        wanted = self._predicted[place] + max(short, caution)
        return max((at for at in range(place) if self._predicted[at] >= wanted), default=0)
