"""Processes that perform tasks: one that dies, takes too long or too much memory is ended and told of, nothing more."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from tflir.backends.litert.isolated import Died, Process, stay_here
from tflir.backends.litert.memory import resident_memory_of
from tflir.jobs.task import Begun, Limits, Outcome, Task

_LOOK = 0.1
"""Seconds between two looks at the memory and the time of a task."""


class Children:
    """Processes of this one. Each performs a task at a time, and is kept for the next one with what it has loaded."""

    def __init__(self) -> None:
        self._idle: deque[Process] = deque()
        self._all: set[Process] = set()
        self._closed = False

    def perform(self, task: Task, limits: Limits, begun: Begun | None = None) -> Outcome:
        """Calls the task's function in a process; `begun` is called with the number of each sample that it begins."""
        child = self._taken()
        last = 0

        def note(number: int, of: int) -> None:
            nonlocal last
            last = number
            if begun is not None:
                begun(number)

        watch = _Watch(child, limits)
        try:
            with watch:
                value = child.call(_performed, (task.folder, task.function, task.arguments), note)
        except Died as death:
            self._all.discard(child)
            return Outcome(death=watch.why or str(death), sample=last)
        except MemoryError:
            self._drop(child)
            return Outcome(death="it is out of memory", sample=last)
        except Exception as error:
            self._idle.append(child)
            return Outcome(error=error, sample=last)
        self._idle.append(child)
        return Outcome(value, sample=last)

    def close(self) -> None:
        """Ends all processes, also those that are at work in other threads."""
        self._closed = True
        while self._idle:
            self._drop(self._idle.popleft())
        for child in list(self._all):
            child.end()

    def _taken(self) -> Process:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        child = Process()
        child.call(stay_here, ())
        self._all.add(child)
        if self._closed:
            child.end()
        return child

    def _drop(self, child: Process) -> None:
        self._all.discard(child)
        child.kill()


class _Watch:
    """Ends a process that exceeds its limits while the block runs."""

    def __init__(self, child: Process, limits: Limits) -> None:
        self._child = child
        self._limits = limits
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.why = ""

    def __enter__(self) -> None:
        if self._limits.any:
            self._thread.start()

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        if self._limits.any:
            self._thread.join()

    def _look(self) -> None:
        spent = 0.0
        while not self._over.wait(_LOOK):
            spent += _LOOK
            if self._limits.seconds is not None and spent > self._limits.seconds:
                self.why = f"it takes longer than {self._limits.seconds:g} s"
            elif self._limits.bytes is not None and resident_memory_of(self._child.pid) > self._limits.bytes:
                self.why = f"it takes more than {self._limits.bytes >> 20} MB of memory"
            if self.why:
                self._child.end()
                return


def _performed(
    folder: str, function: Callable[..., Any], arguments: tuple[Any, ...], progress: Callable[[int, int], None]
) -> Any:
    """Runs in the child process."""
    with contextlib.suppress(OSError):
        os.chdir(folder)
    return function(*arguments, progress=progress)
