"""Numbers of nodes by which the page can colour them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from tflir.report.graph.constants import ConstantFacts
from tflir.report.graph.contents import Graph, Node


@dataclass(frozen=True)
class Measure:
    """A number of each node, or (of unit 'class') a word."""

    name: str
    """As the page offers it: 'zeros'."""
    unit: Literal["bytes", "share", "dB", "us", "class"]
    together: Literal["sum", "mean", "max", "min"]
    """What a folded scope shows of its nodes. Of ratios in dB, those joined by the least are red to green."""
    values: Sequence[Sequence[float | str | None]]
    """For each graph, the number of each node; None if it has none."""
    weights: list[list[float]] = field(default_factory=list[list[float]])
    """For 'mean', the weight of each node in each graph."""


def constant_measures(graphs: Sequence[Graph], constants: Sequence[ConstantFacts]) -> list[Measure]:
    """The bytes of the constants that a node reads, and the share of zeros among their elements."""
    read = [[_read(node, graph, constants) for node in graph.nodes] for graph in graphs]
    sizes: list[list[float | None]] = [[_bytes(found) for found in nodes] for nodes in read]
    shares = [[_zeros(found) for found in nodes] for nodes in read]
    weights: list[list[float]] = [[_elements(found) for found in nodes] for nodes in read]
    return [
        Measure("bytes of constants", "bytes", "sum", sizes),
        Measure("zeros in constants", "share", "mean", shares, weights),
    ]


def _read(node: Node, graph: Graph, constants: Sequence[ConstantFacts]) -> list[ConstantFacts]:
    numbers = {graph.tensors[tensor].constant for tensor in node.inputs if tensor >= 0}
    return [constants[number] for number in numbers if number is not None]


def _bytes(found: Sequence[ConstantFacts]) -> float | None:
    return sum(constant.bytes for constant in found) or None


def _zeros(found: Sequence[ConstantFacts]) -> float | None:
    elements = _elements(found)
    return sum(constant.zeros or 0 for constant in found) / elements if elements else None


def _elements(found: Sequence[ConstantFacts]) -> int:
    """How many elements could be 0: those that are numbers."""
    return sum(constant.elements for constant in found if constant.zeros is not None)
