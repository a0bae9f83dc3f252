"""Arithmetic of reshapes and transposes: the positions of a tensor's elements in the source of a chain of such ops.

For example, a source of shape 2x3x4 that is transposed by (0, 2, 1) has the shape 2x4x3. Its axes are (2, 12) (4, 1)
(3, 4), pairs of a size and a stride in the source: two steps of 12 elements, four of 1, three of 4. A reshape changes
only the shape. Neighbouring axes that are contiguous in the source, such as (2, 12) (3, 4), are merged into (6, 4), so
that two chains with the same effect have equal layouts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Shape = tuple[int, ...]
Axis = tuple[int, int]
"""The size of an axis, and its stride: the distance in the source between neighbours along it, in elements."""


@dataclass(frozen=True)
class Layout:
    """The shape of a tensor and the positions of its elements in the source, as merged axes, the outermost first."""

    shape: Shape
    axes: tuple[Axis, ...]

    @property
    def is_in_order(self) -> bool:
        """Whether the elements have the order of the source, so that at most a reshape is needed."""
        return len(self.axes) <= 1


def identity(shape: Shape) -> Layout:
    """The layout of the source itself."""
    return Layout(shape, _merged([(math.prod(shape), 1)]))


def reshaped(layout: Layout, shape: Shape) -> Layout:
    """The layout after a reshape."""
    return Layout(shape, layout.axes)


def transposed(layout: Layout, order: Sequence[int]) -> Layout | None:
    """The layout after a transpose; None if a dimension consists of parts of axes, as in 2x3 -> 3x2 -> transpose."""
    groups = _grouped(layout.axes, layout.shape)
    if groups is None:
        return None
    axes = _merged(axis for place in order for axis in groups[place])
    return Layout(tuple(layout.shape[place] for place in order), axes)


def _merged(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    """The axes without those of size 1; neighbours that are contiguous in the source are merged."""
    made: list[Axis] = []
    for size, step in axes:
        if size == 1:
            continue
        if made and made[-1][1] == size * step:
            size *= made.pop()[0]
        made.append((size, step))
    return tuple(made)


def _grouped(axes: Sequence[Axis], shape: Shape) -> list[list[Axis]] | None:
    """The axes of each dimension of `shape`, split where necessary; None if they can't be split evenly."""
    left = list(reversed(axes))
    groups: list[list[Axis]] = []
    for size in shape:
        group: list[Axis] = []
        while size > 1:
            if not left:
                return None
            length, step = left.pop()
            if size % length == 0:
                group.append((length, step))
                size //= length
            elif length % size == 0:
                part = length // size
                group.append((size, step * part))
                left.append((part, step))
                size = 1
            else:
                return None
        groups.append(group)
    return groups


@dataclass(frozen=True)
class Steps:
    """The ops that make a layout from its source: reshape, transpose, reshape; None for one that is not needed."""

    before: Shape | None = None
    order: tuple[int, ...] | None = None
    after: Shape | None = None

    @property
    def transposes(self) -> int:
        """The number of transposes."""
        return int(self.order is not None)

    @property
    def count(self) -> int:
        """The number of ops."""
        return sum(step is not None for step in (self.before, self.order, self.after))


def steps(source: Shape, layout: Layout) -> Steps:
    """The fewest ops from a source of this shape to `layout`: at most one transpose between two reshapes."""
    if layout.is_in_order:
        return Steps(after=None if source == layout.shape else layout.shape)
    return min(_candidates(source, layout), key=lambda made: (made.count, made.before is not None))


def _candidates(source: Shape, layout: Layout) -> Iterable[Steps]:
    ordered = sorted(layout.axes, key=lambda axis: -axis[1])
    sizes = tuple(size for size, _ in ordered)
    order = tuple(ordered.index(axis) for axis in layout.axes)
    turned = tuple(size for size, _ in layout.axes)
    yield Steps(None if source == sizes else sizes, order, None if turned == layout.shape else layout.shape)
    if (made := _from_whole_source(source, layout)) is not None:
        yield made
    if (made := _to_whole_result(source, layout)) is not None:
        yield made


def _from_whole_source(source: Shape, layout: Layout) -> Steps | None:
    """A transpose of the source without a reshape before it, if each axis consists of whole dimensions of it."""
    places = [place for place, size in enumerate(source) if size != 1]
    step_of = dict(zip(places, _steps_of([source[place] for place in places]), strict=True))
    place_of = {step: place for place, step in step_of.items()}
    order: list[int] = []
    for size, step in layout.axes:
        run: list[int] = []
        while size > 1:
            place = place_of.get(step)
            if place is None or size % source[place]:
                return None
            run.append(place)
            size //= source[place]
            step *= source[place]
        order += reversed(run)
    order = _with_ones(order, source, layout.shape)
    turned = tuple(source[place] for place in order)
    return Steps(None, tuple(order), None if turned == layout.shape else layout.shape)


def _with_ones(order: list[int], source: Shape, shape: Shape) -> list[int]:
    """`order` with the source's dimensions of size 1, placed as in `shape` where that is possible."""
    ones = [place for place, size in enumerate(source) if size == 1]
    rest = list(order)
    made: list[int] = []
    for size in shape:
        if size == 1 and ones:
            made.append(ones.pop(0))
        elif size != 1 and rest and source[rest[0]] == size:
            made.append(rest.pop(0))
    return [*made, *rest, *ones]


def _to_whole_result(source: Shape, layout: Layout) -> Steps | None:
    """A reshape and a transpose to the result's shape, if each dimension of it is contiguous in the source."""
    groups = _grouped(layout.axes, layout.shape)
    if groups is None:
        return None
    runs = [_merged(group) for group in groups]
    if any(len(run) > 1 for run in runs):
        return None
    slowest = math.prod(source) + 1
    by_step = sorted(range(len(runs)), key=lambda place: -runs[place][0][1] if runs[place] else -slowest)
    before = tuple(layout.shape[place] for place in by_step)
    order = tuple(by_step.index(place) for place in range(len(runs)))
    return Steps(None if before == source else before, order)


def _steps_of(sizes: Sequence[int]) -> list[int]:
    """The distance between neighbours along each dimension of a dense tensor."""
    return [math.prod(sizes[place + 1 :]) for place in range(len(sizes))]
