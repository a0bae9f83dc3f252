"""Gives ordered nodes their places from left to right, with straight chains and long edges, and none over another.

The method of Brandes and Köpf (Fast and Simple Horizontal Coordinate Assignment, 2001), with nodes of any width:
nodes are joined to blocks with a neighbour and stand in a line with it, the blocks are moved together, and of the four
results, from above or below and from the left or right, each node gets the mean of the middle two. The neighbour is the
median of those on the longest paths, so that the main path of a network is straight.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_GRID = 4
_BAND = 32
_WIDER, _WIDE = 2.5, 4000.0
"""Where straight lines make the picture this much wider than its widest row, and wider than this many pixels, they are
broken after every `_BAND` rows."""
Adjacency = Sequence[Sequence[int]]
Rows = Sequence[Sequence[int]]


def places(
    rows: Rows, before: Adjacency, after: Adjacency, widths: Sequence[float], gap: float, bends_from: int
) -> list[float]:
    """The centre of each node, in pixels from the leftmost edge; neighbours in a row are `gap` apart or more.

    Nodes from number `bends_from` on are bends of long edges; their edges are straight before all others.
    """
    if not rows:
        return []
    if len(rows) == len(widths):  # a chain
        return [float(round(max(widths) / 2 / _GRID) * _GRID)] * len(widths)
    sizes = np.array(widths) + gap + _GRID  # room for rounding to the grid
    runs = _Runs(rows, before, after, sizes.tolist(), bends_from)
    widest = max(float(sizes[list(row)].sum()) for row in rows)
    for band in (len(rows), _BAND, _BAND // 4):
        if np.ptp(first := runs.one(band, upward=False, mirrored=False)) < max(_WIDER * widest, _WIDE):
            break
    others = [(False, True), (True, False), (True, True)]
    found = [first, *(runs.one(band, upward=upward, mirrored=mirrored) for upward, mirrored in others)]
    x = _balanced(found, sizes)
    x -= np.min(x - np.array(widths) / 2)
    result: list[float] = (np.round(x / _GRID) * _GRID).tolist()
    return result


def _balanced(found: list[npt.NDArray[np.float64]], sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of the middle two of the four results, all moved into the width of the narrowest.

    The first and third result lean to the left, the others to the right.
    """
    spans = [(float(np.min(x - sizes / 2)), float(np.max(x + sizes / 2))) for x in found]
    left, right = min(spans, key=lambda span: span[1] - span[0])
    moved = [
        x + (right - most if number % 2 else left - least)
        for number, (x, (least, most)) in enumerate(zip(found, spans, strict=True))
    ]
    middle: npt.NDArray[np.float64] = np.sort(np.stack(moved), axis=0)[1:3].mean(axis=0)
    return middle


class _Runs:
    """The runs from four sides over one graph."""

    def __init__(self, rows: Rows, before: Adjacency, after: Adjacency, sizes: list[float], bends_from: int) -> None:
        self.rows = rows
        self.sizes = sizes
        self.crossed = _crossed(rows, before, bends_from)
        self.strength = _strengths(rows, before, after, bends_from)
        self.near = (before, after)
        self.strongest = [
            [max([self.strength[at] for at in others], default=-1) for others in near] for near in self.near
        ]

    def one(self, band: int, *, upward: bool, mirrored: bool) -> npt.NDArray[np.float64]:
        """The centre of each node. No block goes on from one `band` of rows to the next."""
        count = len(self.rows)
        follows = {count - row if upward else row for row in range(count) if row % band}
        ordered = self.rows[::-1] if upward else self.rows
        turned = [row[::-1] for row in ordered] if mirrored else ordered
        near, strongest = self.near[upward], self.strongest[not upward]
        x = _compacted(turned, _blocks(turned, near, strongest, self.crossed, self.strength, follows), self.sizes)
        return -x if mirrored else x


def _strengths(rows: Rows, before: Adjacency, after: Adjacency, bends_from: int) -> list[int]:
    """For each node, how many nodes the longest path through it has; -1 for a bend."""
    up, down = [0] * len(before), [0] * len(before)
    for length, near, ordered in ((up, before, rows), (down, after, reversed(rows))):
        for row in ordered:
            for node in row:
                length[node] = max([length[other] for other in near[node]], default=0) + (node < bends_from)
    return [
        above + below if node < bends_from else -1 for node, (above, below) in enumerate(zip(up, down, strict=True))
    ]


def _positions(rows: Rows, count: int) -> list[int]:
    position = [0] * count
    for row in rows:
        for at, node in enumerate(row):
            position[node] = at
    return position


def _crossed(rows: Rows, before: Adjacency, bends_from: int) -> set[tuple[int, int]]:
    """The edges that cross a piece of a long edge, as (upper, lower): no block follows them."""
    position = _positions(rows, len(before))
    crossed: set[tuple[int, int]] = set()
    for above, row in pairwise(rows):
        least, start = 0, 0
        for at, node in enumerate(row):
            inner = _upper_bend(node, before, bends_from)
            if inner is None and at < len(row) - 1:
                continue
            most = len(above) if inner is None else position[inner]
            for other in row[start : at + 1]:
                for source in before[other]:
                    within = least <= position[source] <= most
                    if not within and not (source >= bends_from and other >= bends_from):
                        crossed.add((source, other))
            start, least = at + 1, most
    return crossed


def _upper_bend(node: int, before: Adjacency, bends_from: int) -> int | None:
    """The bend above a bend."""
    if node < bends_from:
        return None
    return next((source for source in before[node] if source >= bends_from), None)


def _blocks(
    rows: Rows,
    near: Adjacency,
    strongest: Sequence[int],
    crossed: set[tuple[int, int]],
    strength: Sequence[int],
    follows: Container[int],
) -> list[int]:
    """For each node, the first node of its block: the node itself, or one in an earlier row of `rows`.

    `near` are neighbours in the row before, `strongest` the strength of the strongest in the row after. Only the rows
    whose numbers are in `follows` may continue the blocks of the row before.
    """
    position = _positions(rows, len(near))
    root = list(range(len(near)))
    taken = bytearray(len(near))
    for number, row in enumerate(rows):
        last = -1
        for node in row if number in follows else ():
            others = near[node]
            if len(others) > 1:
                most = max([strength[other] for other in others])
                others = sorted([other for other in others if strength[other] == most], key=position.__getitem__)
            middle = len(others) - 1
            for other in others[middle // 2 : (middle + 1) // 2 + 1]:
                free = root[node] == node and not taken[other] and last < position[other]
                if not free or strength[node] < strongest[other]:
                    continue
                if (other, node) not in crossed and (node, other) not in crossed:
                    taken[other] = 1
                    root[node] = root[other]
                    last = position[other]
    return root


def _compacted(rows: Rows, root: Sequence[int], sizes: Sequence[float]) -> npt.NDArray[np.float64]:
    """The centre of each node: blocks as far to the left as they may, then to the right up to their neighbours."""
    count = len(root)
    following: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    missing = [0] * count
    for row in rows:
        for node, right in pairwise(row):
            following[root[node]].append((root[right], (sizes[node] + sizes[right]) / 2))
            missing[root[right]] += 1
    order = [node for node in range(count) if root[node] == node and not missing[node]]
    x = [0.0] * count
    for node in order:
        at = x[node]
        for right, apart in following[node]:
            if at + apart > x[right]:
                x[right] = at + apart
            missing[right] -= 1
            if not missing[right]:
                order.append(right)
    for node in reversed(order):
        if following[node]:
            x[node] = max(x[node], min([x[right] - apart for right, apart in following[node]]))
    return np.array(x)[np.array(root, np.intp)]
