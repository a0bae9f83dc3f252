"""Assigns the nodes of an acyclic graph to layers, so that every edge leads to a later layer."""

from __future__ import annotations

from collections.abc import Sequence

Edges = Sequence[tuple[int, int]]


def topological(count: int, edges: Edges) -> list[int]:
    """The nodes in an order in which each edge leads forward, otherwise as they are numbered level by level.

    The nodes of cycles, and those after them, are left out.
    """
    after: list[list[int]] = [[] for _ in range(count)]
    missing = [0] * count
    for source, target in edges:
        after[source].append(target)
        missing[target] += 1
    order = [node for node in range(count) if not missing[node]]
    for node in order:
        for target in after[node]:
            missing[target] -= 1
            if not missing[target]:
                order.append(target)
    return order


def layers_of(count: int, edges: Edges, *, first: int | None = None, last: int | None = None) -> list[int]:
    """The layer of each node, from 0: the longest path to it (Sugiyama, Tagawa and Toda, 1981).

    A node that more edges leave than enter then moves down as far as it may, which shortens edges. `first` stays in
    layer 0, and `last` gets the last layer. Raises `ValueError` if the graph has a cycle.
    """
    order = topological(count, edges)
    if len(order) < count:
        raise ValueError("the graph has a cycle")
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        after[source].append(target)
        before[target].append(source)
    layer = [0] * count
    for node in order:
        if above := before[node]:
            layer[node] = 1 + max(layer[source] for source in above)
        elif first is not None and node != first:
            layer[node] = 1
    if last is not None:
        layer[last] = max(layer[last], 1 + max((layer[node] for node in range(count) if node != last), default=-1))
    for node in reversed(order):
        if node not in (first, last) and len(before[node]) < len(after[node]):
            layer[node] = min(layer[target] for target in after[node]) - 1
    return layer
