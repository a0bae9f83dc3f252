"""Small parts of pages: bars, commands to copy, and what is said of data that is not there."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tflir.commands.terminal import decibels
from tflir.report.verify import grade


@dataclass(frozen=True)
class Supplies:
    """What supplies data that a page lacks."""

    runs: tuple[str, ...]
    """What has both models run."""
    labels: str
    latency: str


COMPILE = Supplies(
    ("--verify", "--representative-dataset", "--test-data"), "--test-data FILE.npz --labels KEY", "--verify"
)
COMPARE = Supplies((), "--inputs FILE.npz --labels KEY", "tflir benchmark")

Part = tuple[str, float]
"""The class of a part of a bar, and its share of the track from 0 to 1."""


def missing(what: str, *supplies: str) -> str:
    """A line on data that is not there, and the options that supply it."""
    by = " or ".join(f"<code>{html.escape(option)}</code>" for option in supplies)
    verb = "supply" if len(supplies) > 1 else "supplies"
    return f'<p class="missing">{html.escape(what)}{f" {by} {verb} it." if supplies else ""}</p>\n'


def track(parts: Sequence[Part], title: str = "") -> str:
    """A bar of several parts beside each other."""
    inner = "".join(f'<i class="{style}" style="width:{100 * share:.2f}%"></i>' for style, share in parts if share > 0)
    said = f' title="{html.escape(title)}"' if title else ""
    return f'<span class="track"{said}>{inner}</span>'


def bars(rows: Sequence[tuple[str, Sequence[Part], str]]) -> Iterator[str]:
    """Bars below each other: the label, the parts, and the figure."""
    yield '<div class="bars">\n'
    for label, parts, said in rows:
        yield f'<span>{html.escape(label)}</span>{track(parts)}<span class="number">{html.escape(said)}</span>\n'
    yield "</div>\n"


def command(text: str) -> str:
    """A command with a button that copies it."""
    return f'<div class="copy"><pre>{html.escape(text)}</pre><button type="button">Copy</button></div>\n'


def ratio_of(row: Any, key: str = "snr_db", identical: str = "identical") -> float:
    """A ratio in dB of a row of facts, restored if it is infinite, which JSON can't express."""
    if row[key] is None:
        return float("inf") if row[identical] else float("-inf")
    return float(row[key])


def graded(ratio: float) -> str:
    """A ratio in dB in the colour of its grade."""
    return f'<span class="{grade(ratio)[0]}">{decibels(ratio)}</span>'


def short_path(path: str) -> str:
    """A path without all but the last of its folders."""
    return "/".join(path.split("/")[-2:])
