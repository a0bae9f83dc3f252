"""The section on zeros: in words and as bars, which constants are sparse, and what that saves."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tflir.commands.terminal import human_size, percent
from tflir.report.parts import missing, track
from tflir.report.tables import Cell, Column, Row, named, sized, table, text

_MANY = 0.5
"""A constant with this share of zeros could be stored sparse."""
_SPARSE = "--optimize EXPERIMENTAL_SPARSITY"


def sparsity_section(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    """The zeros of the constants of the compiled model, from `model_facts`."""
    yield '<h2 id="zeros">Zeros and sparsity</h2>\n'
    if rows is None:
        yield missing("Not known: only .tflite files are read back.", "-o OUT.tflite")
        return
    known = [row for row in rows if row["zeros"] is not None]
    if not known:
        yield "<p>No constant has 1 kB or more: there is nothing that is worth storing sparse.</p>\n"
        return
    yield from _words(known)
    shown = [row for row in known if row["sparse"] or row["zeros"] >= _MANY or (row["zeros_before"] or 0) >= _MANY]
    if shown:
        shown.sort(key=lambda row: (not row["sparse"], -row["zeros"]))
        yield '<p class="faint">Of each bar of bytes, the coloured part is what is stored, the grey part what it would '
        yield "take with all its zeros.</p>\n"
        yield from table("Zeros", _columns(shown), shown)


def _words(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    sparse = [row for row in rows if row["sparse"]]
    dense = [row for row in rows if not row["sparse"] and row["zeros"] >= _MANY]
    if sparse:
        stored, full = (sum(row[key] for row in sparse) for key in ("bytes", "bytes_dense"))
        yield f"<p>{_counted(len(sparse), len(rows))} stored sparse: only elements that are not zero are in the file, "
        yield f"with their places. They take {human_size(stored)} instead of {human_size(full)}, "
        yield f"{percent(stored, full)}.</p>\n"
    if dense:
        nbytes = sum(row["bytes"] for row in dense)
        yield f"<p>{_counted(len(dense), len(rows))} at least half zeros but stored dense, {human_size(nbytes)}. "
        if not sparse:
            yield f"<code>{_SPARSE}</code> leaves zeros out where that saves bytes or time; "
        yield "for the reasons look under Passes.</p>\n"
    if not sparse and not dense:
        most = max(row["zeros"] for row in rows)
        yield f"<p>Nothing is sparse: none of the {len(rows)} constants of 1 kB or more is half zeros or more; "
        yield f"the most is {percent(most, 1)}. The pass <code>tfl-prune</code> of <code>tflir-opt</code> makes zeros, "
        yield f"and <code>{_SPARSE}</code> leaves them out.</p>\n"


def _counted(count: int, of: int) -> str:
    return f"{count} of {of} constants of 1 kB or more {'is' if count == 1 else 'are'}"


def _columns(rows: Sequence[Row]) -> list[Column]:
    return [
        named("constant", "tensor", rows),
        text("type", "type", "extra"),
        text("shape", "shape", "extra"),
        Column("zeros", _share, "bar"),
        Column("stored", lambda row: (html.escape("sparse" if row["sparse"] else "dense"), None)),
        Column("bytes of dense", _bytes, "bar"),
        sized("bytes", "bytes"),
    ]


def _share(row: Row) -> Cell:
    said = percent(row["zeros"], 1) or "0"
    return f"{said}{track([('', row['zeros'])], f'{said} zeros')}", row["zeros"]


def _bytes(row: Row) -> Cell:
    share = min(1.0, row["bytes"] / row["bytes_dense"]) if row["bytes_dense"] else 1.0
    return f"{percent(share, 1)}{track([('', share), ('was', 1 - share)])}", share
