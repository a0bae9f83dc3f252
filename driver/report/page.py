"""The report as a self-contained HTML page: sizes as bars, passes, and a sortable table of tensors."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tflir.commands.terminal import human_size, percent
from tflir.report import layers as report_layers
from tflir.report.tables import Column, counted, figure, plain_sized, sized, table, text

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1c1c1c; --paper: #fff; --faint: #6b6b6b; --rule: #ddd; --bar: #2f7d6d; --was: #b9b9b9;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --paper: #161616; --faint: #9a9a9a; --rule: #333; --was: #555; }
}
body {
  font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem;
}
h1 { font-size: 1.5rem; margin-bottom: 0; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
h3 { font-size: 1rem; font-family: ui-monospace, monospace; margin-bottom: 0; }
h3 + p { margin-top: 0; }
code, td.name { font-family: ui-monospace, monospace; font-size: .9em; overflow-wrap: anywhere; }
.faint { color: var(--faint); }
.size { display: grid; grid-template-columns: 5rem 1fr 8rem; gap: .3rem .8rem; align-items: center; }
.size .bar { height: 1.1rem; background: var(--bar); border-radius: 2px; min-width: 2px; }
.size .bar.was { background: var(--was); }
table { border-collapse: collapse; width: 100%; margin-top: .5rem; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.wide { overflow-x: auto; }
td.name { min-width: 12rem; }
tfoot td { border-bottom: 0; font-weight: 600; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid var(--bar); }
th[aria-sort=ascending] button::after { content: " ↑"; }
th[aria-sort=descending] button::after { content: " ↓"; }
"""
_SCRIPT = """
const key = (row, column) => {
  const cell = row.cells[column];
  return "value" in cell.dataset ? +cell.dataset.value : cell.textContent;
};
for (const head of document.querySelectorAll("table.sortable th")) {
  head.querySelector("button").addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const sign = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
    const keyed = [...body.rows].map(row => [key(row, head.cellIndex), row]);
    keyed.sort(([a], [b]) => sign * (a < b ? -1 : a > b ? 1 : 0));
    for (const [, row] of keyed) body.append(row);
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
  });
}
"""
# The known columns of tensors; further keys of a pass get columns after them.
_COLUMNS = {
    "tensor": text("tensor", "tensor", "name"),
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


def page(facts: Mapping[str, Any]) -> Iterator[str]:
    """The page that shows the facts of a report (`tflir.report`), piece by piece."""
    title = html.escape(facts["title"] or "Compilation report")
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<style>{_STYLE}{report_layers.STYLE}</style></head><body>\n<h1>{title}</h1>\n"
    if facts["pipeline"]:
        yield f'<p class="faint"><code>{html.escape(facts["pipeline"])}</code></p>\n'
    yield from _sizes(facts["bytes_before"], facts["bytes_after"])
    if facts.get("sizes"):
        yield from table("Constants by kind of op", _KINDS, facts["sizes"])
    if "verification" in facts:
        yield from report_layers.sections(facts["verification"])
    yield "<h2>Passes</h2>\n"
    if not facts["passes"]:
        yield "<p>None: the model came out as it went in.</p>\n"
    for pass_facts in facts["passes"]:
        yield from _pass_section(pass_facts)
    rows = [row for pass_facts in facts["passes"] for row in pass_facts["tensors"]]
    if rows:
        yield from _tensors(rows)
    for title, listed in _further_tables(facts["passes"]).items():
        yield f"<h2>{html.escape(title)}: {len(listed)}</h2>\n"
        yield from table(title, _columns_of(listed), listed)
    yield f"<script>{_SCRIPT}</script></body></html>\n"


def _sizes(before: int, after: int) -> Iterator[str]:
    most = max(before, after, 1)
    yield '<h2>Size</h2>\n<div class="size">\n'
    for label, size, style in (("before", before, "bar was"), ("after", after, "bar")):
        bar = f'<div class="{style}" style="width:{100 * size / most:.2f}%"></div>'
        yield f"<span>{label}</span>{bar}<span>{human_size(size)}</span>\n"
    yield "</div>\n"
    if after and before:
        yield f"<p>{before / after:.2f} to 1, {percent(after, before)} of what it was.</p>\n"


def _pass_section(pass_facts: Mapping[str, Any]) -> Iterator[str]:
    done = ", ".join(f"{times} {html.escape(what)}" for what, times in pass_facts["counts"].items())
    yield f"<h3>{html.escape(pass_facts['name'])}</h3>\n<p>{done or 'Nothing to do.'}</p>\n"
    if not pass_facts["declined"]:
        return
    yield "<table><thead><tr><th>left alone because</th><th>first</th>"
    yield '<th class="number">times</th></tr></thead><tbody>\n'
    for row in pass_facts["declined"]:
        first = f'<td class="name">{html.escape(row["first"])}</td>'
        yield f'<tr><td>{html.escape(row["why"])}</td>{first}<td class="number">{row["times"]}</td></tr>\n'
    yield "</tbody></table>\n"


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
    return [_column(key, present[key]) for key in dict.fromkeys(key for row in rows for key in row)]


def _column(key: str, value: Any) -> Column:
    if key.startswith("bytes_"):
        return plain_sized(key.removeprefix("bytes_"), key)
    if key in _COLUMNS:
        return _COLUMNS[key]
    header = key.replace("_", " ")
    return figure(header, key) if isinstance(value, int | float) else text(header, key)


def _tensors(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    present = dict.fromkeys(key for row in rows for key in row)
    columns = [column for key, column in _COLUMNS.items() if key in present]
    columns += [figure(key.replace("_", " "), key) for key in present if key not in _COLUMNS]
    yield f"<h2>Tensors: {len(rows)}</h2>\n"
    yield from table("Tensors", columns, rows)
