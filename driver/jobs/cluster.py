"""Workers of a Dask cluster (https://distributed.dask.org), which the extra `tflir[distributed]` installs.

A worker performs each task in a process of its own, as those of one machine do: what a model does to the runtime ends
that process and not the worker. Results come back to the client, which alone writes files.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from typing import Any

from tflir import __version__
from tflir.ir.errors import USAGE, Error
from tflir.jobs.child import Children
from tflir.jobs.crew import Begun
from tflir.jobs.task import Limits, Outcome, Task

_LOCAL = "local"
_CONNECT = 20
"""Seconds until a scheduler must have answered."""
_PATIENCE = 60
"""Seconds to wait for a first worker, and for another one when the last is gone."""
_LOOK = 2.0
"""Seconds between two questions for the number of workers."""
_TELL = 0.5
"""Seconds between two messages of a worker about how far it is."""


def connect(address: str, say: Callable[[str], None]) -> DaskCrew:
    """The workers of a cluster: `local`, `local:4`, the address of a scheduler, or a scheduler file that ends in .json.

    `say` is told where the dashboard is. Raises `Error` if Dask is not installed, if no scheduler answers, or if there
    are no workers.
    """
    distributed = _distributed()
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what matters is told by exceptions
    cluster = None
    if address.partition(":")[0] == _LOCAL:
        count = int(address.partition(":")[2] or os.cpu_count() or 1)
        how: dict[str, Any] = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
        cluster = distributed.LocalCluster(n_workers=count, threads_per_worker=1, processes=True, **how)
        where: dict[str, Any] = {"address": cluster.scheduler_address}
    elif address.endswith(".json"):
        if not os.path.isfile(address):
            what = "is no scheduler file"
            raise Error(what, file=address, hint="dask scheduler --scheduler-file writes one", status=USAGE)
        where = {"scheduler_file": address}
    else:
        where = {"address": address}
    try:
        client = distributed.Client(**where, timeout=_CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = "start one with dask scheduler, or check the address"
        raise Error(f"no Dask scheduler answers: {said}", file=address, hint=hint) from None
    try:
        return DaskCrew(address, client, cluster, say)
    except BaseException:
        _closed(client, cluster)
        raise


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        what = f"--scheduler needs Dask, which can't be imported: {error}"
        raise Error(what, hint="pip install 'tflir[distributed]'", status=USAGE) from None


class DaskCrew:
    """The workers of a cluster as a `Crew`."""

    def __init__(self, address: str, client: Any, cluster: Any, say: Callable[[str], None]) -> None:
        self._address = address
        self._client = client
        self._cluster = cluster
        self._topic = f"tflir-{uuid.uuid4().hex}"
        self._begun: Begun = lambda index, count: None
        self._asked = 0.0
        self._alone_since: float | None = None
        self.width = 0
        try:
            client.wait_for_workers(1, timeout=_PATIENCE)
        except TimeoutError:
            raise Error("has no workers", file=address, hint="start some with dask worker") from None
        workers = self._workers()
        self.name = f"{len(workers)} Dask worker{'s' * (len(workers) > 1)}"
        say(f"{self.name}, {self.width} tasks at a time; dashboard: {client.dashboard_link or 'none'}")
        client.subscribe_topic(self._topic, self._told)
        self._executor: Executor = client.get_executor(pure=False)

    def submit(self, task: Task, limits: Limits, begun: Begun) -> Future[Outcome]:
        self._begun = begun
        return self._executor.submit(perform, task, limits, self._topic, __version__)

    def everywhere(self, task: Task, limits: Limits) -> list[Outcome]:
        while True:
            futures: dict[str, Future[Outcome]] = {}
            for worker in self._workers():
                executor: Executor = self._client.get_executor(pure=False, workers=[worker], allow_other_workers=False)
                futures[worker] = executor.submit(perform, task, limits, self._topic, __version__)
            seen = [self._seen(worker, future) for worker, future in futures.items()]
            if found := [outcome for outcome in seen if outcome is not None]:
                return found
            self.check()

    def _seen(self, worker: str, future: Future[Outcome]) -> Outcome | None:
        """What came of a task of one worker; None if that worker is gone."""
        while not wait([future], _LOOK).done:
            self.check()
            if worker not in self._workers():
                future.cancel()
                return None
        try:
            return future.result()
        except BaseException as error:  # including a cancellation
            if isinstance(error, KeyboardInterrupt):
                raise
            self.check()
            if worker not in self._workers():
                return None
            what = f"worker {worker} can't begin: {type(error).__name__}: {error}"
            raise Error(what, hint=f"install tflir {__version__} there, with what it needs") from None

    def check(self) -> None:
        if self._client.status != "running":
            hint = "start it and run again: with --work what is done is kept"
            raise Error("the scheduler is gone", file=self._address, hint=hint)
        now = time.monotonic()
        if now - self._asked < _LOOK:
            return
        if self._workers():
            self._alone_since = None
            return
        self._alone_since = self._alone_since or now
        if now - self._alone_since > _PATIENCE:
            raise Error("has no workers any more", file=self._address, hint="start some with dask worker")

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._client.unsubscribe_topic(self._topic)
            if self._client.status == "running":
                self._client.run(release)
        _closed(self._client, self._cluster)

    def _workers(self) -> list[str]:
        self._asked = time.monotonic()
        try:
            threads: dict[str, int] = self._client.nthreads()
        except Exception:  # the scheduler is gone: `check` says so next time
            return []
        self.width = max(1, sum(threads.values()))
        return list(threads)

    def _told(self, event: tuple[float, tuple[int, int]]) -> None:
        self._begun(*event[1])


def _closed(client: Any, cluster: Any) -> None:
    for one in (client, cluster):
        if one is not None:
            with contextlib.suppress(Exception):
                one.close(timeout=_CONNECT)


# What follows runs in a worker.

_children = Children()


def perform(task: Task, limits: Limits, topic: str, version: str) -> Outcome:
    """Performs a task in a process of this worker, and tells those who listen to `topic` how far it is."""
    from dataclasses import replace

    worker = _distributed().get_worker()
    if version != __version__:
        what = f"worker {worker.address} has tflir {__version__}, this is {version}"
        return Outcome(error=Error(what, hint="install the same version"), worker=worker.address)
    count, told = 0, 0.0

    def begun(number: int) -> None:
        nonlocal count, told
        count += 1
        now = time.monotonic()
        if now - told > _TELL:
            told = now
            worker.log_event(topic, (task.index, count))

    return replace(_children.perform(task, limits, begun), worker=worker.address)


def release() -> None:
    """Ends the processes of this worker, with what they have loaded."""
    global _children
    _children.close()
    _children = Children()
