"""The section on a search: size against accuracy as a picture, what each layer got, and what was measured."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tflir.commands.terminal import decibels, human_size
from tflir.report.parts import track
from tflir.report.plot import Mark, plot
from tflir.report.tables import Cell, Column, Row, named, plain_sized, table, text

_KEPT = ("bound", "minimize", "samples", "path", "float_bytes", "layers", "result")
_OF_RECORDS = ("what", "kinds", "bytes", "value", "margin", "error")


def search_facts(trace: Mapping[str, Any]) -> dict[str, Any]:
    """What a report says of a search, from its trace: all but what differs from run to run, such as seconds."""
    records = [{key: record[key] for key in _OF_RECORDS if key in record} for record in trace["evaluations"]]
    return {key: trace[key] for key in _KEPT} | {"evaluations": records}


def search_section(found: Mapping[str, Any]) -> Iterator[str]:
    """The section on the facts of a search."""
    yield '<section class="question" id="search"><h2>Size against accuracy</h2>\n'
    result, samples = found["result"], found["samples"]
    value = _shown(result["value"], found)
    yield f'<p class="big">{human_size(result["bytes"])}, {html.escape(value)}</p>\n'
    count = result["evaluations"]
    models = "1 model that was" if count == 1 else f"{count} models that were"
    yield f"<p>Of {models} evaluated, the one with the least {found['minimize']} "
    yield f"for which <code>{html.escape(found['bound'])}</code> holds: measured on {samples['check']} samples "
    yield f"that neither rounding ({samples['calibration']}) nor the search ({samples['search']}) read"
    yield "" if _is_accuracy(found) else ", at what a final softmax or logistic reads, if there is one"
    yield ".</p>\n"
    if repeated := samples["repeated"]:
        were = "1 sample that was measured on is" if repeated == 1 else f"{repeated} samples that were measured on are"
        yield f'<p class="poor">{were} equal to one that weights were rounded with: other data may be further from the '
        yield "bound.</p>\n"
    yield from _picture(found)
    yield "</section>\n"
    yield '<h2 id="forms">What each layer got</h2>\n'
    yield '<p class="faint">Noise: what the form of this layer alone adds at the outputs, as signal to noise, and its '
    yield "share of the noise of all layers. Bytes: what the file has less than with the layer in float.</p>\n"
    rows = _layer_rows(found)
    yield from table("Forms", _layer_columns(rows, found), rows)
    yield '<h2 id="evaluated">Models that were measured</h2>\n'
    files = [record for record in found["evaluations"] if record["what"] in ("search", "check")]
    yield from table("Measured", _file_columns(found), files)


def _is_accuracy(found: Mapping[str, Any]) -> bool:
    return not str(found["bound"]).startswith("snr")


def _least(found: Mapping[str, Any]) -> float:
    """The bound as it is measured: dB, or the negative drop in points of 100."""
    number = float(str(found["bound"]).split("=")[1].rstrip("%"))
    return -number if _is_accuracy(found) else number


def _shown(value: Any, found: Mapping[str, Any]) -> str:
    number = _number(value)
    if _is_accuracy(found):
        number = round(number, 2)
        return (
            f"accuracy drops by {abs(number):.2f} points" if number <= 0 else f"accuracy rises by {number:.2f} points"
        )
    return decibels(number)


def _number(value: Any) -> float:
    """A number of a trace, in which infinite ones are texts."""
    return float(value)


def _picture(found: Mapping[str, Any]) -> Iterator[str]:
    """The measured models by their size, those on the data of the search and those on held-out data."""
    marks: list[Mark] = []
    chosen = found["result"]
    for record in found["evaluations"]:
        if record["what"] not in ("search", "check") or "error" in record:
            continue
        value = _number(record["value"])
        if not math.isfinite(value):
            continue
        is_chosen = record["what"] == "check" and record["kinds"] == chosen["kinds"]
        style = "chosen" if is_chosen else "checked" if record["what"] == "check" else "point"
        where = "data that was held out" if record["what"] == "check" else "the data of the search"
        marks.append(
            Mark(record["bytes"], value, style, f"{human_size(record['bytes'])}, {_shown(value, found)} on {where}")
        )
    line: list[tuple[float, float]] = []
    if found["minimize"] == "size" and not _is_accuracy(found):
        line = [(found["float_bytes"] + cost, db) for cost, db in found["path"] if db is not None]
    unit = "points of accuracy" if _is_accuracy(found) else "dB"
    yield from plot(marks, line, _least(found), unit)
    keys = [
        ("chosen", "chosen, on held-out data"),
        ("checked", "others on held-out data"),
        ("point", "on the data of the search"),
    ]
    if line:
        keys.append(("predicted", "predicted from the noise of single layers"))
    keys.append(("bound", "the bound"))
    yield f'<div class="keys">{"".join(f"<span>{_key(style)} {said}</span>" for style, said in keys)}</div>\n'


def _key(style: str) -> str:
    """The sign of a class of the picture, for the key below it."""
    if style in ("predicted", "bound"):
        width, shape = 24, f'<line class="{style}" x1="0" x2="24" y1="6" y2="6"/>'
    else:
        width, shape = 12, f'<circle class="{style}" cx="6" cy="6" r="4"/>'
    return f'<svg class="plot sign" viewBox="0 0 {width} 12" aria-hidden="true">{shape}</svg>'


def _layer_rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    chosen = found["result"]["kinds"]
    rows: list[dict[str, Any]] = []
    for at, layer in enumerate(found["layers"]):
        kind = chosen[layer["name"] or str(at)]
        form = next((form for form in layer["forms"] if form["kind"] == kind), None)
        noise = max((_number(part) for part in form["noise"]), default=0.0) if form is not None else None
        saved = -_number(form["cost"]) if form is not None else None
        rows.append({**layer, "form": kind, "noise": noise, "saved": saved})
    total = sum(row["noise"] or 0.0 for row in rows)
    return [row | {"share": (row["noise"] or 0.0) / total if total else 0.0} for row in rows]


def _layer_columns(rows: Sequence[Row], found: Mapping[str, Any]) -> list[Column]:
    columns = [
        named("layer", "name", rows),
        text("op", "op", "extra"),
        Column("weights", lambda row: (f"{row['elements']:,}", row["elements"]), "number extra"),
        text("form", "form"),
        Column("noise", _noise, "number"),
        Column("share", lambda row: (track([("", row["share"])], f"{100 * row['share']:.1f} %"), row["share"]), "bar"),
    ]
    if found["minimize"] == "size":
        columns.append(Column("bytes saved", _saved, "number"))
    return columns


def _noise(row: Row) -> Cell:
    if not row["noise"]:
        return "none", 1e9
    ratio = -10 * math.log10(row["noise"])
    return decibels(ratio), ratio


def _saved(row: Row) -> Cell:
    if row["saved"] is None:
        return "", None
    saved = round(row["saved"])
    return (human_size(saved) if saved >= 0 else f"-{human_size(-saved)}"), saved


def _file_columns(found: Mapping[str, Any]) -> list[Column]:
    def value(row: Row) -> Cell:
        return (
            (html.escape(row["error"]), None)
            if "error" in row
            else (_shown(row["value"], found), _number(row["value"]))
        )

    def margin(row: Row) -> Cell:
        if "error" in row or row["what"] == "check":
            return "", None
        return f"{_number(row['margin']):.2f}", _number(row["margin"])

    where = {"search": "the data of the search", "check": "held-out data"}
    return [
        Column("measured on", lambda row: (where[row["what"]], None)),
        plain_sized("bytes", "bytes"),
        Column("measured", value, "number"),
        Column("margin asked for", margin, "number extra"),
    ]
