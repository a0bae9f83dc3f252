"""`--verify`: runs the original and the compiled model and shows how close their outputs are."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from tflir.terminal import Row, error_console, plain_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from tflir.backends.litert.compare import OutputComparison
    from tflir.backends.litert.run import Sample

# From how many dB on an output is called what, and in which colour.
_GRADES = (
    (math.inf, "identical", "green"),
    (20.0, "good", "green"),
    (10.0, "fair", "yellow"),
    (-math.inf, "poor", "red"),
)
_RANDOM_SAMPLES = 3


def grade(snr_db: float) -> tuple[str, str]:
    """What a signal-to-noise ratio is called, and the colour to print it in."""
    return next((word, colour) for least, word, colour in _GRADES if snr_db >= least)


def decibels(snr_db: float) -> str:
    """42.1 dB; ∞ where nothing differs."""
    if math.isinf(snr_db):
        return "∞" if snr_db > 0 else "-∞"
    return f"{snr_db:.1f} dB"


def verify(
    original: str | os.PathLike[str],
    compiled: str | os.PathLike[str],
    console: Console | None = None,
    samples: Sequence[Sample] | int = _RANDOM_SAMPLES,
) -> list[OutputComparison]:
    """Compares the two models' outputs on `samples`, prints them as a table and returns them.

    Raises `Error` where one of them can't be run.
    """
    from tflir.backends.litert.compare import compare_models

    found = compare_models(original, compiled, samples)
    _print(found, console or error_console(), samples)
    return found


def _print(found: Sequence[OutputComparison], console: Console, samples: Sequence[Sample] | int) -> None:
    from rich.text import Text

    what = f"{samples} random inputs" if isinstance(samples, int) else f"{len(samples)} samples"
    several = len({output.signature for output in found}) > 1
    rows: list[Row] = []
    for output in found:
        word, colour = grade(output.snr_db)
        shape = "x".join(map(str, output.shape)) or "scalar"
        ratio, verdict = Text(decibels(output.snr_db), style=colour), Text(word, style=colour)
        figures = [shape, ratio, f"{output.max_difference:.3g}", verdict]
        rows.append([*([output.signature] if several else []), output.name, *figures])
    headers = [*(["signature"] if several else []), "output", "shape", "signal to noise", "largest difference", ""]
    at = int(several)
    title = f"Outputs beside the original's, {what}"
    console.print(plain_table(console, title, headers, rows, flexible=at, numbers=(at + 2, at + 3)))
