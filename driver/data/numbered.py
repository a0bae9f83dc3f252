"""The items of a data source by their numbers, from 0: a part of them is read without reading all, where that can be.

Lists, folders, `.npy` files, and objects with `__len__` and `__getitem__` are read at any number. Others are read from
the start, and what lies before a part is skipped; the next part goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Read = Callable[[int], Iterable[Any]]
"""Yields the items from a number on, or all of them, as `Source` is told."""


class Source:
    """Items that can be read more than once, from any number on."""

    def __init__(self, read: Read, count: int | None = None, *, jumps: bool = False) -> None:
        """`read` yields the items from the number that it is given, if `jumps`; else always all of them.

        `count` is their number, None if it is not known before they are read.
        """
        self._read = read
        self._jumps = jumps
        self.count = count
        self._left: Iterator[Any] | None = None
        self._at = 0
        """The number of the next item of `_left`."""

    def items(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Any]]:
        """The items from number `start` up to `stop`, which is not included, with their numbers."""
        if self._left is None or self._at > start or self._at == 0 or (self._jumps and self._at < start):
            self._left = None  # a failure below leaves nothing half read
            self._at = start if self._jumps else 0
            self._left = iter(self._read(self._at))
        while stop is None or self._at < stop:
            left, self._left = self._left, None
            assert left is not None
            try:
                item = next(left)
            except StopIteration:
                return
            self._left = left
            number = self._at
            self._at += 1
            if number >= start:
                yield number, item


def is_numbered(value: Any) -> bool:
    """Whether items can be taken by their numbers: `value` has `__len__` and `__getitem__`, and is no mapping."""
    sized = hasattr(value, "__len__") and hasattr(value, "__getitem__")
    return sized and not isinstance(value, Mapping | str | bytes | type)


def by_number(value: Any) -> Source:
    """The items of an object with `__len__` and `__getitem__`."""
    return Source(lambda start: (value[number] for number in range(start, len(value))), len(value), jumps=True)
