"""A plot of accuracy over size as SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tflir.commands.terminal import human_size

_WIDTH, _HEIGHT = 760, 330
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 14, 44
_TICKS = 5
_AROUND = 15.0
"""The line is shown so far above and below the points and the bound."""


@dataclass(frozen=True)
class Mark:
    """A point at `x` bytes and `y`, of a class of the page's style, with what is said where the pointer is on it."""

    x: float
    y: float
    style: str
    said: str


def plot(marks: Sequence[Mark], line: Sequence[tuple[float, float]], bound: float, unit: str) -> Iterator[str]:
    """The points, a line through other points, and a line at the height of `bound`; `unit` is that of heights."""
    if not marks:
        yield '<p class="missing">No model could be measured.</p>\n'
        return
    ys = [mark.y for mark in marks] + [bound]
    held = [(x, y) for x, y in line if min(ys) - _AROUND <= y <= max(ys) + _AROUND]
    xs = [mark.x for mark in marks] + [x for x, _ in held]
    ys += [y for _, y in held]
    across, up = _Axis(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT), _Axis(min(ys), max(ys), _HEIGHT - _BOTTOM, _TOP)
    label = f"{len(marks)} measurements: {unit} over bytes, the bound at {bound:g} {unit}"
    yield f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{html.escape(label)}">\n'
    for value in up.ticks():
        y = up.at(value)
        yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>\n'
    for value in across.ticks():
        yield f'<text x="{across.at(value):.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
        yield f"{human_size(round(value))}</text>\n"
    yield f'<text x="{_LEFT}" y="{_HEIGHT - 6}">size of the file →</text>'
    yield f'<text x="{_LEFT - 50}" y="{_TOP + 2}">{html.escape(unit)}</text>\n'
    if len(held) > 1:
        points = " ".join(f"{across.at(x):.1f},{up.at(y):.1f}" for x, y in held)
        yield f'<polyline class="predicted" points="{points}"/>\n'
    y = up.at(bound)
    yield f'<line class="bound" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>\n'
    for mark in sorted(marks, key=lambda mark: mark.style == "chosen"):
        radius = 7 if mark.style == "chosen" else 4.5
        yield f'<circle class="{mark.style}" cx="{across.at(mark.x):.1f}" cy="{up.at(mark.y):.1f}" r="{radius}">'
        yield f"<title>{html.escape(mark.said)}</title></circle>\n"
    yield "</svg>\n"


class _Axis:
    """A linear scale from values to pixels, with some room at both ends."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        room = 0.08 * (high - low) or max(abs(high), 1.0) * 0.1
        self.low, self.high = low - room, high + room
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        return self._start + (value - self.low) / (self.high - self.low) * (self._end - self._start)

    def ticks(self) -> list[float]:
        """Round values on the axis: multiples of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
        first = math.ceil(self.low / step)
        return [step * number for number in range(first, math.floor(self.high / step) + 1)]
