"""How many labels of a dataset two models meet: their accuracy, where the data says what is right."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.compare import counterpart, matched_outputs, renamed
from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.run import Array, Model, Note, Runner, Sample
from tflir.data.npz import Archive
from tflir.ir.errors import USAGE, Error
from tflir.quality.measure import Samples

LABELS = "labels"
"""The array of an `.npz` that holds labels, unless another is named."""
MOST_SAMPLES = 4096
"""At most so many samples are run for an accuracy: each is right or wrong, which says less than a ratio."""
_ARCHIVE = ".npz"


@dataclass(frozen=True)
class Accuracy:
    """The share of labels, from 0 to 1, that two models meet with their first output."""

    before: float
    after: float
    samples: int
    labels: str
    """The name of the array of labels."""

    @property
    def drop(self) -> float:
        """By how many points of 100 the second is below the first."""
        return 100 * (self.before - self.after)

    def __str__(self) -> str:
        """`accuracy: 97.3 % -> 96.8 % (0.5 points lower)`"""
        change = f"{abs(self.drop):.3g} points {'lower' if self.drop > 0 else 'higher'}" if self.drop else "the same"
        return f"accuracy: {100 * self.before:.4g} % -> {100 * self.after:.4g} % ({change})"


def labels_of(source: Any, key: str = LABELS) -> Array | None:
    """The array of labels of an `.npz`; None if the data is something else, or has none of this name."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = pathlib.Path(os.fspath(cast("str | os.PathLike[str]", source)))
    if path.suffix.lower() != _ARCHIVE or not path.is_file():
        return None
    archive = Archive(path)
    return np.asarray(archive.whole([key])[key]) if key in archive.names else None


def right(output: Array, label: Array) -> float:
    """The part of labels that an output meets: the place of the largest of the last axis, or, of probabilities one for
    each label, whether they are above a half. Raises `Error` (status 2) if the shapes fit neither, or if no label is a
    place.
    """
    wanted = np.asarray(label)
    if output.size == wanted.size and output.size:
        return float(((output.reshape(wanted.shape) > 0.5) == (wanted > 0.5)).mean())
    places = max(output.shape[-1] if output.ndim else 1, 1)
    if wanted.size and output.size // places == wanted.size:
        if not ((wanted >= 0) & (wanted < places) & (wanted == np.floor(wanted))).any():
            what = f"label {wanted.reshape(-1)[0]} for rows of {places} elements, which no output can meet"
            hint = f"a label is the place of the largest element of a row, from 0 to {places - 1}"
            raise Error(what, hint=hint, status=USAGE)
        return float((output.argmax(axis=-1).reshape(wanted.shape) == wanted).mean())
    what = f"labels of shape {wanted.shape} for outputs of shape {output.shape}"
    hint = "a label is the place of the largest element, one for each row of the first output"
    raise Error(what, hint=hint, status=USAGE)


def labelled_signature(samples: Samples, key: str = LABELS) -> str:
    """The only signature that has samples, which the labels in array `key` are for. Raises `Error` (status 2) if there
    are several.
    """
    used = [name for name, part in samples.items() if part]
    if len(used) == 1:
        return used[0]
    what = f"array '{key}' is for one signature, and the data is for {' and '.join(map(repr, used)) or 'none'}"
    raise Error(what, hint="call the arrays of the samples KEY/INPUT, KEY being the signature's", status=USAGE)


def check_labels(labels: Array, count: int, key: str = LABELS) -> None:
    """Raises `Error` (status 2) if the array `key` has no axis of labels, or fewer labels than there are samples."""
    if not labels.shape or len(labels) < count:
        what = f"array '{key}' has {len(labels) if labels.shape else 'no axis of'} labels for {count} samples"
        raise Error(what, hint="give one for each sample", status=USAGE)


Meet = Callable[[Model, Model, str, Sequence[Sample], Array, Note | None], npt.NDArray[np.float64]]
"""Gives what `labels_met` does for the same parameters."""


def measure_accuracy(
    original: Model,
    compiled: Model,
    samples: Samples,
    labels: Array,
    key: str,
    *,
    progress: Note | None = None,
    meet: Meet | None = None,
) -> Accuracy:
    """Runs both models on the samples of the one signature that has any, with the default delegate.

    The i-th of `labels`, the array `key`, is for the i-th sample. `meet` runs them, by default in one process.
    `progress` is called with the number of runs done and of all runs. Raises `Error` if several signatures have
    samples, if there are fewer labels, or if they do not fit.
    """
    used = labelled_signature(samples, key)
    part = list(samples[used])
    check_labels(labels, len(part), key)
    file = "" if isinstance(compiled, bytes) else os.fspath(compiled)
    run = original, compiled, used, part, labels[: len(part)]
    hits = meet(*run, progress) if meet is not None else isolated(labels_met, *run, progress=progress, file=file)
    before, after = hits.mean(axis=1).tolist()
    return Accuracy(before, after, len(part), key)


def labels_met(
    original: Model, compiled: Model, key: str, samples: Sequence[Sample], labels: Array, progress: Note | None = None
) -> npt.NDArray[np.float64]:
    """What both models meet of the labels of each sample, from 0 to 1: shape `(2, samples)`; runs in this process."""
    runner = Runner(original)
    entry = next(one for one in runner.entries if one.key == key)
    met = np.zeros((2, len(samples)))
    for row in range(2):
        if row:
            del runner  # both models at once would take the memory of both
            runner = Runner(compiled)
        own = counterpart(entry, runner)
        output = matched_outputs(entry, own)[0].name
        for at, sample in enumerate(samples):
            met[row, at] = right(runner.run(own, renamed(sample, entry, own))[output], labels[at])
            if progress is not None:
                progress(row * len(samples) + at + 1, 2 * len(samples))
    return met
