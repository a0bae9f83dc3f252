"""The sections of the report's page on verification: outputs, a chart of the error per layer, ranges, ops to skip.

The charts are SVG with widths in percent and heights in pixels, so that they fit any screen and their text keeps its
size.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tflir.commands.terminal import decibels
from tflir.report.suggestions import GOOD_DB
from tflir.report.tables import Cell, Column, Row, figure, table, text
from tflir.report.verify import grade

STYLE = """
:root { --good: #2f7d6d; --fair: #8a5f00; --poor: #c23b2e; --same: #9aa5a2; }
@media (prefers-color-scheme: dark) {
  :root { --good: #4fb39d; --fair: #d9a437; --poor: #ee6a5c; --same: #66706d; }
}
figure { margin: 1rem 0; }
figcaption { color: var(--faint); }
.chart { margin-left: 3.2rem; }
svg { display: block; width: 100%; overflow: visible; }
svg text { fill: var(--faint); font: 12px system-ui, sans-serif; }
svg line { stroke: var(--rule); }
.good { fill: var(--good); color: var(--good); } .fair { fill: var(--fair); color: var(--fair); }
.poor { fill: var(--poor); color: var(--poor); } .identical { fill: var(--same); color: var(--faint); }
.blamed { stroke: var(--ink); stroke-width: 2px; }
.held { fill: var(--was); } .seen { fill: var(--bar); } .cut { fill: var(--poor); }
td.range { min-width: 10rem; }
.key { display: inline-block; width: .8em; height: .8em; background: currentColor; }
.key.identical { color: var(--same); }
"""
_HEIGHT = 220
_LEAST_TOP, _MOST_TOP = 40, 100
"""The limits of the ratio in dB at the chart's top, which is chosen by the best layer."""
_STEP = 20
_HAIR = 2
"""The least height of a bar in pixels."""
_SLIM, _ROW = 6, 18
"""The height in pixels of an interval's bar and of its row."""


def sections(found: Mapping[str, Any]) -> Iterator[str]:
    """The sections on `found`, the report's facts of verification (`facts.verification_facts`)."""
    yield f'<h2 id="outputs">Outputs beside the original’s</h2>\n<p class="faint">{html.escape(found["inputs"])}</p>\n'
    several = len({output["signature"] for output in found["outputs"]}) > 1
    yield from table("Outputs", _signature(several) + _OUTPUTS, found["outputs"])
    yield from _accuracy(found)
    yield from _advice(found)
    layers = found["layers"]
    if not layers:
        return
    several = len({layer["signature"] for layer in layers}) > 1
    yield '<h2 id="layers">Error per layer</h2>\n'
    yield from _chart(layers, {suggestion["name"] for suggestion in found["skip"]})
    yield from table("Error per layer", _signature(several) + _LAYERS, layers)
    yield '<h2 id="ranges">Ranges and scales</h2>\n'
    yield '<p class="faint">Values seen in the original, on what the compiled tensor can hold.</p>\n'
    yield from table("Ranges and scales", _signature(several) + _RANGES, layers)


def _accuracy(found: Mapping[str, Any]) -> Iterator[str]:
    if (accuracy := found["accuracy"]) is not None:
        before, after = (f"{100 * accuracy[key]:.4g} %" for key in ("before", "after"))
        labels = f"the array <code>{html.escape(accuracy['labels'])}</code>"
        yield f"<p>Accuracy: {before} → {after}, by {labels} of {accuracy['samples']} samples.</p>\n"
    for line in found["unmet"]:
        yield f'<p class="poor">Not met: {html.escape(line)}</p>\n'


def _advice(found: Mapping[str, Any]) -> Iterator[str]:
    yield '<h2 id="skip">What to skip</h2>\n'
    if found["layers_missing"]:
        yield f"<p>Layers can’t be compared: {html.escape(found['layers_missing'])}</p>\n"
    if found["skip"]:
        yield "<p>Noise comes in at these ops. To leave them float, compile with</p>\n"
        yield f"<p><code>{html.escape(found['flag'])}</code></p>\n<ul>\n"
        for suggestion in found["skip"]:
            name = f"<code>{html.escape(suggestion['name'])}</code>"
            yield f"<li>{html.escape(suggestion['op'])} {name}: {html.escape(suggestion['why'])}</li>\n"
        yield "</ul>\n"
    for note in found["notes"]:
        yield f"<p>{html.escape(note)}</p>\n"
    if not found["skip"] and not found["notes"]:
        poor = any(_ratio(output) < GOOD_DB for output in found["outputs"])
        message = "Nothing is known to help." if poor else f"Nothing: every output has {GOOD_DB:.0f} dB or more."
        yield f"<p>{message}</p>\n"


def _ratio(row: Mapping[str, Any]) -> float:
    """The row's signal-to-noise ratio in dB, restored if it is infinite, which JSON can't express."""
    if row["snr_db"] is None:
        return math.inf if row["identical"] else -math.inf
    return float(row["snr_db"])


def _chart(layers: Sequence[Mapping[str, Any]], blamed: set[str]) -> Iterator[str]:
    """A bar for each layer in program order: the higher, the closer to the original."""
    ratios = [_ratio(layer) for layer in layers]
    best = max((ratio for ratio in ratios if math.isfinite(ratio)), default=0)
    top = min(_MOST_TOP, max(_LEAST_TOP, math.ceil(best / _STEP) * _STEP))
    least = min(ratios)
    label = f"Signal-to-noise ratio of {len(layers)} layers in program order, the worst {decibels(least)}"
    yield f'<figure><div class="chart"><svg role="img" aria-label="{label}" height="{_HEIGHT}">\n'
    for level in range(0, top + 1, _STEP):
        y = _HEIGHT * (1 - level / top)
        yield f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="-6" y="{y + 4:.1f}" text-anchor="end">{level} dB</text>\n'
    wide = 100 / len(layers)
    for at, (layer, ratio) in enumerate(zip(layers, ratios, strict=True)):
        high = max(_HAIR, _HEIGHT * min(max(ratio, 0), top) / top)
        word = grade(ratio)[0] + (" blamed" if layer["name"] in blamed else "")
        hover = html.escape(f"{layer['name']}: {layer['op']}, {layer['type']}, {decibels(ratio)}")
        yield f'<rect class="{word}" x="{at * wide:.3f}%" width="{0.8 * wide:.3f}%" y="{_HEIGHT - high:.1f}" '
        yield f'height="{high:.1f}"><title>{hover}</title></rect>\n'
    yield "</svg></div><figcaption>Signal-to-noise ratio against the original, layer by layer in program order: "
    keys = (("poor", "under 10 dB"), ("fair", "under 20 dB"), ("good", "20 dB and more"), ("identical", "identical"))
    yield ", ".join(f'<span class="key {word}"></span> {what}' for word, what in keys)
    yield f"{'; outlined: what to skip' if blamed else ''}.</figcaption></figure>\n"


def _snr_cell(row: Row) -> Cell:
    ratio = _ratio(row)
    return f'<span class="{grade(ratio)[0]}">{decibels(ratio)}</span>', ratio


def _input_cell(row: Row) -> Cell:
    ratio = row["input_snr_db"]
    if ratio is None:
        ratio = math.inf if row["input_identical"] else -math.inf
    return decibels(ratio), float(ratio)


def _shape_cell(row: Row) -> Cell:
    return "×".join(map(str, row["shape"])) or "scalar", None


def _verdict_cell(row: Row) -> Cell:
    return grade(_ratio(row))[0], None


def _several_cell(key: str) -> Callable[[Row], Cell]:
    """A single number; for several numbers, their count and their range."""

    def cell(row: Row) -> Cell:
        held = row[key]
        if len(held) > 1:
            return f"{len(held)}: {min(held):.4g} … {max(held):.4g}", float(min(held))
        return (f"{held[0]:.4g}", float(held[0])) if held else ("", None)

    return cell


def _interval_cell(row: Row) -> Cell:
    """The range that the tensor can represent as a bar, and the observed range as a thinner bar on it,
    clipped to the cell.
    """
    low, high, held = row["low"], row["high"], row["held"]
    if low is None or high is None:
        return "", None
    ends = [low, high, 0.0, *(held or ())]
    start, span = min(ends), (max(ends) - min(ends)) or 1.0
    said = f"{low:.4g} … {high:.4g}" + (f" on {held[0]:.4g} … {held[1]:.4g}" if held else "")
    bars = [("held", *held, _ROW)] if held else []
    bars.append(("seen", low, high, _SLIM))
    if held:
        cut = ((low, min(high, held[0])), (max(low, held[1]), high))
        bars += [("cut", a, b, _SLIM) for a, b in cut if a < b and b - a > 0.005 * span]
    drawn = "".join(_interval(style, (a - start) / span, (b - start) / span, tall) for style, a, b, tall in bars)
    zero = f"{100 * (0 - start) / span:.2f}%"
    line = f'<line x1="{zero}" x2="{zero}" y1="0" y2="{_ROW}"/>'
    return f'<svg role="img" aria-label="{said}" height="{_ROW}"><title>{said}</title>{drawn}{line}</svg>', high - low


def _interval(style: str, start: float, end: float, tall: int) -> str:
    at, wide, y = 100 * start, max(0.3, 100 * (end - start)), (_ROW - tall) / 2
    return f'<rect class="{style}" x="{at:.2f}%" width="{wide:.2f}%" y="{y:g}" height="{tall}"/>'


def _held_cell(row: Row) -> Cell:
    return (f"{row['held'][0]:.4g} … {row['held'][1]:.4g}" if row["held"] else ""), None


def _seen_cell(row: Row) -> Cell:
    return ("" if row["low"] is None else f"{row['low']:.4g} … {row['high']:.4g}"), None


def _signature(several: bool) -> tuple[Column, ...]:
    return (text("signature", "signature", "name"),) if several else ()


_OUTPUTS = (
    text("output", "name", "name"),
    Column("shape", _shape_cell),
    Column("signal to noise", _snr_cell, style="number"),
    figure("largest difference", "max_difference"),
    Column("grade", _verdict_cell),
)
_LAYERS = (
    text("layer", "name", "name"),
    text("made by", "op"),
    text("type", "type"),
    Column("worst input", _input_cell, style="number"),
    Column("signal to noise", _snr_cell, style="number"),
    figure("largest difference", "max_difference"),
)
_RANGES = (
    text("layer", "name", "name"),
    text("type", "type"),
    Column("scale", _several_cell("scales"), style="number"),
    Column("zero point", _several_cell("zero_points"), style="number"),
    Column("range", _interval_cell, style="range"),
    Column("seen", _seen_cell),
    Column("held", _held_cell),
    text("remark", "range_fault"),
)
