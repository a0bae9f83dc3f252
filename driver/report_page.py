"""The report as one HTML page that needs nothing else: sizes as bars, passes, a table of tensors that sorts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tflir.terminal import human_size, percent

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
# Columns of the tensors' table: header, key of a pass's details, whether it is a number, whether that is of bytes.
_COLUMNS = (
    ("tensor", "tensor", False, False),
    ("from", "from", False, False),
    ("to", "to", False, False),
    ("scales", "channels", True, False),
    ("before", "bytes_before", True, True),
    ("after", "bytes_after", True, True),
)


def page(facts: Mapping[str, Any]) -> Iterator[str]:
    """The page that shows the facts of a report (`tflir.report`), piece by piece."""
    title = html.escape(facts["title"] or "Compilation report")
    yield f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n'
    if facts["pipeline"]:
        yield f'<p class="faint"><code>{html.escape(facts["pipeline"])}</code></p>\n'
    yield from _sizes(facts["bytes_before"], facts["bytes_after"])
    yield "<h2>Passes</h2>\n"
    if not facts["passes"]:
        yield "<p>None: the model came out as it went in.</p>\n"
    for one in facts["passes"]:
        yield from _pass_section(one)
    rows = [row for one in facts["passes"] for row in one["tensors"]]
    if rows:
        yield from _tensors(rows)
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


def _pass_section(one: Mapping[str, Any]) -> Iterator[str]:
    done = ", ".join(f"{times} {html.escape(what)}" for what, times in one["counts"].items())
    yield f"<h3>{html.escape(one['name'])}</h3>\n<p>{done or 'Nothing to do.'}</p>\n"
    if not one["declined"]:
        return
    yield "<table><thead><tr><th>left alone because</th><th>first</th>"
    yield '<th class="number">times</th></tr></thead><tbody>\n'
    for row in one["declined"]:
        first = f'<td class="name">{html.escape(row["first"])}</td>'
        yield f'<tr><td>{html.escape(row["why"])}</td>{first}<td class="number">{row["times"]}</td></tr>\n'
    yield "</tbody></table>\n"


def _tensors(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    known = [column for column in _COLUMNS if any(column[1] in row for row in rows)]
    yield f'<h2>Tensors: {len(rows)}</h2>\n<table class="sortable"><thead><tr>'
    for header, _, number, _ in known:
        yield f'<th{_class(number)}><button type="button">{header}</button></th>'
    yield "</tr></thead><tbody>\n"
    for row in rows:
        yield "<tr>"
        for _, key, number, of_bytes in known:
            yield _cell(row.get(key, ""), number=number, of_bytes=of_bytes, name=key == "tensor")
        yield "</tr>\n"
    totals = _totals(rows, known)
    yield f"</tbody><tfoot><tr>{''.join(totals)}</tr></tfoot></table>\n"


def _class(number: bool) -> str:
    return ' class="number"' if number else ""


def _cell(value: Any, *, number: bool, of_bytes: bool, name: bool) -> str:
    if number and isinstance(value, int):
        return f'<td class="number" data-value="{value}">{human_size(value) if of_bytes else value}</td>'
    style = ' class="name"' if name else ""
    return f"<td{style}>{html.escape(str(value))}</td>"


def _totals(rows: Sequence[Mapping[str, Any]], known: Iterable[tuple[str, str, bool, bool]]) -> Iterator[str]:
    """The last row: sums of what can be summed."""
    for _, key, number, of_bytes in known:
        total = sum(row[key] for row in rows if isinstance(row.get(key), int)) if number else 0
        yield _cell(total if number else "", number=number, of_bytes=of_bytes, name=False)
