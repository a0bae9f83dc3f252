"""Latency of models in LiteRT, each in a process of its own; they take turns, so that a busy moment hits all alike.

```python
for timing in measure([Job("float.tflite"), Job("int8.tflite"), Job("int8.tflite", delegate=False)], seconds=2):
    print(timing.least, timing.median, timing.error)
```
"""

from __future__ import annotations

import array
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tflir.backends.litert.compare import SEED, random_sample
from tflir.backends.litert.delegation import delegated_of
from tflir.backends.litert.isolated import Died, Process
from tflir.backends.litert.memory import peak_memory, resident_memory
from tflir.backends.litert.profiler import OpTime, profile
from tflir.backends.litert.run import Entry, Model, Note, Runner
from tflir.backends.litert.wiring import wirings
from tflir.ir.errors import Error

_TURN = 0.05
"""Seconds that a model runs before the next one has its turn."""
_LEAST_TURNS = 3


@dataclass(frozen=True)
class Job:
    """One model, and how it is run."""

    model: Model
    delegate: bool = True
    """Whether the default delegate (XNNPACK) runs what it takes; else the runtime's own kernels run all."""
    threads: int = 1
    signature: str = ""
    """The signature that is run; '' for the first."""
    profile: bool = False
    """Whether each op is timed too."""


@dataclass(frozen=True)
class Timing:
    """What came of a job. All times are wall-clock seconds; where `error` says why a model can't be run they are 0."""

    job: Job
    least: float = 0.0
    """Of all runs: what the model takes when nothing else is at work."""
    median: float = 0.0
    runs: int = 0
    load: float = 0.0
    """From the file to the end of the first run: loading, allocation, packed weights, caches that are cold."""
    memory: int = 0
    """Bytes by which the process grew, at its peak."""
    ops: int = 0
    """Operators of the first subgraph; 0 where another one is run, whose operators the runtime does not list."""
    delegated: int = 0
    """How many of them the delegate runs."""
    partitions: int = 0
    """In how many pieces the delegate runs them."""
    subgraph: int = 0
    """The one that is run: that of the signature."""
    profile: tuple[OpTime, ...] = ()
    """In the order in which they run; none where no profile was wanted, or `profile_error` says why there is none."""
    profile_error: str = ""
    error: str = ""


def measure(jobs: Sequence[Job], seconds: float = 1.0, progress: Note | None = None) -> list[Timing]:
    """Runs each job for about `seconds` in all, on random inputs, and at least a few times.

    What goes wrong with one model, a crash of the runtime included, is told in its timing. `progress` is told turns
    done and turns in all. Raises `OSError` where no process can be started.
    """
    turns = max(_LEAST_TURNS, round(seconds / _TURN))
    processes = [Process() for _ in jobs]  # all start at once: importing the runtime takes longer than most models
    try:
        found = [_loaded(process, job) for process, job in zip(processes, jobs, strict=True)]
        for turn in range(turns):
            for number, process in enumerate(processes):
                found[number] = _turn(process, found[number], seconds / turns)
            if progress is not None:
                progress(turn + 1, turns)
        return [_finished(process, timing) for process, timing in zip(processes, found, strict=True)]
    finally:
        for process in processes:
            process.kill()


def _loaded(process: Process, job: Job) -> Timing:
    return _asked(process, Timing(job), load, job)


def _turn(process: Process, timing: Timing, seconds: float) -> Timing:
    return timing if timing.error else _asked(process, timing, run, seconds)


def _finished(process: Process, timing: Timing) -> Timing:
    timing = timing if timing.error else _asked(process, timing, finish)
    if timing.error or not timing.job.profile:
        return timing
    other = Process()  # the profile loads the model once more, which does not count as memory
    job = timing.job
    try:
        return replace(
            timing, profile=tuple(other.call(profile, (job.model, job.delegate, job.threads, job.signature)))
        )
    except (Error, Died) as error:
        return replace(timing, profile_error=_said(error))
    finally:
        other.kill()


def _asked(process: Process, timing: Timing, function: Callable[..., dict[str, Any]], *arguments: Any) -> Timing:
    """The timing with what a function of the process tells of it, or with why it can't be told."""
    try:
        return replace(timing, **process.call(function, arguments))
    except (Error, Died) as error:
        return Timing(timing.job, error=_said(error))


def _said(error: Error | Died) -> str:
    """What went wrong and how to mend it, without the file, which the timing names."""
    found = error if isinstance(error, Error) else error.error()
    found.file = ""
    return str(found)


# What follows runs in the process of a model.


class _Running:
    """The model that this process runs."""

    def __init__(self) -> None:
        self.again: Callable[[], None] = lambda: None
        self.times = array.array("d")
        self.before = 0


_running = _Running()


def load(job: Job) -> dict[str, Any]:
    """Loads the model and runs it once; the fields of `Timing` that are known then."""

    _running.before = resident_memory()
    began = time.perf_counter()
    runner = Runner(job.model, delegate=job.delegate, num_threads=job.threads)
    entry = _entry(runner, job.signature)
    _running.again = runner.prepare(entry, random_sample(entry.inputs, np.random.default_rng(SEED)))
    loading = time.perf_counter() - began
    subgraph = wirings(job.model)[entry.key].subgraph
    found = delegated_of(() if subgraph else runner.operators())
    counts = {"ops": len(found.operators), "delegated": len(found.taken), "partitions": len(found.partitions)}
    return {"load": loading, "subgraph": subgraph, **counts}


def run(seconds: float) -> dict[str, Any]:
    """Runs the model for so long, at least once; the first run fills the caches and does not count."""
    clock, again, times = time.perf_counter, _running.again, _running.times
    again()
    end = clock() + seconds
    while True:
        began = clock()
        again()
        ended = clock()
        times.append(ended - began)
        if ended >= end:
            return {}


def finish() -> dict[str, Any]:
    """The figures of all runs."""
    times = _running.times
    memory = max(0, peak_memory() - _running.before)
    return {"least": min(times), "median": statistics.median(times), "runs": len(times), "memory": memory}


def _entry(runner: Runner, signature: str) -> Entry:
    found = [entry for entry in runner.entries if entry.key == signature or not signature]
    if not found:
        hint = f"there are {', '.join(entry.key for entry in runner.entries) or 'none'}"
        raise Error(f"no signature is called '{signature}'", file=runner.file, hint=hint)
    return found[0]
