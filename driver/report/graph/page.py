"""The page of a model's graphs: one file, which fetches nothing and runs no script but its own."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from importlib import resources
from typing import TYPE_CHECKING, Any

from xdsl.dialects.builtin import ModuleOp

from tflir.backends.files import whole_file
from tflir.report.facts import plain, visible_text
from tflir.report.graph.constants import ConstantFacts, ConstantTable
from tflir.report.graph.contents import Graph, Node, Tensor, graphs_of
from tflir.report.graph.costs import cost_measures
from tflir.report.graph.measures import Measure, constant_measures
from tflir.report.graph.ratios import ratio_measures
from tflir.report.graph.scopes import Scope, scopes_of

if TYPE_CHECKING:
    from xdsl.ir import Operation

    from tflir.backends.litert.layers import Layer

DIFFERENCE = "what differs"
_SCRIPTS = ("geometry.js", "drawing.js", "panel.js", "view.js")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What a browser enforces: nothing is loaded from anywhere."""
_BODY = """
<div id="view"></div>
<noscript>This page draws a graph with a script of its own; allow it to run.</noscript>
"""
_START = 'const page = graphView(document.getElementById("view"), linked(held("data")));'


def write_graph_page(path: str | os.PathLike[str], module: ModuleOp, title: str) -> None:
    """Writes the page of a module's graphs to `path`. Raises `Error` if it can't be written."""
    constants = ConstantTable()
    graphs = graphs_of(module, constants)
    measures = [*constant_measures(graphs, constants.facts), *cost_measures(module, graphs)]
    text = "".join(page(title, graphs, constants.facts, measures))
    with whole_file(path) as out:
        out.write(text.encode())


def drawn(
    module: ModuleOp, title: str, layers: Sequence[Layer], side: int, words: Mapping[Operation, str] | None = None
) -> tuple[dict[str, Any], list[Graph]]:
    """The data of a view of a module's graphs, coloured by the ratios of `layers` too, and the graphs.

    `side` is 0 if the module is the original that layers were compared with, 1 if it is the other one. `words` say of
    operators how they differ.
    """
    constants = ConstantTable()
    graphs = graphs_of(module, constants)
    measures = [*ratio_measures(graphs, layers, side), *constant_measures(graphs, constants.facts)]
    if words is not None:
        values = [[words.get(node.op) if node.op is not None else None for node in graph.nodes] for graph in graphs]
        measures.append(Measure(DIFFERENCE, "class", "sum", values))
    return document(title, graphs, constants.facts, [*measures, *cost_measures(module, graphs)]), graphs


def page(
    title: str, graphs: Sequence[Graph], constants: Sequence[ConstantFacts], measures: Sequence[Measure]
) -> Iterator[str]:
    """The page, piece by piece. `measures` are offered as colours of the nodes."""
    yield from head(title, style())
    yield f'<body class="whole">{_BODY}'
    yield data("data", document(title, graphs, constants, measures))
    yield f"<script>\n{scripts()}{_START}</script></body></html>\n"


def head(title: str, style: str) -> Iterator[str]:
    """The head of a page that loads nothing from anywhere."""
    shown = html.escape(visible_text(title))
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{shown}</title>\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<style>\n{style}</style></head>"


def style() -> str:
    """The style of graphs, and the colours of every page."""
    return own("graph.css")


def scripts() -> str:
    """The scripts that draw graphs: `graphView(element, linked(held(ID)))` for the data of this ID."""
    return "".join(map(own, _SCRIPTS))


def data(name: str, facts: Any) -> str:
    """An element that holds data for scripts, whose `held(name)` gives it. Names in it end no element and open none."""
    text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def document(
    title: str, graphs: Sequence[Graph], constants: Sequence[ConstantFacts], measures: Sequence[Measure]
) -> dict[str, Any]:
    """The data of a view, in the form of JSON; records are lists in the order of the fields of their classes."""
    return plain(
        {
            "title": title,
            "constants": [list(astuple(constant)) for constant in constants],
            "measures": [list(astuple(measure)) for measure in measures],
            "graphs": [_graph(graph) for graph in graphs],
        },
        visible_text,
    )


def _graph(graph: Graph) -> dict[str, Any]:
    scopes = scopes_of([node.name if node.inputs and node.outputs else "" for node in graph.nodes], graph.edges())
    return {
        "name": graph.name,
        "nodes": [_node(node) for node in graph.nodes],
        "tensors": [_tensor(tensor) for tensor in graph.tensors],
        "scopes": [_scope(scope) for scope in scopes],
    }


def _node(node: Node) -> list[Any]:
    return [node.kind, node.family, node.inputs, node.outputs, node.attributes]


def _tensor(tensor: Tensor) -> list[Any]:
    scales = [tensor.scales, tensor.zero_points, tensor.scale_count, tensor.axis]
    return [tensor.name, tensor.type, tensor.shape, *scales, tensor.constant]


def _scope(scope: Scope) -> list[Any]:
    edges = [end for edge in scope.edges for end in edge]
    bends = [[source, *map(int, places)] for source, places in scope.layout.bends.items()]
    x = [int(place) for place in scope.layout.x]
    return [scope.path, scope.parent, scope.items, edges, scope.enters, scope.leaves, scope.layout.layer, x, bends]


def own(name: str) -> str:
    """A file of this package."""
    return resources.files("tflir.report.graph").joinpath(name).read_text("utf-8")
