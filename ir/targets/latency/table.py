"""Measured times of ops on one CPU, and times between those that were measured.

A table gives, for each kernel and kind of numbers, times at the points of a grid of sizes:

```
xnnpack FULLY_CONNECTED f32    axes rows [1, 8], depth [8, 64, 512], channels [8, 64]    ns [...]
```
Times are interpolated linearly between logarithms of sizes and of times, since they grow with powers of the sizes.
Beyond the last point they grow as they did before it.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tflir.ir.errors import Error
from tflir.ir.targets.latency.work import Work

PLACES = ("xnnpack", "litert")
"""Where an op runs: in the delegate, or in the runtime's own kernel."""
_STEEPEST = 1.0
"""The largest power of a size that time grows with beyond the table."""
_SIMILAR = {
    "qu8": "qi8", "i8": "qi8", "u8": "qi8", "qi4": "qi8", "qi32": "i32", "i64": "i32", "u32": "i32", "i16": "qi16",
    "f16": "f32", "f64": "f32", "complex64": "f32", "bool": "qi8", "f32*qi4": "f32*qi8", "f32*f16": "f32",
    "f32*qu8": "f32*qi8", "f32*i8": "f32*qi8", "qi8*qi4": "qi8", "qu8*qi8": "qi8", "qi16*i8": "qi16*qi8",
    "qi16": "f32", "i32": "f32", "qi8": "f32", "qi16*qi8": "qi8", "f32*qi8": "f32",
}  # fmt: skip
"""The kind that stands for one that was not measured."""


_RESTORED = ("DEQUANTIZE.constant", "DENSIFY.constant", "CAST.constant")
"""Constants that are restored once: own kernels then have nothing to do, and the delegate has no op for them."""


@dataclass(frozen=True)
class Grid:
    """Times of one kernel at all combinations of some sizes."""

    axes: tuple[tuple[int, ...], ...]
    ns: tuple[float, ...]
    """Nanoseconds; the last axis runs fastest."""

    def __post_init__(self) -> None:
        points = math.prod(len(axis) for axis in self.axes)
        if not points or points != len(self.ns) or any(list(axis) != sorted(set(axis)) for axis in self.axes):
            raise Error(f"a grid of {[len(axis) for axis in self.axes]} sizes has {len(self.ns)} times")

    def at(self, sizes: Sequence[int]) -> float:
        """Nanoseconds for these sizes, as many as there are axes."""
        places = [_place(axis, size) for axis, size in zip(self.axes, sizes, strict=True)]
        inside = self._between(0, 0, [min(max(place, 0.0), len(axis) - 1) for place, axis in self._zip(places)])
        return math.exp(inside + self._beyond(places, sizes))

    def _zip(self, places: Sequence[float]) -> Iterator[tuple[float, tuple[int, ...]]]:
        return zip(places, self.axes, strict=True)

    def _between(self, axis: int, offset: int, places: Sequence[float]) -> float:
        """Logarithm of the time at a place inside the grid, from `axis` on."""
        if axis == len(self.axes):
            return self._logs[offset]
        stride = self._strides[axis]
        low = min(int(places[axis]), max(len(self.axes[axis]) - 2, 0))
        part = places[axis] - low
        first = self._between(axis + 1, offset + low * stride, places)
        return first if not part else (
            first + part * (self._between(axis + 1, offset + (low + 1) * stride, places) - first)
        )  # fmt: skip

    def _beyond(self, places: Sequence[float], sizes: Sequence[int]) -> float:
        """What the sizes add that are larger than the largest of their axis."""
        more = 0.0
        for number, axis in enumerate(self.axes):
            beyond = sizes[number] / axis[-1]
            if beyond > 1:
                more += min(max(self._slope(number, places), 0.0), _STEEPEST) * math.log(beyond)
        return more

    def _slope(self, number: int, places: Sequence[float]) -> float:
        """The power of a size that time grows with at the end of its axis."""
        axis = self.axes[number]
        if len(axis) == 1:
            return _STEEPEST
        before, last = axis[-2:]
        ends = [min(max(at, 0.0), len(each) - 1) for at, each in self._zip(places)]
        ends[number] = len(axis) - 1
        higher = self._between(0, 0, ends)
        ends[number] -= 1
        return (higher - self._between(0, 0, ends)) / math.log(last / before)

    @cached_property
    def _logs(self) -> list[float]:
        return [math.log(value) for value in self.ns]

    @cached_property
    def _strides(self) -> list[int]:
        return [math.prod(len(axis) for axis in self.axes[number + 1 :]) for number in range(len(self.axes))]


