"""Measures a compiled model against the float one: by noise at the logits, or by accuracy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.run import Array
from tflir.data.user_code import asked
from tflir.ir.errors import USAGE, Error
from tflir.quality.accuracy import right
from tflir.quality.measure import Answer, Reference, answers, decibels
from tflir.search.data import Part
from tflir.search.walk import Measured

Float64 = npt.NDArray[np.float64]
Outputs = list[list[Array]]
"""The outputs of each sample, in the order of the model."""
Accuracy = Callable[[Outputs], float]
_MARGIN_DB = 0.5
"""The margin where a single sample says nothing of how others differ."""


class Judge(Protocol):
    """What a bound is measured by."""

    def measure(self, model: bytes) -> Measured:
        """The value of a compiled model, and how far it would differ on as much other data."""
        ...


class SnrJudge:
    """Judges by the ratio of signal to noise at the logits, in dB."""

    def __init__(self, source: str | bytes, part: Part) -> None:
        """`source` is the float model, `part` the samples."""
        self._source = source
        self._part = part

    @cached_property
    def _reference(self) -> Reference:
        return Reference(self._source, self._part.samples)

    def measure(self, model: bytes) -> Measured:
        """The least ratio over the outputs, and its standard error."""
        by_output = self._reference.sums(model).values()
        known = [sums for sums in by_output if len(sums) and sums[:, 0].sum() > 0]
        if not known:
            raise Error("no float output of the model has a value other than 0 on this data", hint="give other data")
        worst = min(known, key=lambda sums: decibels(*sums.sum(axis=0)))
        return Measured(decibels(*worst.sum(axis=0)), standard_error(worst))

    def noise(self, model: bytes) -> list[float]:
        """The ratio of noise to signal at each output; 0 for outputs that are 0 everywhere."""
        totals = [sums.sum(axis=0) for sums in self._reference.sums(model).values()]
        return [float(noise / signal) if signal > 0 else 0.0 for signal, noise in totals]


def standard_error(sums: Float64) -> float:
    """The standard error in dB of the ratio of sums over samples: from leaving out each sample once (jackknife, Efron
    1982). `sums` has the signal and noise of each sample, shape `(samples, 2)`.
    """
    count = len(sums)
    if count < 2:
        return _MARGIN_DB
    signal, noise = (sums.sum(axis=0) - sums).T
    if not (np.isfinite(sums).all() and (signal > 0).all() and (noise > 0).all()):
        return 0.0
    ratios = 10 * np.log10(signal / noise)
    return math.sqrt((count - 1) / count * float(np.square(ratios - ratios.mean()).sum()))


class AccuracyJudge:
    """Judges by the drop of accuracy against the float model, in points of 100."""

    def __init__(self, source: str | bytes, part: Part, accuracy: Accuracy | None) -> None:
        """`accuracy` takes the outputs of all samples; None: by the labels of `part`."""
        self._source = source
        self._part = part
        self._accuracy = accuracy
        if accuracy is None and part.labels is None:
            what = "a bound on accuracy needs labels"
            hint = "put an array 'labels' into the .npz of --validation-dataset, or give --accuracy module:function"
            raise Error(what, hint=hint, status=USAGE)

    @cached_property
    def _float(self) -> Outputs:
        self._entries, found = isolated(answers, self._source, self._part.samples)
        return _by_sample(found)

    def measure(self, model: bytes) -> Measured:
        """The negative drop, and the standard error of the mean over samples, which a function does not give."""
        before = self._float
        _, found = isolated(answers, model, self._part.samples, self._entries)
        after = _by_sample(found)
        if self._accuracy is not None:
            return Measured(100 * (self._called(after) - self._called(before)), 0.0)
        gains = self._right(after) - self._right(before)
        error = float(gains.std(ddof=1)) / math.sqrt(gains.size) if gains.size > 1 else 0.0
        return Measured(100 * float(gains.mean()), 100 * error)

    def _called(self, outputs: Outputs) -> float:
        measure = self._accuracy
        assert measure is not None
        hint = "it takes a list with the outputs of each sample and returns a number from 0 to 1"
        found = asked("--accuracy fails with", hint, lambda: float(measure(outputs)))
        if not 0 <= found <= 1:
            raise Error(f"--accuracy returned {found:g}", hint=hint, status=USAGE)
        return found

    def _right(self, outputs: Outputs) -> Float64:
        """The part of each sample's labels that is met, from 0 to 1."""
        labels: Any = self._part.labels
        return np.array([right(made[0], label) for made, label in zip(outputs, labels, strict=True)], np.float64)


def _by_sample(found: Sequence[Answer]) -> Outputs:
    count = max((len(answer.outputs) for answer in found), default=0)
    return [[answer.outputs[at] for answer in found if at < len(answer.outputs)] for at in range(count)]
