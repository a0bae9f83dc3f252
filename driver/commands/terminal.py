"""Output for the terminal: consoles, progress bars, sizes and tables. rich is imported only when it is used."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from tflir.ir.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

Row = list[Any]
"""The cells of a table's row: strings, or `rich` texts if they are coloured."""

Note = Callable[[int, int], None]
"""Called with how much is done and how much there is in total."""
_WIDE = 120
"""Columns of the output if it is not a terminal."""
_NARROWEST = 16
"""The least width of names in tables, even on a narrow terminal."""
_BLOCKS = frozenset(" ▏▎▍▌▋▊▉█")
"""The letters of which bars are made."""
_GAP = 3
"""Characters between the columns of a table."""


def error_console() -> Console:
    """A console on stderr: progress, results of checks, warnings."""
    return _console(sys.stderr)


def output_console() -> Console:
    """A console on stdout: the result of a command."""
    return _console(sys.stdout)


def _console(stream: TextIO) -> Console:
    """A console with colours only on a terminal, and not if NO_COLOR is set (https://no-color.org)."""
    from rich.console import Console

    if stream.errors == "strict" and hasattr(stream, "reconfigure"):
        cast(Any, stream).reconfigure(errors="replace")  # characters outside the terminal's encoding become ?
    plain = not stream.isatty() or bool(os.environ.get("NO_COLOR"))
    width = None if stream.isatty() or os.environ.get("COLUMNS") else _WIDE
    colours = None if plain else "auto"
    return Console(file=stream, color_system=colours, highlight=False, emoji=False, markup=False, width=width)


@contextlib.contextmanager
def progress(
    label: str, total: int | None = None, *, unit: str = "", detail: Callable[[], str] = lambda: ""
) -> Generator[Note]:
    """A bar on stderr, if that is a terminal and the work takes long; yields the function to report progress to.

    `unit`: the unit of the rate that the bar shows, as in samples per second. `detail` says more beside it.
    """
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from tflir.commands.progress_bar import Bar

    bar = Bar(label, total, unit, error_console(), detail)
    try:
        yield bar.note
    finally:
        bar.stop()


def say(line: str) -> None:
    """Prints a line on stderr without control characters, since names in models may contain any."""
    print(printable(line), file=sys.stderr)


def decibels(snr_db: float) -> str:
    """A signal-to-noise ratio: 42.1 dB; ∞ if nothing differs."""
    if math.isinf(snr_db):
        return "∞" if snr_db > 0 else "-∞"
    return f"{snr_db:.1f} dB"


def human_size(nbytes: int) -> str:
    """A human-readable size: 1.2 MB."""
    value = float(nbytes)
    for unit in ("B", "kB", "MB"):
        if value < (1000 if unit == "B" else 999.95):
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"


def percent(part: float, whole: float) -> str:
    """A share of `whole`: 12.3%; <0.1% for a small one; 0 for none; '' if `whole` is 0."""
    if not whole:
        return ""
    share = 100 * part / whole
    if not share:
        return "0"
    if 0 < share < 0.05:
        return "<0.1%"
    if 99.95 <= share < 100:
        return ">99.9%"
    return f"{share:.1f}%"


def shorten(name: str, width: int) -> str:
    """`name` in at most `width` columns: its start and its end, without the middle."""
    if len(name) <= width or width < 3:
        return name
    tail = (width - 1) * 2 // 3
    return f"{name[: width - 1 - tail]}…{name[-tail:]}"


def plain_table(
    console: Console,
    title: str,
    headers: Sequence[str],
    rows: Sequence[Row],
    *,
    flexible: int = 0,
    numbers: Sequence[int] = (),
) -> Table:
    """A table without frames: names in column `flexible` are shortened to fit, `numbers` are aligned to the right.

    On a narrow console, columns with bars are left out; a table that is still wider must be printed with `crop=False`.
    """
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, title=title, title_justify="left", title_style="bold",
        header_style="", min_width=min(console.width, cell_len(title)),
    )  # fmt: skip
    cells = [[printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    widths = [
        max(cell_len(_plain(cell)) for cell in (header, *(row[i] for row in cells))) for i, header in enumerate(headers)
    ]
    room = _room(console.width, widths, flexible)
    others = [i for i in range(len(headers)) if i != flexible]
    bars = [i for i in others if cells and all(_BLOCKS.issuperset(_plain(row[i])) for row in cells)]
    kept = [i for i in range(len(headers)) if i not in bars or room >= min(_NARROWEST, widths[flexible])]
    at = kept.index(flexible)
    widths = [widths[i] for i in kept]
    room = max(min(_NARROWEST, widths[at]), _room(console.width, widths, at))
    for i in kept:
        justify = "right" if i in numbers else "left"
        table.add_column(headers[i], justify=justify, no_wrap=i != flexible, overflow="fold")
    for row in cells:
        shown = [shorten(row[i], room) if i == flexible and isinstance(row[i], str) else row[i] for i in kept]
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in shown))
    least = sum(widths) - widths[at] + min(room, widths[at]) + _GAP * (len(widths) - 1)
    if least > console.width:  # wrapped lines are easier to read than columns of single letters
        table.width = least
    return table


def _plain(cell: Any) -> str:
    return cell if isinstance(cell, str) else cell.plain


def _room(width: int, widths: Sequence[int], flexible: int) -> int:
    """The width that remains for one column besides the others."""
    return width - sum(widths) + widths[flexible] - _GAP * (len(widths) - 1)
