"""What is given to a worker, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Begun = Callable[[int], None]
"""Is called with the number of a sample, from 1, before it is run."""


@dataclass(frozen=True)
class Task:
    """A call of a function of a module, whose result depends on the arguments alone."""

    index: int
    """Its place among all tasks of a run."""
    title: str
    """Its name in messages: `shard 3 of 64`."""
    function: Callable[..., Any]
    """Its parameter `progress` is called with the number of each sample that it begins, and 0."""
    arguments: tuple[Any, ...] = ()
    folder: str = ""
    """The working folder of the function, if there is such a one where the worker runs."""


@dataclass(frozen=True)
class Limits:
    """What one task may take; None: no limit."""

    seconds: float | None = None
    bytes: int | None = None
    """Of memory."""

    @property
    def any(self) -> bool:
        return self.seconds is not None or self.bytes is not None


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt at a task: a value, an exception that the function raised, or the end of its process."""

    value: Any = None
    error: Exception | None = None
    death: str = ""
    """Why the process ended, if it did."""
    sample: int = 0
    """The number of the sample that was begun last; 0 if none was."""
    worker: str = ""
    """The address of the worker, if it has one."""
