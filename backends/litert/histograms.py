"""Runs a model, counts the elements of its activations by exponent, and notes the extremes of their channels."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tflir.backends.litert.channel_ranges import Extremes, add_extremes, known
from tflir.backends.litert.isolated import Held, isolated
from tflir.backends.litert.observed import Observer
from tflir.backends.litert.run import Array, Entry, Model
from tflir.ir.histogram import Counter, Histogram

Key = tuple[str, int]


@dataclass(frozen=True)
class Watched:
    """A tensor whose elements are counted; `key` names it in the result."""

    key: Key
    name: str = ""
    """The name of the tensor, unique in its subgraph; empty for an input."""
    input: int = -1
    """The position of an input among the inputs of its subgraph."""
    counted: bool = True
    """Whether there is to be a histogram of it."""
    channels: bool = False
    """Whether the extremes of its channels are noted."""


@dataclass
class Seen:
    """What was seen of tensors, by their keys."""

    histograms: dict[Key, Histogram]
    """Of each tensor that had an element."""
    channels: dict[Key, Extremes]
    """Of each tensor that is finite and has the same channels in every sample."""


class HistogramRunner(Held):
    """A model in the child process, whose tensors are counted after each run. The default delegate is not used.

    `watched` lists the tensors by the number of their subgraph. Raises `Error` if the model can't be run.
    """

    def __init__(self, model: Model, watched: Mapping[int, list[Watched]], num_threads: int | None = None) -> None:
        self._number = next(_numbers)
        self._file = "" if isinstance(model, bytes) else str(model)
        isolated(_open, self._number, model, dict(watched), num_threads, file=self._file)
        super().__init__()

    def add(self, entry: Entry, values: Mapping[str, Array]) -> None:
        """Runs one sample, after variables were reset, and counts the elements of every tensor that has a value.

        `values` are by the names of the entry's inputs, which may be listed in another order than the file's.
        """
        plain = {name: np.asarray(value) for name, value in values.items()}
        isolated(_add, self._number, entry.key, plain, file=self._file)

    def take(self) -> Seen:
        """What was seen; counting begins anew."""
        return isolated(_take, self._number, file=self._file)

    def _close(self) -> None:
        isolated(_close, self._number)


_numbers = itertools.count()


# What follows runs in the child process.


class _Counting:
    """A model, and a counter for each of its tensors that are watched."""

    def __init__(self, model: Model, watched: dict[int, list[Watched]], num_threads: int | None) -> None:
        self._observer = Observer(model, num_threads=num_threads)
        self._watched: dict[int, dict[int, list[Watched]]] = {}
        for subgraph, wanted in watched.items():
            wiring, places = self._observer.wirings[subgraph], self._watched.setdefault(subgraph, {})
            by_name = {name: index for index, name in enumerate(wiring.names)}
            for one in wanted:
                index = by_name.get(one.name) if one.name else wiring.inputs[one.input]
                if index is not None:
                    places.setdefault(index, []).append(one)
        self._observer.watch(self._watched)
        self._entries = {entry.key: entry for entry in self._observer.entries}
        self._counters: dict[Key, Counter] = {}
        self._channels: dict[Key, Extremes] = {}

    def add(self, key: str, values: dict[str, Array]) -> None:
        for subgraph, tensor, value in self._observer.run(self._entries[key], values):
            if value.dtype == np.float32:
                for watched in self._watched[subgraph][tensor]:
                    if watched.counted:
                        self._counters.setdefault(watched.key, Counter()).add(value)
                    if watched.channels:
                        add_extremes(self._channels, watched.key, value)

    def take(self) -> Seen:
        counters, self._counters = self._counters, {}
        channels, self._channels = self._channels, {}
        found = {key: counter.histogram() for key, counter in counters.items()}
        return Seen(
            {key: histogram for key, histogram in found.items() if histogram.count},
            known(channels),
        )


_counting: dict[int, _Counting] = {}


def _open(number: int, model: Model, watched: dict[int, list[Watched]], num_threads: int | None) -> None:
    _counting[number] = _Counting(model, watched, num_threads)


def _add(number: int, key: str, values: dict[str, Array]) -> None:
    _counting[number].add(key, values)


def _take(number: int) -> Seen:
    return _counting[number].take()


def _close(number: int) -> None:
    _counting.pop(number, None)
