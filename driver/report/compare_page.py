"""`tflir compare --html`: two models as a page of one file, their graphs side by side."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tflir.backends.files import whole_file
from tflir.report.facts import plain, verification_facts, visible_text
from tflir.report.graph.page import data, drawn, head, scripts, style
from tflir.report.graph.ratios import Place, places_of
from tflir.report.layers import layers_section
from tflir.report.model_facts import model_facts
from tflir.report.origin import command_line, date, versions
from tflir.report.outputs import outputs_section
from tflir.report.own import own
from tflir.report.page import origin_section
from tflir.report.parts import COMPARE, short_path
from tflir.report.sparsity import sparsity_section
from tflir.report.summary import what_changed, where_accuracy_went
from tflir.report.tables import Column, Row, counted, named, sized, table, text
from tflir.structure import ADDED, CHANGED, KINDS, REMOVED, SAME, Structure, matched_operators, plural

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import Operation

    from tflir.report.graph.contents import Graph
    from tflir.report.verify import Verification
    from tflir.structure import OperatorPair

_SECTIONS = {
    "layers": "Layers",
    "outputs": "Outputs",
    "structure": "Structure",
    "zeros": "Zeros",
    "origin": "How it was made",
}
_VIEWS = ("view-before", "view-after")
_SCRIPTS = ("tables.js", "compare.js")


@dataclass(frozen=True)
class Compared:
    """Two models and what was found of them."""

    names: tuple[str, str]
    modules: tuple[ModuleOp, ModuleOp]
    structure: Structure
    verification: Verification | None
    missing: str = ""
    """Why there is no verification."""
    command: tuple[str, ...] = ()
    """The words of the command after `tflir`."""


def write_compare_page(path: str | os.PathLike[str], compared: Compared) -> None:
    """Writes the page to `path`. Raises `Error` if it can't be written."""
    text = "".join(_page(compared))
    with whole_file(path) as out:
        out.write(text.encode())


def _page(compared: Compared) -> Iterator[str]:
    found = compared.verification
    facts: dict[str, Any] = {
        "command": command_line(compared.command),
        "versions": versions(),
        "date": date(),
        "pipeline": "",
        "remarks": [compared.missing] if compared.missing else [],
        "bytes_before": compared.structure.sizes[0],
        "bytes_after": compared.structure.sizes[1],
        "verification": None if found is None else verification_facts(found),
        **model_facts(compared.modules, compared.structure.sizes),
    }
    facts = plain(facts, visible_text)
    layers = [] if found is None else found.layers
    pairs = list(matched_operators(*compared.modules))
    words = _words(pairs)
    names = [short_path(visible_text(name)) for name in compared.names]
    views = [
        drawn(module, name, layers, side, words)
        for side, (module, name) in enumerate(zip(compared.modules, names, strict=True))
    ]
    places = list(zip(*(places_of(graphs, layers, side) for side, (_, graphs) in enumerate(views)), strict=True))
    verification = facts["verification"]
    yield from head(f"{names[0]} and {names[1]}", style() + own("report.css"))
    yield f'<body class="report"><header><h1>{html.escape(names[0])} → {html.escape(names[1])}</h1>\n'
    links = (f'<a href="#{anchor}">{said}</a>' for anchor, said in _SECTIONS.items())
    yield f"<nav>{' '.join(links)}</nav></header>\n"
    yield from what_changed(facts, COMPARE)
    yield from where_accuracy_went(verification, _VIEWS, COMPARE)
    yield from layers_section(verification, places, COMPARE)
    yield from outputs_section(verification, COMPARE)
    yield from _structure(compared.structure)
    yield from sparsity_section(facts["zeros"])
    yield from origin_section(facts)
    for name, (view, _) in zip(_VIEWS, views, strict=True):
        yield data(f"{name}-data", view)
    yield data("pairs", _pairs(pairs, [graphs for _, graphs in views]))
    yield f"<script>\n{scripts()}{''.join(map(own, _SCRIPTS))}</script></body></html>\n"


def _words(pairs: Sequence[OperatorPair]) -> dict[Operation, str]:
    """How each operator differs from the one that it is matched with."""
    found: dict[Operation, str] = {}
    for pair in pairs:
        word = {CHANGED: "other options", SAME: "the same"}.get(pair.how, pair.how)
        if pair.before is not None and pair.after is not None and pair.how == SAME:
            mine, its = ([value.type for value in op.results] for op in (pair.before, pair.after))
            word = "the same" if mine == its else "another type"
        found |= {op: word for op in (pair.before, pair.after) if op is not None}
    return found


def _pairs(pairs: Sequence[OperatorPair], graphs: Sequence[Sequence[Graph]]) -> list[tuple[Place, Place]]:
    """The nodes of operators that are matched."""
    places = [
        {node.op: (at, number) for at, graph in enumerate(side) for number, node in enumerate(graph.nodes)}
        for side in graphs
    ]
    return [
        (places[0][pair.before], places[1][pair.after])
        for pair in pairs
        if pair.before in places[0] and pair.after in places[1] and None not in (pair.before, pair.after)
    ]


def _structure(found: Structure) -> Iterator[str]:
    yield '<h2 id="structure">Structure</h2>\n'
    rows = [{"what": plural(what), **found.counts[what]} for what in KINDS]
    heads = (text("", "what"), *(counted_plain(word) for word in (SAME, CHANGED, ADDED, REMOVED)))
    yield from table("Structure", heads, rows)
    if differ := found.differing_operators:
        yield "<h3>Operators of which the count differs</h3>\n"
        kinds = [{"operator": kind, "before": mine, "after": its} for kind, (mine, its) in differ.items()]
        columns = (text("operator", "operator"), counted("before", "before"), counted("after", "after"))
        yield from table("Counts of operators", columns, kinds)
    if types := found.differing_types:
        yield "<h3>Constants by type, where they differ</h3>\n"
        columns = (
            text("type", "type"), counted("constants before", "before"), counted("after", "after"),
            sized("bytes before", "bytes_before"), sized("after", "bytes_after"),
        )  # fmt: skip
        yield from table("Types", columns, [_type(one.type, one.constants, one.bytes) for one in types])
    for what in KINDS:
        if changes := found.changes_of(what):
            shown = [
                {
                    "name": visible_text(one.name) or "(no name)",
                    "how": one.how,
                    "before": _facts(one.before),
                    "after": _facts(one.after),
                }
                for one in changes
            ]
            title = f"What differs: {plural(what)}"
            yield f"<h3>{title}</h3>\n"
            columns = (named("name", "name", shown), text("", "how"), text("before", "before"), text("after", "after"))
            yield from table(title, columns, shown)


def counted_plain(key: str) -> Column:
    """A number without a sum; nothing for 0."""
    return Column(key, lambda row: (str(row[key]) if row[key] else "", row[key]), "number")


def _type(name: str, constants: tuple[int, int], sizes: tuple[int, int]) -> Row:
    return {
        "type": name,
        "before": constants[0],
        "after": constants[1],
        "bytes_before": sizes[0],
        "bytes_after": sizes[1],
    }


def _facts(facts: Mapping[str, str]) -> str:
    return visible_text(", ".join(f"{key} {value}" for key, value in facts.items() if value))
