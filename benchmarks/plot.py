"""Line charts on logarithmic axes, as SVG."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 150, 40, 48
_COLOURS = ("#2f7d6d", "#c2571a", "#3b5fc0", "#8a3ea8", "#7a7a7a", "#b59a00")
_STYLE = "font: 12px system-ui, sans-serif; background: #fff"
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Axis:
    """A logarithmic axis between two powers of ten, on pixels from `start` to `end`."""

    low: int
    high: int
    start: float
    end: float

    @staticmethod
    def over(values: Sequence[float], start: float, end: float) -> _Axis:
        low = math.floor(math.log10(min(values)))
        return _Axis(low, max(math.ceil(math.log10(max(values))), low + 1), start, end)

    def at(self, value: float) -> float:
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    @property
    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def line_chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> str:
    """An SVG of the lines, each with its name at the right end. All values must be above 0."""
    points = [point for line in lines.values() for point in line]
    x = _Axis.over([point[0] for point in points], _LEFT, _WIDTH - _RIGHT)
    y = _Axis.over([point[1] for point in points], _HEIGHT - _BOTTOM, _TOP)
    return "\n".join((*_frame(title, x_label, y_label), *_grid(x, y), *_lines(lines, x, y), "</svg>\n"))


def _text(x: float, y: float, text: str, **how: str) -> str:
    attributes = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in how.items())
    return f'<text x="{x:.1f}" y="{y:.1f}"{attributes}>{html.escape(text)}</text>'


def _frame(title: str, x_label: str, y_label: str) -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" style="{_STYLE}">'
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    yield _text(_LEFT, 22, title, font_weight="bold")
    yield _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 10, x_label, text_anchor="middle")
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    yield _text(16, middle, y_label, text_anchor="middle", transform=f"rotate(-90 16 {middle:.1f})")


def _grid(x: _Axis, y: _Axis) -> Iterator[str]:
    for value in x.ticks:
        at = x.at(value)
        yield f'<path d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="#ddd"/>'
        yield _text(at, _HEIGHT - _BOTTOM + 16, f"{value:,.10g}", text_anchor="middle")
    for value in y.ticks:
        at = y.at(value)
        yield f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>'
        yield _text(_LEFT - 6, at + 4, f"{value:,.10g}", text_anchor="end")


def _lines(lines: Mapping[str, Points], x: _Axis, y: _Axis) -> Iterator[str]:
    labels: list[tuple[float, str, str]] = []
    for i, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[i % len(_COLOURS)]
        placed = [(x.at(a), y.at(b)) for a, b in line]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in placed)
        yield f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for a, b in placed:
            yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>'
        labels.append((placed[-1][1] + 4, name, colour))
    lowest = 0.0
    for at, name, colour in sorted(labels):
        lowest = max(at, lowest + 15)  # names that would overlap move down
        yield _text(_WIDTH - _RIGHT + 10, lowest, name, fill=colour)
