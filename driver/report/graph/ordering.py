"""Orders the nodes within layers, so that few edges cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from itertools import pairwise

_ROUNDS = 4


def initial(layer: Sequence[int], after: Sequence[Sequence[int]]) -> list[list[int]]:
    """The nodes of each layer in the order in which a depth-first search meets them, so that chains stay together."""
    rows: list[list[int]] = [[] for _ in range(1 + max(layer, default=-1))]
    seen = bytearray(len(layer))
    for start in sorted(range(len(layer)), key=layer.__getitem__):
        stack = [start]
        while stack:
            node = stack.pop()
            if not seen[node]:
                seen[node] = 1
                rows[layer[node]].append(node)
                stack.extend(reversed(after[node]))
    return rows


def reduce_crossings(
    rows: list[list[int]], before: Sequence[Sequence[int]], after: Sequence[Sequence[int]]
) -> list[list[int]]:
    """The rows with each node near the mean place of its neighbours: barycenter sweeps, down and up.

    They go on as long as fewer edges cross than before (Sugiyama, Tagawa and Toda, 1981).
    """
    place = [0.0] * len(before)
    for row in rows:
        for at, node in enumerate(row):
            place[node] = at
    if all(len(row) < 2 for row in rows):
        return rows
    best, fewest = [list(row) for row in rows], _crossings(rows, after, place)
    for _ in range(_ROUNDS):
        if not fewest:
            break
        for near, ordered in ((before, rows), (after, reversed(rows))):
            for row in ordered:
                if len(row) > 1:
                    _sort(row, near, place)
        crossings = _crossings(rows, after, place)
        if crossings >= fewest:
            break
        best, fewest = [list(row) for row in rows], crossings
    return best


def _sort(row: list[int], near: Sequence[Sequence[int]], place: list[float]) -> None:
    """Sorts a row by the mean place of each node's neighbours; a node without any keeps its place."""
    wanted: dict[int, float] = {}
    for node in row:
        others = near[node]
        wanted[node] = sum([place[other] for other in others]) / len(others) if others else place[node]
    row.sort(key=wanted.__getitem__)
    for at, node in enumerate(row):
        place[node] = at


def _crossings(rows: Sequence[Sequence[int]], after: Sequence[Sequence[int]], place: Sequence[float]) -> int:
    """How many pairs of edges cross: the inversions of their lower ends in the order of their upper ends."""
    total = 0
    for row, below in pairwise(rows):
        if len(row) < 2 or len(below) < 2:
            continue
        met: list[float] = []
        for node in row:
            ends = [place[target] for target in after[node]]
            for end in ends:
                total += len(met) - bisect_right(met, end)
            for end in ends:
                insort(met, end)
    return total
