"""Performs tasks on a crew: those whose worker dies are tried again, and what can't be done is told at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

from tflir.ir.errors import Error
from tflir.jobs.crew import Crew
from tflir.jobs.task import Limits, Outcome, Task

ATTEMPTS = 3
"""So often a task is tried, each time in another process."""
_AHEAD = 2
"""Tasks that are given out, for each that runs: a worker that has finished one has the next at hand."""
_LOOK = 0.5
"""Seconds between two looks at whether the workers are still there."""
_NAMED = 5
"""So many tasks that failed are named."""


@dataclass
class Tally:
    """How far a run is."""

    tasks: int | None = None
    """How many there are; None if that is not known yet."""
    done: int = 0
    failed: int = 0
    retried: int = 0
    reused: int = 0
    """Those whose results were there already."""
    samples: int = 0
    """How many samples were begun, or are in results that were there already."""
    of: int = 0
    """How many samples there are; 0 if that is not known."""
    begun: dict[int, int] = field(default_factory=dict[int, int])
    """The samples of each task that runs."""

    @property
    def all_samples(self) -> int:
        return self.samples + sum(list(self.begun.values()))

    def __str__(self) -> str:
        """`12 of 64 shards, 1 retried`"""
        count = f"{self.done + self.reused}" + (f" of {self.tasks}" if self.tasks is not None else "")
        more = (f"{number} {what}" for number, what in ((self.failed, "failed"), (self.retried, "retried")) if number)
        return ", ".join([f"{count} done", *more])


@dataclass(frozen=True)
class Failed:
    """A task that no worker could finish."""

    task: Task
    outcome: Outcome
    attempts: int

    def __str__(self) -> str:
        if self.outcome.error is not None:
            return str(self.outcome.error)
        where = f" at sample {self.outcome.sample}" if self.outcome.sample else ""
        times = f"{self.attempts} times" if self.attempts > 1 else "once"
        return f"{self.task.title} was tried {times}, and its worker died{where}: {self.outcome.death}"


def perform(
    crew: Crew,
    tasks: Iterable[Task],
    finished: Callable[[Task, Any], None],
    *,
    limits: Limits | None = None,
    tally: Tally | None = None,
    progress: Callable[[Tally], None] = lambda tally: None,
    goes_on: bool = False,
) -> list[Failed]:
    """Calls `finished` with the value of each task as soon as it is there, in any order; returns what failed.

    Tasks are taken from `tasks` as workers become free. After an exception that is an `Error` no further tasks are
    begun, unless `goes_on`; what runs is finished first. A task whose process dies is tried again, `ATTEMPTS` times in
    all; the others go on. Raises what a task raises that is no `Error`, and `Error` where no workers are left.
    """
    return _Run(crew, finished, limits or Limits(), tally or Tally(), progress, goes_on).all(iter(tasks))


class _Run:
    def __init__(
        self,
        crew: Crew,
        finished: Callable[[Task, Any], None],
        limits: Limits,
        tally: Tally,
        progress: Callable[[Tally], None],
        goes_on: bool,
    ) -> None:
        self._crew = crew
        self._finished = finished
        self._limits = limits
        self._tally = tally
        self._progress = progress
        self._goes_on = goes_on
        self._running: dict[Future[Outcome], tuple[Task, int]] = {}
        self._failed: list[Failed] = []
        self._stopped = False

    def all(self, tasks: Iterator[Task]) -> list[Failed]:
        left = True
        while True:
            while left and not self._stopped and len(self._running) < _AHEAD * self._crew.width:
                task = next(tasks, None)
                left = task is not None
                if task is not None:
                    self._begin(task, 1)
            if not self._running:
                return sorted(self._failed, key=lambda failed: failed.task.index)
            done, _ = wait(self._running, _LOOK, FIRST_COMPLETED)
            self._crew.check()
            for future in done:
                self._end(future)
            self._progress(self._tally)

    def _begin(self, task: Task, attempt: int) -> None:
        future = self._crew.submit(task, self._limits, self._note)
        self._running[future] = task, attempt

    def _note(self, index: int, count: int) -> None:
        """Is called by other threads too."""
        self._tally.begun[index] = count

    def _end(self, future: Future[Outcome]) -> None:
        task, attempt = self._running.pop(future)
        begun = self._tally.begun.pop(task.index, 0)
        outcome = _outcome(future)
        if outcome.error is not None:
            self._fail(Failed(task, outcome, attempt))
        elif not outcome.death:
            self._tally.samples += begun
            self._tally.done += 1
            self._finished(task, outcome.value)
        elif attempt < ATTEMPTS:
            self._tally.retried += 1
            self._begin(task, attempt + 1)
        else:
            self._fail(Failed(task, outcome, attempt))

    def _fail(self, failed: Failed) -> None:
        error = failed.outcome.error
        if error is not None and not isinstance(error, Error):
            raise error
        self._tally.failed += 1
        self._failed.append(failed)
        self._stopped |= error is not None and not self._goes_on


def _outcome(future: Future[Outcome]) -> Outcome:
    """A future's outcome; one that was cancelled, or whose worker is gone, counts as a death."""
    try:
        return future.result()
    except Error as error:
        return Outcome(error=error)
    except BaseException as error:  # including the cancellation of a future
        if isinstance(error, KeyboardInterrupt):
            raise
        return Outcome(death=f"{type(error).__name__}: {error}".removesuffix(": "))


def refuse(failed: list[Failed], kept: str) -> None:
    """Raises `Error` about tasks that failed: the first exception, else all deaths; `kept` says what remains."""
    for one in failed:
        if isinstance(one.outcome.error, Error):
            raise one.outcome.error
    if failed:
        named = "; ".join(str(one) for one in failed[:_NAMED])
        more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        raise Error(f"{named}{more}", hint=f"leave the sample out, or give more memory or time; {kept}")
