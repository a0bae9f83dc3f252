"""Workers as an executor of `concurrent.futures`: processes of this machine, or of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from tflir.jobs.child import Children
from tflir.jobs.task import Limits, Outcome, Task

Begun = Callable[[int, int], None]
"""Is called with the index of a task and how many samples it has begun so far."""


class Crew(Protocol):
    """Workers that perform tasks."""

    @property
    def width(self) -> int:
        """How many tasks run at the same time."""
        ...

    @property
    def name(self) -> str:
        """What they are, for messages."""
        ...

    def submit(self, task: Task, limits: Limits, begun: Begun) -> Future[Outcome]:
        """Begins a task. A future that raises counts as the death of a worker."""
        ...

    def everywhere(self, task: Task, limits: Limits) -> list[Outcome]:
        """What comes of a task on every machine, or worker that may have other files than the rest."""
        ...

    def check(self) -> None:
        """Raises `Error` if there is nobody to wait for any more."""
        ...

    def close(self) -> None:
        """Ends what was started, at once."""
        ...


class LocalCrew:
    """Processes of this machine, each led by a thread."""

    def __init__(self, jobs: int) -> None:
        self.width = jobs
        self.name = f"{jobs} process{'es' * (jobs > 1)}"
        self._children = Children()
        self._threads = ThreadPoolExecutor(jobs, "tflir")

    def submit(self, task: Task, limits: Limits, begun: Begun) -> Future[Outcome]:
        def perform() -> Outcome:
            count = 0

            def one(number: int) -> None:
                nonlocal count
                count += 1
                begun(task.index, count)

            return self._children.perform(task, limits, one)

        return self._threads.submit(perform)

    def everywhere(self, task: Task, limits: Limits) -> list[Outcome]:
        return [self._threads.submit(self._children.perform, task, limits).result()]

    def check(self) -> None:
        """Threads of this process do not go away."""

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._children.close()
        self._threads.shutdown()
