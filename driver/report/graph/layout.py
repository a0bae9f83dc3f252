"""A layered layout: nodes in rows, every edge downward, long edges led around what lies between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tflir.report.graph.coordinates import places
from tflir.report.graph.layering import Edges, layers_of
from tflir.report.graph.ordering import initial, reduce_crossings

GAP = 24.0
"""Pixels between neighbours in a row, at least."""
_BEND_WIDTH = 8.0
_BENDS_FOR_EACH_NODE, _BENDS = 2, 1000


@dataclass(frozen=True)
class Layout:
    """Where the nodes of one graph are."""

    layer: list[int]
    """For each node, its row from the top."""
    x: list[float]
    """For each node, its centre in pixels from the left."""
    bends: dict[int, list[float]]
    """For a node with long edges: where these pass the rows after its own, one place a row; edges of one node share
    them. Edges of a node without bends are drawn straight."""


def lay_out(widths: Sequence[float], edges: Edges, *, first: int | None = None, last: int | None = None) -> Layout:
    """Lays out an acyclic graph whose nodes have these widths in pixels, in time linear in nodes and edges, almost.

    `first` gets the first row and `last` the last. Long edges bend around nodes as long as bends are few beside the
    nodes: the longest are drawn straight where they are more. Raises `ValueError` if the graph has a cycle.
    """
    count = len(widths)
    edges = list(dict.fromkeys(edges))
    layer = layers_of(count, edges, first=first, last=last)
    bends = _bends(layer, edges)
    all_layers, all_widths = list(layer), list(widths)
    for source, nodes in bends.items():
        all_layers += range(layer[source] + 1, layer[source] + 1 + len(nodes))
        all_widths += [_BEND_WIDTH] * len(nodes)
    before: list[list[int]] = [[] for _ in all_layers]
    after: list[list[int]] = [[] for _ in all_layers]
    for source, target in _segments(layer, edges, bends):
        after[source].append(target)
        before[target].append(source)
    rows = reduce_crossings(initial(all_layers, after), before, after)
    x = places(rows, before, after, all_widths, GAP, count)
    return Layout(layer, x[:count], {source: [x[node] for node in nodes] for source, nodes in bends.items()})


def _bends(layer: Sequence[int], edges: Edges) -> dict[int, range]:
    """The numbers of the nodes that stand for bends of each node's longest edge, the shortest of these first."""
    span = [0] * len(layer)
    for source, target in edges:
        span[source] = max(span[source], layer[target] - layer[source] - 1)
    left = _BENDS + _BENDS_FOR_EACH_NODE * len(layer)
    bends: dict[int, range] = {}
    number = len(layer)
    for source in sorted((node for node in range(len(layer)) if span[node]), key=span.__getitem__):
        left -= span[source]
        if left < 0:
            break
        bends[source] = range(number, number + span[source])
        number += span[source]
    return bends


def _segments(layer: Sequence[int], edges: Edges, bends: dict[int, range]) -> list[tuple[int, int]]:
    """The edges in pieces from one row to the next; those that have no bends are left out if they are long."""
    pieces: list[tuple[int, int]] = []
    for source, nodes in bends.items():
        chain = [source, *nodes]
        pieces += pairwise(chain)
    for source, target in edges:
        between = layer[target] - layer[source] - 1
        if not between:
            pieces.append((source, target))
        elif source in bends:
            pieces.append((bends[source][between - 1], target))
    return pieces
