"""Runs two forms of a model side by side, segment after segment, and gives the moments of what a layer reads in both.

The values between segments stay in the child process that runs LiteRT; `Stepwise` gives them numbers.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.isolated import isolated
from tflir.backends.litert.readings import Reading, rows_of, sum_of
from tflir.backends.litert.run import Array, Runner
from tflir.ir.errors import Error

_MOST_BYTES = 1 << 27
"""The values that are held take about this much memory at most: with more, the last samples are left out."""
_SHARE = 4
"""A quarter of the rows that a reading may take are taken: both forms of a model have them."""
_LEAST_SAMPLES = 4
"""So many samples stay whatever memory they take."""


@dataclass(frozen=True)
class PairedMoments:
    """Means over the rows of a layer's input: x is a row in the first form of a model, z the same row in the second."""

    first_mean: npt.NDArray[np.float64]
    """E[x], shape `(columns,)`, or `(channels, columns)` for a depthwise convolution."""
    second_mean: npt.NDArray[np.float64]
    """E[z]."""
    second: npt.NDArray[np.float32]
    """E[z z^T], with one more dimension of `columns`."""
    change: npt.NDArray[np.float32]
    """E[(x - z) z^T]."""


Pair = tuple[bytes, bytes]
"""The same segment in both forms, each a `.tflite` without signatures."""


class Stepwise:
    """Two forms of a model, which were given the same samples."""

    def __init__(self, samples: Sequence[Mapping[int, Array]]) -> None:
        """`samples` have the inputs of the model by their numbers."""
        self._number = next(_numbers)
        isolated(_begin, self._number, list(samples))

    def step(self, models: Pair, inputs: Sequence[int], outputs: Sequence[int], last_reads: Sequence[int]) -> None:
        """Runs a segment: its outputs get these numbers, and inputs that nothing reads later are forgotten.

        Raises `Error` if the runtime can't run it.
        """
        isolated(_step, self._number, models, list(inputs), list(outputs), list(last_reads))

    def moments(self, number: int, reading: Reading, held_out: int) -> tuple[PairedMoments, PairedMoments] | None:
        """The moments of the rows of a value: over most samples, and over those held out, one of every `held_out`.

        None if it can't be read so, or if nothing is held out.
        """
        return isolated(_moments, self._number, number, reading, held_out)

    def close(self) -> None:
        """Frees the values."""
        with contextlib.suppress(Error):
            isolated(_end, self._number)


_numbers = itertools.count()


# What follows runs in the child process.

_Values = dict[int, Array]
_held: dict[int, list[tuple[_Values, _Values]]] = {}
"""The values of both forms for each sample."""


def _begin(number: int, samples: list[_Values]) -> None:
    _held[number] = [(dict(sample), dict(sample)) for sample in samples]


def _end(number: int) -> None:
    _held.pop(number, None)


def _step(number: int, models: Pair, inputs: list[int], outputs: list[int], last_reads: list[int]) -> None:
    runners = [Runner(model, fallback=True) for model in models]
    samples, total = _held[number], 0
    for at, forms in enumerate(samples):
        for runner, values in zip(runners, forms, strict=True):
            entry = runner.entries[0]
            given = {port.name: values[key] for port, key in zip(entry.inputs, inputs, strict=True)}
            made = runner.run(entry, given)
            values.update(zip(outputs, made.values(), strict=True))
            for key in last_reads:
                values.pop(key, None)
            total += sum(value.nbytes for value in values.values())
        if total > _MOST_BYTES and at + 1 >= _LEAST_SAMPLES:
            del samples[at + 1 :]


def _moments(number: int, key: int, reading: Reading, held_out: int) -> tuple[PairedMoments, PairedMoments] | None:
    samples = _held[number]
    every = min(held_out, len(samples))
    if every < 2:
        return None
    sums = [_Sums(), _Sums()]
    most = reading.most_rows(len(samples)) // _SHARE
    for at, forms in enumerate(samples):
        first, second = (rows_of(values[key], reading, most) for values in forms)
        if first is None or second is None or first.shape != second.shape:
            return None
        sums[at % every == every - 1].add(first, second)
    return sums[0].means(), sums[1].means()


class _Sums:
    """Sums over rows of both forms."""

    def __init__(self) -> None:
        self._rows = 0
        self._sums: list[Array] = []

    def add(self, first: Array, second: Array) -> None:
        """Adds rows of shape `(rows, columns)` or `(channels, rows, columns)`."""
        turned = np.swapaxes(second, -1, -2)
        sums = [
            sum_of(first),
            sum_of(second),
            np.matmul(turned, second),
            np.matmul(np.swapaxes(first - second, -1, -2), second),
        ]
        self._rows += first.shape[-2]
        self._sums = [held + one for held, one in zip(self._sums, sums, strict=True)] if self._sums else sums

    def means(self) -> PairedMoments:
        """The means over all rows."""
        first, second, products, change = (held / max(1, self._rows) for held in self._sums)
        return PairedMoments(first, second, products.astype(np.float32), change.astype(np.float32))
