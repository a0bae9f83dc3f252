"""The page of a model's graphs: one file, which fetches nothing and runs no script but its own."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from importlib import resources
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from tflir.backends.files import whole_file
from tflir.report.facts import plain, visible_text
from tflir.report.graph.constants import ConstantFacts, ConstantTable
from tflir.report.graph.contents import Graph, Node, Tensor, graphs_of
from tflir.report.graph.measures import Measure, constant_measures
from tflir.report.graph.scopes import Scope, scopes_of

_SCRIPTS = ("geometry.js", "drawing.js", "panel.js", "view.js")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""What a browser enforces: nothing is loaded from anywhere."""
_BODY = """
<header>
<h1></h1>
<div class="search"><input id="search" type="search" placeholder="Search names, kinds, types  ( / )"
 aria-label="Search" autocomplete="off" spellcheck="false"><div id="found" role="listbox" hidden></div></div>
<label id="graphs" hidden>subgraph <select id="graph"></select></label>
<label>colour <select id="colour" aria-label="colour"></select></label>
<span class="buttons"><button id="fit" title="Show everything (0)">Fit</button>
<button id="unfold">Unfold all</button>
<button id="fold">Fold all</button></span>
</header>
<main><canvas id="canvas" tabindex="0" role="img"></canvas><div id="legend"></div>
<aside id="panel" aria-live="polite"></aside></main>
<noscript>This page draws a graph with a script of its own; allow it to run.</noscript>
"""


def write_graph_page(path: str | os.PathLike[str], module: ModuleOp, title: str) -> None:
    """Writes the page of a module's graphs to `path`. Raises `Error` if it can't be written."""
    constants = ConstantTable()
    graphs = graphs_of(module, constants)
    text = "".join(page(title, graphs, constants.facts, constant_measures(graphs, constants.facts)))
    with whole_file(path) as out:
        out.write(text.encode())


def page(
    title: str, graphs: Sequence[Graph], constants: Sequence[ConstantFacts], measures: Sequence[Measure]
) -> Iterator[str]:
    """The page, piece by piece. `measures` are offered as colours of the nodes."""
    shown = html.escape(visible_text(title))
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{shown}</title>\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<style>\n{_own('page.css')}</style></head><body>{_BODY}"
    yield f'<script type="application/json" id="data">{_json(document(title, graphs, constants, measures))}</script>\n'
    yield f"<script>\n{''.join(map(_own, _SCRIPTS))}</script></body></html>\n"


def document(
    title: str, graphs: Sequence[Graph], constants: Sequence[ConstantFacts], measures: Sequence[Measure]
) -> dict[str, Any]:
    """The data of the page, in the form of JSON; records are lists in the order of the fields of their classes."""
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


def _json(facts: Any) -> str:
    """JSON that ends no element and opens none, whatever the names in it are."""
    text = json.dumps(facts, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _own(name: str) -> str:
    return resources.files("tflir.report.graph").joinpath(name).read_text("utf-8")
