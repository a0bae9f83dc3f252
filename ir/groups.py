"""Numbers that belong together, as far as pairs of them do."""

from __future__ import annotations

from collections.abc import Iterable


class Groups:
    """The numbers below a count, in groups that are joined."""

    def __init__(self, count: int) -> None:
        self._first = list(range(count))

    def _of(self, at: int) -> int:
        while self._first[at] != at:
            self._first[at] = self._first[self._first[at]]
            at = self._first[at]
        return at

    def join(self, one: int, other: int) -> None:
        """Makes the groups of two numbers one."""
        low, high = sorted((self._of(one), self._of(other)))
        self._first[high] = low

    def all(self, places: Iterable[int]) -> list[list[int]]:
        """The groups of these numbers, in the order of their first ones."""
        found: dict[int, list[int]] = {}
        for at in places:
            found.setdefault(self._of(at), []).append(at)
        return list(found.values())
