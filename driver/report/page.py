"""The report as a page of one file: three questions and their answers, then layers, constants, passes and tensors."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tflir.report.graph.page import data, head, scripts, style
from tflir.report.layers import Places, layers_section
from tflir.report.origin import DATE
from tflir.report.outputs import outputs_section
from tflir.report.own import own
from tflir.report.parts import COMPILE, missing, short_path
from tflir.report.sparsity import sparsity_section
from tflir.report.steps import steps_section
from tflir.report.summary import what_changed, what_next, where_accuracy_went
from tflir.report.tables import Column, counted, figure, named, plain_sized, sized, table, text

_SECTIONS = {
    "layers": "Layers", "outputs": "Outputs", "steps": "Steps", "constants": "Constants", "zeros": "Zeros",
    "passes": "Passes", "tensors": "Tensors", "origin": "How it was made",
}  # fmt: skip
_SCRIPTS = ("tables.js", "report.js")
# The known columns of tensors; further keys of a pass get columns after them.
_COLUMNS = {
    "from": text("from", "from"),
    "to": text("to", "to"),
    "channels": counted("scales", "channels"),
    "bytes_before": sized("before", "bytes_before"),
    "bytes_after": sized("after", "bytes_after"),
}
_KINDS = (
    text("op", "op"),
    counted("ops before", "ops_before"),
    counted("ops after", "ops_after"),
    sized("constants before", "bytes_before"),
    sized("constants after", "bytes_after"),
)


def page(
    facts: Mapping[str, Any], graph: Mapping[str, Any] | None = None, places: Sequence[Places] = ()
) -> Iterator[str]:
    """The page of the facts of a report (`tflir.report`), piece by piece.

    `graph` is the data of the picture of the compiled model, None if there is none; `places` are the nodes of layers.
    """
    title = facts["title"] or "Compilation report"
    yield from head(title, style() + own("report.css"))
    yield f'<body class="report"><header><h1 title="{html.escape(title)}">{html.escape(short_path(title))}</h1>\n'
    if facts["command"]:
        yield f'<p class="faint"><code>{html.escape(facts["command"])}</code></p>\n'
    links = (f'<a href="#{anchor}">{said}</a>' for anchor, said in _SECTIONS.items())
    yield f"<nav>{' '.join(links)}</nav></header>\n"
    found = facts.get("verification")
    yield from what_changed(facts, COMPILE)
    yield from where_accuracy_went(found, () if graph is None else ("view",), COMPILE)
    yield from what_next(facts["next"])
    yield from layers_section(found, places, COMPILE)
    yield from outputs_section(found, COMPILE)
    yield from steps_section(facts["decisions"], facts["remarks"])
    yield from _constants(facts)
    yield from sparsity_section(facts.get("zeros"))
    yield from _passes(facts["passes"])
    yield from _tensors([row for pass_facts in facts["passes"] for row in pass_facts["tensors"]])
    for title, listed in _further_tables(facts["passes"]).items():
        yield f"<h2>{html.escape(title)}: {len(listed)}</h2>\n"
        yield from table(title, _columns_of(listed), listed)
    yield from origin_section(facts)
    if graph is not None:
        yield data("graph-data", graph)
    yield f"<script>\n{scripts()}{''.join(map(own, _SCRIPTS))}</script></body></html>\n"


def _constants(facts: Mapping[str, Any]) -> Iterator[str]:
    yield '<h2 id="constants">Constants by kind of op</h2>\n'
    if facts.get("sizes"):
        yield from table("Constants by kind of op", _KINDS, facts["sizes"])
    elif facts.get("sizes") is None:
        yield missing("Not known: only .tflite files are read back.", "-o OUT.tflite")
    else:
        yield "<p>No op has constants.</p>\n"


def _passes(passes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield '<h2 id="passes">Passes</h2>\n'
    if not passes:
        yield "<p>None: the model came out as it went in.</p>\n"
        return
    idle = dict.fromkeys(one["name"] for one in passes if not one["counts"] and not one["declined"])
    rows = [one for one in passes if one["counts"] or one["declined"]]
    yield '<div class="wide"><table><thead><tr><th>pass</th><th>what it did</th></tr></thead><tbody>\n'
    for one in rows:
        done = ", ".join(f"{times} {html.escape(what)}" for what, times in one["counts"].items())
        yield f"<tr><td><code>{html.escape(one['name'])}</code></td><td>{done or 'nothing'}{_declined(one)}</td></tr>\n"
    yield "</tbody></table></div>\n"
    if idle:
        names = ", ".join(f"<code>{html.escape(name)}</code>" for name in idle)
        yield f'<p class="faint">Nothing to do: {names}.</p>\n'


def _declined(pass_facts: Mapping[str, Any]) -> str:
    """What a pass left alone and why, to be unfolded."""
    if not pass_facts["declined"]:
        return ""
    times = sum(row["times"] for row in pass_facts["declined"])
    lines = "".join(
        f"<li>{row['times']} × {html.escape(row['why'])}"
        + (f" <span class='faint'>(first: <code>{html.escape(row['first'])}</code>)</span>" if row["first"] else "")
        + "</li>"
        for row in pass_facts["declined"]
    )
    return f"<details><summary>{times} left alone</summary><ul>{lines}</ul></details>"


def _further_tables(passes: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The other tables of all passes; tables with the same title are joined."""
    by_title: dict[str, list[Mapping[str, Any]]] = {}
    for pass_facts in passes:
        for title, rows in pass_facts.get("tables", {}).items():
            by_title.setdefault(title, []).extend(rows)
    return by_title


