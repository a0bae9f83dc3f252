"""Tables of pages: a column has a header and a function that makes its cells. Tables sort by any column, and show the
first rows only until all are asked for.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tflir.commands.terminal import human_size
from tflir.report.short_names import short_names

Row = Mapping[str, Any]
Cell = tuple[str, float | None]
"""The cell as HTML, and the number to sort by; None to sort by its text."""


@dataclass(frozen=True)
class Column:
    """One column. `style` is the class of its cells: number, name, range, or none."""

    header: str
    cell: Callable[[Row], Cell]
    style: str = ""
    total: Callable[[Sequence[Row]], str] | None = None
    """The cell below the column, computed from all rows."""


_FIRST = 20
"""The number of rows that are shown until the reader asks for all."""


def table(label: str, columns: Sequence[Column], rows: Sequence[Row]) -> Iterator[str]:
    """A table with the accessible name `label`, which is unlike that of others of the page; one that is wider than the
    screen scrolls horizontally.
    """
    ident = html.escape(f"table-{label.lower().replace(' ', '-')}")
    yield f'<div class="wide" role="region" aria-label="{html.escape(label)}" tabindex="0">'
    yield f'<table class="sortable" id="{ident}">'
    yield "<thead><tr>"
    for column in columns:
        yield f'<th scope="col"{_class(column)}><button type="button">{html.escape(column.header)}</button></th>'
    yield "</tr></thead><tbody>\n"
    for number, row in enumerate(rows):
        yield "<tr>" if number < _FIRST else "<tr hidden>"
        for column in columns:
            shown, value = column.cell(row)
            sort = "" if value is None else f' data-value="{_number(value)}"'
            yield f"<td{_class(column)}{sort}>{shown}</td>"
        yield "</tr>\n"
    yield "</tbody>"
    if any(column.total for column in columns):
        cells = (f"<td{_class(column)}>{column.total(rows) if column.total else ''}</td>" for column in columns)
        yield f"<tfoot><tr>{''.join(cells)}</tr></tfoot>"
    yield "</table></div>\n"
    if len(rows) > _FIRST:
        yield f'<button class="all" type="button" data-of="{ident}">Show all {len(rows)}</button>\n'


def _class(column: Column) -> str:
    return f' class="{column.style}"' if column.style else ""


def _number(value: float) -> str:
    """The number as JavaScript reads it."""
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def text(header: str, key: str, style: str = "") -> Column:
    """The row's `key` as text; empty if it is missing."""
    return Column(header, lambda row: (html.escape(_said(row.get(key))), None), style)


def named(header: str, key: str, rows: Sequence[Row]) -> Column:
    """The row's `key`, a name that is short among those of `rows` and whole where the pointer is on it."""
    short = short_names(_said(row.get(key)) for row in rows)

    def cell(row: Row) -> Cell:
        name = _said(row.get(key))
        if short.get(name, name) == name:
            return html.escape(name), None
        return f'<span title="{html.escape(name)}">{html.escape(short[name])}</span>', None

    return Column(header, cell, "name")


def figure(header: str, key: str) -> Column:
    """The row's `key` as a number."""

    def cell(row: Row) -> Cell:
        value = row.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return html.escape(_said(value)), None
        return (str(value) if isinstance(value, int) else f"{value:.4g}"), value

    return Column(header, cell, "number")


def counted(header: str, key: str) -> Column:
    """The row's `key`, an integer, with its sum."""
    return Column(header, figure(header, key).cell, "number", lambda rows: str(_sum(rows, key)))


def sized(header: str, key: str) -> Column:
    """The row's `key` in bytes, with its sum."""

    def cell(row: Row) -> Cell:
        value = row.get(key)
        return (human_size(value), value) if isinstance(value, int) else (html.escape(_said(value)), None)

    return Column(header, cell, "number", lambda rows: human_size(_sum(rows, key)))


def plain_sized(header: str, key: str) -> Column:
    """The row's `key` in bytes, without a sum, for rows that exclude each other."""
    return Column(header, sized(header, key).cell, "number")


def _sum(rows: Sequence[Row], key: str) -> int:
    return sum(value for row in rows if isinstance(value := row.get(key), int))


def _said(value: Any) -> str:
    return "" if value is None else str(value)