def _place(axis: Sequence[int], size: int) -> float:
    """Where a size lies on an axis: 1.5 halfway between the second and the third; beyond the ends it stays there."""
    if size <= axis[0] or len(axis) == 1:
        return 0.0
    if size >= axis[-1]:
        return float(len(axis) - 1)
    right = bisect_right(axis, size)
    low, high = axis[right - 1], axis[right]
    return right - 1 + math.log(size / low) / math.log(high / low)


@dataclass(frozen=True)
class LatencyTable:
    """Times on one CPU, on one thread."""

    fixed: Mapping[str, float]
    """Nanoseconds of what is no op: `invoke`, a call of the runtime; `partition`, a node of the delegate."""
    kernels: Mapping[str, Grid]
    """By place, kernel and kind, with spaces between: `xnnpack CONV_2D f32`."""
    _known: dict[tuple[str, Work], float] = field(default_factory=dict[Any, float], compare=False, repr=False)

    @staticmethod
    def from_json(text: str) -> LatencyTable:
        """The table that `benchmarks/latency_table.py` writes. Raises `Error` where a grid is not whole."""
        held = json.loads(text)
        grids = {key: Grid(tuple(map(tuple, each["axes"])), tuple(each["ns"])) for key, each in held["kernels"].items()}
        return LatencyTable(held["fixed"], grids)

    def seconds(self, work: Work, place: str) -> float:
        """The time of an op in one of `PLACES`: of its kernel where that was measured, else of one that is like it."""
        key = place, work
        if key not in self._known:
            self._known[key] = self._nanoseconds(work, place) * 1e-9
        return self._known[key]

    def fixed_seconds(self, name: str) -> float:
        """One of the fixed costs."""
        return self.fixed.get(name, 0.0) * 1e-9

    def _nanoseconds(self, work: Work, place: str) -> float:
        if work.kernel in _RESTORED:
            return self.fixed.get("node", 30.0) if place == "litert" else 0.0
        for kernel in dict.fromkeys((work.kernel, work.kernel.partition(".")[0])):
            for where in (place, *(other for other in PLACES if other != place)):
                for kind in _kinds(work.kind):
                    grid = self.kernels.get(f"{where} {kernel} {kind}")
                    if grid is not None and len(grid.axes) == len(work.sizes):
                        return grid.at(work.sizes)
        return self._typical[place].at((work.total,))

    @cached_property
    def _typical(self) -> dict[str, Grid]:
        """For ops of which nothing is known: the median of ops whose time depends on how many elements there are."""
        from statistics import median  # importing it takes as long as most estimates

        found: dict[str, Grid] = {}
        for place in PLACES:
            curves = [grid for key, grid in self.kernels.items() if key.startswith(place) and len(grid.axes) == 1]
            sizes = sorted({size for grid in curves for size in grid.axes[0]}) or [1]
            times = tuple(median([grid.at((size,)) for grid in curves] or [1.0]) for size in sizes)
            found[place] = Grid((tuple(sizes),), times)
        return found


def _kinds(kind: str) -> Iterator[str]:
    """A kind, and those that stand for it, the most similar first."""
    seen: set[str] = set()
    source, arrow, target = kind.partition(">")
    if arrow:  # a conversion: similar numbers on both sides
        yield kind
        for first in (source, _SIMILAR.get(source, source)):
            for second in (target, _SIMILAR.get(target, target)):
                yield f"{first}>{second}"
        return
    left: str | None = kind
    while left is not None and left not in seen:
        yield left
        seen.add(left)
        left = _SIMILAR.get(left)
