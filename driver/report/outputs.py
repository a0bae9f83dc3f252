"""The section on outputs: how far each is from the original's."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

from tflir.report.parts import Supplies, graded, missing, ratio_of
from tflir.report.tables import Cell, Column, Row, figure, named, table, text
from tflir.report.verify import grade


def outputs_section(found: Mapping[str, Any] | None, supplies: Supplies) -> Iterator[str]:
    """The outputs of `found`, the facts of a verification; or why there are none."""
    yield '<h2 id="outputs">Outputs</h2>\n'
    if not found:
        yield missing("Not known: the models were not run.", *supplies.runs)
        return
    rows = found["outputs"]
    yield f'<p class="faint">Beside those of the original, on {html.escape(found["inputs"])}.</p>\n'
    several = len({row["signature"] for row in rows}) > 1
    columns = [
        *([text("signature", "signature", "name")] if several else []),
        named("output", "name", rows),
        Column("shape", _shape),
        Column("signal to noise", _snr, "number"),
        Column("worst of its last dimension", _column, "number extra"),
        figure("largest difference", "max_difference"),
        Column("grade", lambda row: (grade(ratio_of(row))[0], None)),
    ]
    yield from table("Outputs", columns, rows)


def _shape(row: Row) -> Cell:
    return "×".join(map(str, row["shape"])) or "scalar", None


def _snr(row: Row) -> Cell:
    ratio = ratio_of(row)
    return graded(ratio), ratio


def _column(row: Row) -> Cell:
    if row["column"] is None or row["column_snr_db"] is None:
        return "", None
    return f"{graded(row['column_snr_db'])} at {row['column']}", row["column_snr_db"]
