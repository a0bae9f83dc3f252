"""The top of the report's page: what changed, where accuracy went, and what to do next."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tflir.benchmarking import milliseconds
from tflir.commands.terminal import decibels, human_size, percent
from tflir.report.graph.ratios import SNR
from tflir.report.parts import Supplies, bars, command, graded, missing, ratio_of, track
from tflir.report.short_names import short_names
from tflir.report.verify import MEANINGS, grade

_FALLS = 6
_MEASURED = "on held-out data"
_TYPES = 6
_TALLEST = 40.0
"""dB that fill the bar of a fall."""


def what_changed(facts: Mapping[str, Any], supplies: Supplies) -> Iterator[str]:
    """Sizes, types and latency of both models."""
    yield '<section class="question" id="changed"><h2>What changed?</h2>\n'
    for remark in facts["remarks"]:
        if remark.endswith(_MEASURED):  # among the steps
            continue
        yield f'<p class="faint">{html.escape(remark)}</p>\n'
    yield '<div class="tiles">\n'
    yield from _size(facts["bytes_before"], facts["bytes_after"])
    yield from _types(facts.get("types"))
    yield from _latency(facts, supplies)
    yield "</div></section>\n"


def _size(before: int, after: int) -> Iterator[str]:
    yield "<div><h3>Size</h3>\n"
    if before and after:
        yield f'<p class="big">{before / after:.2f} to 1</p>\n'
    most = max(before, after, 1)
    rows = [
        ("before", [("was", before / most)], human_size(before)),
        ("after", [("", after / most)], human_size(after)),
    ]
    yield from bars(rows)
    if before:
        yield f'<p class="faint">{percent(after, before)} of what it was</p>\n'
    yield "</div>\n"


def _types(rows: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    yield "<div><h3>Types of constants</h3>\n"
    if rows is None:
        yield missing("Not known: only .tflite files are read back.", "-o OUT.tflite")
    else:
        shown = [row for row in rows if row["bytes_before"] or row["bytes_after"]]
        kept = [*shown[: _TYPES - 1], *_rest(shown[_TYPES - 1 :])]
        sums = {side: sum(row[f"bytes_{side}"] for row in kept) for side in ("before", "after")}
        most = max(*sums.values(), 1)
        yield from bars(
            [
                (side, [(f"t{at}", row[f"bytes_{side}"] / most) for at, row in enumerate(kept)], human_size(total))
                for side, total in sums.items()
            ]
        )
        yield '<div class="keys">'
        for at, row in enumerate(kept):
            both = f"{human_size(row['bytes_before'])} → {human_size(row['bytes_after'])}"
            yield f'<span><i class="key t{at}"></i> {html.escape(row["type"])} <span class="faint">{both}</span></span>'
        yield "</div>\n"
    yield "</div>\n"


def _rest(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What remains of the types, as one."""
    if len(rows) < 2:
        return list(rows)
    return [{"type": "others", **{key: sum(row[key] for row in rows) for key in ("bytes_before", "bytes_after")}}]


def _latency(facts: Mapping[str, Any], supplies: Supplies) -> Iterator[str]:
    yield "<div><h3>Latency</h3>\n"
    latency = facts.get("latency")
    estimated: list[float] = [one for one in facts.get("estimated_seconds") or () if one is not None]
    if latency and not latency["unknown"]:
        yield from _times(latency["before"], latency["after"])
        yield '<p class="faint">measured here: default delegate, 1 thread, the least of many runs</p>\n'
    elif len(estimated) == 2:
        yield from _times(estimated[0], estimated[1])
        yield '<p class="faint">estimated for XNNPACK, 1 thread of a Zen 4 core; '
        yield f"<code>{supplies.latency}</code> measures it</p>\n"
    elif latency:
        yield missing(f"Not known: {latency['unknown']}.")
    else:
        yield missing("Not measured.", supplies.latency)
    yield "</div>\n"


def _speed(ratio: float) -> str:
    """`1.50x faster`; without a difference in what is shown, `as fast as before`."""
    shown, word = (ratio, "faster") if ratio >= 1 else (1 / ratio, "slower")
    return "as fast as before" if f"{shown:.2f}" == "1.00" else f"{shown:.2f}x {word}"


def _times(before: float, after: float) -> Iterator[str]:
    if before and after:
        yield f'<p class="big">{_speed(before / after)}</p>\n'
    most = max(before, after) or 1.0
    rows = [
        ("before", [("was", before / most)], milliseconds(before)),
        ("after", [("", after / most)], milliseconds(after)),
    ]
    yield from bars(rows)


