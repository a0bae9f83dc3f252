"""Accuracy by several workers: each runs two models on some of the samples, and what they meet is put in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.run import Array, Model, Note, Sample
from tflir.jobs.run import Tally, refuse
from tflir.jobs.task import Task
from tflir.jobs.team import Team
from tflir.quality.accuracy import labels_met

_CHUNK = 64
"""Samples of a task: loading two models is to be little beside running them."""
Hits = npt.NDArray[np.float64]


def labels_met_by(
    team: Team,
    original: Model,
    compiled: Model,
    key: str,
    samples: Sequence[Sample],
    labels: Array,
    progress: Note | None = None,
) -> Hits:
    """As `quality.accuracy.labels_met`, by the workers of `team`."""
    models = _path(team, original), _path(team, compiled)
    starts = range(0, len(samples), _CHUNK)
    found: dict[int, Hits] = {}

    def tasks() -> Iterator[Task]:
        for at, start in enumerate(starts):
            part = list(samples[start : start + _CHUNK]), labels[start : start + _CHUNK]
            title = f"samples {start + 1} to {start + len(part[0])}"
            yield Task(at, title, met, (*models, key, *part))

    def finished(task: Task, hits: Hits) -> None:
        found[task.index] = hits

    refuse(team.run(tasks(), finished, tally=Tally(len(starts)), progress=progress), team.kept)
    return np.concatenate([found[at] for at in range(len(starts))], axis=1)


def _path(team: Team, model: Model) -> str:
    """The path of a model; one that is in memory is written to a file."""
    if not isinstance(model, bytes):
        return os.path.abspath(os.fspath(model))
    return team.results.holding(model, "compared", ".tflite")


def met(
    original: str,
    compiled: str,
    key: str,
    samples: Sequence[Sample],
    labels: Array,
    progress: Callable[[int, int], None],
) -> Hits:
    """Runs in a worker."""
    return labels_met(original, compiled, key, samples, labels)
