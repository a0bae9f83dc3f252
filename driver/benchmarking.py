"""`tflir.benchmark`: how long runs of models take in LiteRT, and what `--verify` says about it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflir.ir.errors import USAGE, Error

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.backends.litert.run import Model, Note
    from tflir.backends.litert.timing import Timing

SECONDS = 2.0
_BRIEFLY = 0.15
"""Seconds of runs of each model for one line about latency; starting the processes takes about as long."""


def benchmark(
    models: Sequence[str | os.PathLike[str] | bytes | ModuleOp],
    *,
    seconds: float = SECONDS,
    threads: int = 1,
    no_delegate: bool = False,
    profile: bool = False,
    signature: str = "",
    progress: Note | None = None,
) -> list[Timing]:
    """Runs models in LiteRT on random inputs, each for `seconds`, and says how long a run takes.

    A model is the path of a `.tflite` or `.mlir`, its bytes, or a module. Each has a process of its own, and they take
    turns. Of each there is one `Timing`, in the order of `models`: `least` and `median` seconds of a run, `load`,
    `memory`, how much the default delegate runs. With `no_delegate` each is followed by one of the runtime's own
    kernels; with `profile` each has the times of its ops. A model that can't be run has an `error` instead. Raises
    `Error` where a model is not valid, and where `seconds` or `threads` are not above 0.
    """
    from tflir.backends.litert.timing import Job, measure
    from tflir.comparison import runnable

    if not (seconds > 0 and threads > 0):
        raise Error(f"seconds = {seconds}, threads = {threads}: both must be above 0", status=USAGE)
    kinds = (True, False) if no_delegate else (True,)
    jobs = [
        Job(model, delegate, threads, signature, profile)
        for model in [runnable(model) for model in models]
        for delegate in kinds
    ]
    try:
        return measure(jobs, seconds, progress)
    except OSError as error:
        raise Error(f"no process can be started to run models in: {error}") from None


@dataclass(frozen=True)
class Latency:
    """The least seconds that a run of two models takes, with the default delegate and one thread."""

    before: float = 0.0
    after: float = 0.0
    unknown: str = ""
    """Why it is not known; '' if it is."""

    def __str__(self) -> str:
        if self.unknown:
            return f"latency: not known: {self.unknown}"
        times = f"{milliseconds(self.before)} -> {milliseconds(self.after)} ({self.after / self.before:.2f})"
        return f"latency: {times}, default delegate, 1 thread"


def brief_latency(original: Model, compiled: Model) -> Latency:
    """The latency of two models, briefly measured; why it is not known where one of them can't be run."""
    from tflir.backends.litert.timing import Job, measure

    try:
        before, after = measure([Job(original), Job(compiled)], _BRIEFLY)
    except OSError as error:
        return Latency(unknown=str(error))
    for timing, which in ((before, "the original"), (after, "the result")):
        if timing.error:
            return Latency(unknown=f"{which}: {timing.error}")
    return Latency(before.least, after.least)


def milliseconds(seconds: float) -> str:
    """A time as people read it: 3.12 ms, 41.7 us."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        value = seconds * factor
        if value >= 1 or unit == "us":
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
    return ""
