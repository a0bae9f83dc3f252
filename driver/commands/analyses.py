"""Prints the tables of analyses as plain text with aligned columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tflir.passes.base import PassReport


def print_analyses(reports: Iterable[PassReport]) -> bool:
    """Prints the tables of analysis passes on stdout; returns whether there were any."""
    analyses = [report for report in reports if report.only_looked]
    for number, report in enumerate(analyses):
        if number:
            print()
        for line in table_lines(report):
            print(line)
    return bool(analyses)


def table_lines(report: PassReport) -> Iterator[str]:
    """The lines of a report's tables: title, names of columns, then the rows. Numbers are aligned to the right."""
    for number, (title, rows) in enumerate(report.tables.items()):
        if number:
            yield ""
        yield f"{report.name}: {title}"
        if not rows:
            yield "  nothing"
            continue
        columns = list(rows[0])
        cells = [columns, *([_cell(row.get(name, "")) for name in columns] for row in rows)]
        widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
        right = [all(isinstance(row.get(name, 0), int | float) for row in rows) for name in columns]
        for row in cells:
            aligned = (
                cell.rjust(width) if to_right else cell.ljust(width)
                for cell, width, to_right in zip(row, widths, right, strict=True)
            )
            yield f"  {'  '.join(aligned)}".rstrip()


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
