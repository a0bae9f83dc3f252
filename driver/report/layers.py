"""The section of layers on a page, and its data: every activation that both models have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tflir.report.graph.page import data
from tflir.report.graph.ratios import Place
from tflir.report.parts import Supplies, missing, ratio_of
from tflir.report.short_names import short_names

IDENTICAL = 1000.0
"""What stands for an infinite ratio in dB."""
Places = tuple[Place | None, Place | None]
"""The nodes of a layer in the graphs of the original and of the compiled model."""


def layers_section(found: Mapping[str, Any] | None, places: Sequence[Places], supplies: Supplies) -> Iterator[str]:
    """The table, the chart and the filters of `found`, the facts of a verification; or why there are none.

    `places` are the nodes of each layer, none if no graph is shown.
    """
    yield '<h2 id="layers">Layers</h2>\n'
    if not found:
        yield missing("No layers: the models were not run.", *supplies.runs)
        return
    if found["layers_missing"]:
        yield missing(f"Layers can’t be compared: {found['layers_missing']}.")
        return
    if not found["layers"]:
        yield missing("No layers: the compiled model is not quantized, so they compute the same.")
        return
    yield f'<p class="faint">Every activation on {found["inputs"]}, beside that of the original. '
    yield "Click a name for its scale and what it ranges over.</p>\n"
    yield '<div id="layer-list"></div>\n<noscript><p class="missing">A script of this page draws them.</p></noscript>\n'
    yield data("layer-data", _rows(found, places))


def _rows(found: Mapping[str, Any], places: Sequence[Places]) -> list[list[Any]]:
    """A row for each layer, in the order in which the script of the page names its parts."""
    layers = found["layers"]
    several = len({layer["signature"] for layer in layers}) > 1
    short = short_names(layer["name"] for layer in layers)
    skip = {suggestion["name"] for suggestion in found["skip"]}
    return [
        [
            short[layer["name"]],
            layer["name"],
            layer["signature"] if several else "",
            layer["op"],
            layer["type"],
            _bounded(ratio_of(layer, "input_snr_db", "input_identical")),
            _bounded(ratio_of(layer)),
            _rounded(layer["fall_db"]) if layer["fall_db"] is not None else IDENTICAL,
            layer["max_difference"],
            layer["low"],
            layer["high"],
            layer["held"],
            _several(layer["scales"]),
            _several(layer["zero_points"]),
            layer["range_fault"],
            int(layer["name"] in skip),
            list(places[at]) if places else [None, None],
        ]
        for at, layer in enumerate(layers)
    ]


def _bounded(ratio: float) -> float:
    return _rounded(max(-IDENTICAL, min(IDENTICAL, ratio)))


def _rounded(value: float) -> float:
    return round(value, 3)


def _several(held: Sequence[float]) -> str:
    """A single number; for several numbers, their count and their range."""
    if len(held) > 1:
        return f"{len(held)}: {min(held):.4g} … {max(held):.4g}"
    return f"{held[0]:.4g}" if held else ""
