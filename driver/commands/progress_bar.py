"""A progress bar that appears when work takes long: how much is done, at which rate, and the time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 1.0
"""Seconds of work before a bar appears."""
_TICK = 0.5
"""Seconds between changes of the time where nothing is done."""


class Bar:
    """A progress bar that appears after `PATIENCE` seconds of work, also if nothing is done until then."""

    def __init__(self, label: str, total: int | None, unit: str, console: Console, detail: Callable[[], str]) -> None:
        """`unit` is that of the rate; '' shows none. `detail` says more beside it."""
        self._label = label
        self._unit = unit
        self._detail = detail
        self._total = total
        self._console = console
        self._began = time.monotonic()
        self._done, self._of = 0, 0
        self._lock = threading.Lock()
        self._shown: Any = None
        self._task: Any = None
        self._end = threading.Event()
        threading.Thread(target=self._show, daemon=True).start()

    def note(self, done: int, of: int) -> None:
        """Says how much is done of how much in total (0: not known)."""
        with self._lock:
            if done < self._done:  # another round begins
                self._began = time.monotonic()
            self._done, self._of = done, of
            if self._shown is not None:
                self._shown.update(self._task, **self._state())

    def stop(self) -> None:
        """Removes the bar."""
        self._end.set()
        with self._lock:
            if self._shown is not None:
                self._shown.stop()

    def _show(self) -> None:
        """Waits, shows the bar, and lets its time go on where nothing is done."""
        if self._end.wait(PATIENCE):
            return
        from rich.progress import BarColumn, Progress, TextColumn

        columns = [TextColumn("{task.description}"), BarColumn(), *map(_text, ("part", "rate", "time"))]
        with self._lock:
            if self._end.is_set():
                return
            self._shown = Progress(*columns, console=self._console, transient=True)
            self._task = self._shown.add_task(self._label, **self._state())
            self._shown.start()
        while not self._end.wait(_TICK):
            with self._lock:
                if not self._end.is_set():
                    self._shown.update(self._task, **self._state())

    def _state(self) -> dict[str, Any]:
        total = self._total or self._of or None
        spent = time.monotonic() - self._began
        part = "" if total is None else f"{100 * self._done / total:3.0f}%"
        rate = f"{self._done / spent:.2g} {self._unit}/s" if self._unit and self._done else ""
        rate = "  ".join(part for part in (rate, self._detail()) if part)
        return {"completed": self._done, "total": total, "part": part, "rate": rate, "time": self._time(total, spent)}

    def _time(self, total: int | None, spent: float) -> str:
        """The time left at the rate so far, or the time spent where that is not known."""
        if total is None or not 0 < self._done <= total:
            return f"{clock(spent)} so far"
        return f"{clock(spent * (total - self._done) / self._done)} left"


def _text(field: str) -> Any:
    from rich.progress import TextColumn

    return TextColumn("{task.fields[" + field + "]}")


def clock(seconds: float) -> str:
    """`0:07`, `12:00`, `1:02:03`"""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