def _columns_of(rows: Sequence[Mapping[str, Any]]) -> list[Column]:
    """A column for each key: as in the table of tensors if it has the key, else numbers aligned to the right,
    or text.
    """
    present = {key: value for row in reversed(rows) for key, value in row.items()}
    return [_column(key, present[key], rows) for key in dict.fromkeys(key for row in rows for key in row)]


def _column(key: str, value: Any, rows: Sequence[Mapping[str, Any]]) -> Column:
    if key == "tensor":
        return named("tensor", "tensor", rows)
    if key.startswith("bytes_"):
        return plain_sized(key.removeprefix("bytes_"), key)
    if key in _COLUMNS:
        return _COLUMNS[key]
    header = key.replace("_", " ")
    return figure(header, key) if isinstance(value, int | float) else text(header, key)


def _tensors(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f'<h2 id="tensors">Tensors that were changed: {len(rows)}</h2>\n'
    if not rows:
        yield "<p>No pass changed the values of a constant.</p>\n"
        return
    present = dict.fromkeys(key for row in rows for key in row)
    columns = [named("tensor", "tensor", rows)] if "tensor" in present else []
    columns += [column for key, column in _COLUMNS.items() if key in present]
    columns += [figure(key.replace("_", " "), key) for key in present if key not in _COLUMNS and key != "tensor"]
    yield from table("Tensors", columns, rows)


def origin_section(facts: Mapping[str, Any]) -> Iterator[str]:
    """The command, passes, versions, and the date if there is one."""
    yield '<h2 id="origin">How it was made</h2>\n'
    if facts["command"]:
        yield f"<p><code>{html.escape(facts['command'])}</code></p>\n"
    else:
        yield "<p>From Python, without a command.</p>\n"
    if facts["pipeline"]:
        yield f"<p>Passes: <code>{html.escape(facts['pipeline']).replace(',', ',<wbr>')}</code></p>\n"
    yield f"<p>{html.escape(', '.join(f'{name} {said}' for name, said in facts['versions'].items()))}</p>\n"
    if facts["date"]:
        yield f"<p>{html.escape(facts['date'])}, as <code>{DATE}</code> says.</p>\n"
    else:
        yield '<p class="faint">The page holds no date, so that the same input gives the same page; its file is of '
        yield f'<span id="written">the date that the system says</span>. <code>{DATE}</code> sets one.</p>\n'
