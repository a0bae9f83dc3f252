"""Which real values the inputs of a quantized model hold: random inputs beyond them would be cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tflir.backends.litert.run import Model, Port, Runner
from tflir.backends.litert.wiring import wirings

Span = tuple[float, float]


def input_ranges(model: Model) -> dict[str, list[tuple[str, Span | None]]]:
    """By signature: the name of each input, and the range of its integers, or of those that it is quantized to.

    Raises `Error` if the runtime can't load the model.
    """
    runner, wired = Runner(model, delegate=False), wirings(model)
    found: dict[str, list[tuple[str, Span | None]]] = {}
    for entry in runner.entries:
        wiring = wired[entry.key]
        ports = runner.tensors(wiring.subgraph)
        inside = {one.inputs[0]: one.outputs[0] for one in reversed(wiring.operators) if one.kind == "QUANTIZE"}
        found[entry.key] = [(port.name, held(ports.get(inside.get(port.index, port.index)))) for port in entry.inputs]
    return found


def held(port: Port | None) -> Span | None:
    """The real values that a tensor holds; None unless it has integers with one scale."""
    if port is None or port.dtype.kind not in "iu":
        return None
    return span_of(port.dtype, port.scales.tolist(), port.zero_points.tolist())


def span_of(dtype: Any, scales: Sequence[float], points: Sequence[int]) -> Span | None:
    """The smallest and the largest real value that integers stand for; None unless there is one scale."""
    if len(scales) != 1:
        return None
    bounds, (scale,), (point,) = np.iinfo(dtype), scales, points
    return (bounds.min - point) * scale, (bounds.max - point) * scale


def for_inputs(ranges: Sequence[tuple[str, Span | None]], names: Sequence[str]) -> dict[str, Span]:
    """The ranges by the names of the original's inputs: matched by name if they are equal, else by position."""
    if {name for name, _ in ranges} != set(names):
        ranges = [(name, span) for name, (_, span) in zip(names, ranges, strict=False)]
    return {name: span for name, span in ranges if span is not None}
