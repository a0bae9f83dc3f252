"""The signal-to-noise ratios of layers as measures of the nodes that compute them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tflir.report.graph.contents import Graph
from tflir.report.graph.measures import Measure

if TYPE_CHECKING:
    from tflir.backends.litert.layers import Layer

SNR = "signal to noise"
FALL = "fall of signal to noise"
_IDENTICAL = 1000.0
"""dB that stand for no difference at all, and negative for nothing left of the signal: JSON has no infinity."""
Place = tuple[int, int]
"""A graph and a node in it."""


def places_of(graphs: Sequence[Graph], layers: Sequence[Layer], side: int) -> list[Place | None]:
    """The node that computes each layer; `side` is 0 in the graphs of the original, 1 in those of the other model."""
    makers: dict[tuple[int, str], Place] = {}
    for at, graph in enumerate(graphs):
        for number, node in enumerate(graph.nodes):
            for tensor in node.outputs:
                makers.setdefault((at, graph.tensors[tensor].name), (at, number))
    names = [layer.compiled_name if side else layer.name for layer in layers]
    return [makers.get((layer.subgraphs[side], name)) for layer, name in zip(layers, names, strict=True)]


def ratio_measures(graphs: Sequence[Graph], layers: Sequence[Layer], side: int) -> list[Measure]:
    """The ratio of each node, and how far it falls below that of its inputs; none without layers."""
    if not layers:
        return []
    places = places_of(graphs, layers, side)
    ratios = _spread(graphs, layers, places, lambda layer: max(-_IDENTICAL, min(_IDENTICAL, layer.snr_db)), min)
    falls = _spread(graphs, layers, places, lambda layer: min(_IDENTICAL, layer.fall_db), max)
    return [Measure(SNR, "dB", "min", ratios), Measure(FALL, "dB", "max", falls)]


def _spread(
    graphs: Sequence[Graph],
    layers: Sequence[Layer],
    places: Sequence[Place | None],
    value: Callable[[Layer], float],
    together: Callable[[float, float], float],
) -> list[list[float | None]]:
    found: list[list[float | None]] = [[None] * len(graph.nodes) for graph in graphs]
    for layer, place in zip(layers, places, strict=True):
        if place is not None:
            graph, node = place
            held = found[graph][node]
            found[graph][node] = value(layer) if held is None else together(held, value(layer))
    return found
