"""The section on steps: what each one gained on data that was held out, and whether it was kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tflir.commands.terminal import decibels
from tflir.report.parts import missing, track
from tflir.report.tables import Cell, Column, Row, table, text

_TALLEST = 20.0
"""dB that fill the bar of a gain."""
_COLUMNS = (
    text("step", "step"),
    text("tried", "choice"),
    Column("without", lambda row: _ratio(row["before_db"]), "number"),
    Column("with", lambda row: _ratio(row["after_db"]), "number"),
    Column("gained", lambda row: _gain(row), "number"),
    Column("", lambda row: (_bar(row), None), "bar extra"),
    Column("decided", lambda row: ("kept" if row["kept"] else "left out", None)),
    text("why", "reason", "extra"),
)


def steps_section(decisions: Sequence[Mapping[str, Any]], remarks: Sequence[str], *, searched: bool) -> Iterator[str]:
    """What was tried in turn, each step on top of those that were kept; or why nothing was."""
    yield '<h2 id="steps">What each step gained</h2>\n'
    if searched:
        yield "<p>A search measures whole models instead: they are listed above.</p>\n"
        return
    if not decisions:
        tried = any("left out" in remark for remark in remarks)
        why = "Nothing could be measured; see the remarks above." if tried else "No step was tried by measuring."
        options = ("--calibration-method", "--bias-correction", "--equalize", "--float-regions")
        yield missing(why, *(f"{option} auto" for option in options))
        return
    yield '<p class="faint">Signal to noise on data that was held out; each step on top of those that were kept.</p>\n'
    yield from table("Steps", _COLUMNS, decisions)


def _ratio(value: float | None) -> Cell:
    return ("∞", None) if value is None else (decibels(value), value)


def _gain(row: Row) -> Cell:
    gain = _gained(row)
    return ("", None) if gain is None else (f"{gain:+.1f} dB", gain)


def _gained(row: Row) -> float | None:
    if row["before_db"] is None or row["after_db"] is None:
        return None
    return float(row["after_db"] - row["before_db"])


def _bar(row: Row) -> str:
    gain = _gained(row) or 0.0
    colour = "good" if gain > 0 else "poor"
    return f'<span class="{colour}">{track([("now", min(1.0, abs(gain) / _TALLEST))])}</span>'