def where_accuracy_went(found: Mapping[str, Any] | None, pictures: Sequence[str], supplies: Supplies) -> Iterator[str]:
    """The outputs' noise, the layers where it falls most, and the places of `pictures`, elements with these names."""
    yield '<section class="question" id="accuracy"><h2>Where did accuracy go?</h2>\n'
    if not found:
        yield missing("Not known: the models were not run.", *supplies.runs)
    else:
        yield from _outputs(found, supplies)
    colour = SNR if found and found["layers"] else "bytes of constants"
    views = "".join(f'<div id="{name}" data-colour="{colour}"></div>' for name in pictures)
    if len(pictures) > 1:
        yield from _falls(found)
        yield f'<div class="pair">{views}</div>\n'
    elif pictures or (found and found["layers"]):
        yield '<div class="where"><div>\n'
        yield from _falls(found)
        yield f"</div><div>{views}</div></div>\n"
    yield "</section>\n"


def _outputs(found: Mapping[str, Any], supplies: Supplies) -> Iterator[str]:
    worst = min(found["outputs"], key=ratio_of, default=None)
    if worst is not None:
        ratio = ratio_of(worst)
        word = grade(ratio)[0]
        of = f"the worst of {len(found['outputs'])} outputs" if len(found["outputs"]) > 1 else "the output"
        yield f'<p class="big">{graded(ratio)} <span class="{word}">{word}</span></p>\n'
        name, inputs = html.escape(worst["name"]), html.escape(found["inputs"])
        yield f"<p>Signal to noise of {of}, <code>{name}</code>, on {inputs}. "
        yield f"{word}: {MEANINGS[word]}.</p>\n"
    if (accuracy := found["accuracy"]) is not None:
        before, after = (f"{100 * accuracy[key]:.4g} %" for key in ("before", "after"))
        yield f"<p>Accuracy: {before} → {after}, by the array <code>{html.escape(accuracy['labels'])}</code> "
        yield f"of {accuracy['samples']} samples.</p>\n"
    elif found["accuracy_missing"]:
        yield missing(f"Accuracy is not measured: {found['accuracy_missing']}.")
    else:
        yield missing("Accuracy is not measured: the data has no labels.", supplies.labels)
    for line in found["unmet"]:
        yield f'<p class="poor">Not met: {html.escape(line)}</p>\n'


def _falls(found: Mapping[str, Any] | None) -> Iterator[str]:
    yield "<h3>Where it falls most</h3>\n"
    layers: Sequence[Mapping[str, Any]] = found["layers"] if found else ()
    fallen = sorted((at for at, layer in enumerate(layers) if _fall(layer) > 0), key=lambda at: -_fall(layers[at]))
    if not fallen:
        yield "<p>Nowhere.</p>\n" if layers else missing("No layers to show: see below.")
        return
    short = short_names(layer["name"] for layer in layers)
    yield '<ol class="falls">\n'
    for at in fallen[:_FALLS]:
        layer = layers[at]
        ratio, fall = ratio_of(layer), _fall(layer)
        name = f'title="{html.escape(layer["name"])}">{html.escape(short[layer["name"]])}</button>'
        said = f"{decibels(ratio_of(layer, 'input_snr_db', 'input_identical'))} → {decibels(ratio)}"
        yield f'<li><button class="plain" type="button" data-layer="{at}" {name}'
        yield f'<br><span class="faint">{html.escape(layer["op"])} {html.escape(layer["type"])}:</span> {said}'
        drop = track([("", min(1.0, fall / _TALLEST))], f"falls {decibels(fall)}")
        yield f'<span class="{grade(ratio)[0]}">{drop}</span>'
        yield "</li>\n"
    yield '</ol><p class="faint">Click one to see it in the picture.</p>\n'


def _fall(layer: Mapping[str, Any]) -> float:
    return math.inf if layer["fall_db"] is None else float(layer["fall_db"])


def what_next(steps: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The steps to take, each with a command to copy."""
    yield '<section class="question" id="next"><h2>What to do next?</h2>\n'
    if not steps:
        yield missing("Not known: this report was not made by a command.")
    for step in steps:
        yield f"<p>{html.escape(step['why'])}</p>\n"
        if step["command"]:
            yield command(step["command"])
    yield "</section>\n"
