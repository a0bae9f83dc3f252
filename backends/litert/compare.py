"""How close a compiled model's outputs are to the original's: signal-to-noise ratio on the same inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.input_ranges import Span, for_inputs, input_ranges
from tflir.backends.litert.run import Array, Entry, Model, Note, Port, Runner, Sample
from tflir.ir.errors import Error

Samples = Mapping[str, Sequence[Sample]] | Sequence[Sample] | int
"""Inputs by signature, or a list of inputs for every signature that has all of them, or the number of random inputs."""
SEED = 7
RANDOM_SAMPLES = 3
"""How many random inputs are made by default."""
_MOST_COLUMNS = 1 << 12
_DIFFERS = 10.0
"""Columns are compared separately if the values of one are this many times larger than those of another."""
_FULL_RANGE = 2
"""Random integers of up to this many bytes take every value, as quantized data does; wider ones are ids and must be
small."""


@dataclass(frozen=True)
class OutputComparison:
    """One output of both models, over all samples."""

    signature: str
    """The signature's key; empty if the model has none."""
    name: str
    shape: tuple[int, ...]
    """Of the original's output on the last sample."""
    snr_db: float
    """10 log10(Σ y² / Σ (x - y)²), y the original's; infinite where the two are identical."""
    max_difference: float
    random: bool = False
    """Whether the inputs were random."""
    column: int | None = None
    """The index of the last dimension with the lowest ratio; None if all indices have values of similar magnitude."""
    column_snr_db: float = math.inf
    """The ratio of that column: columns of large values would hide the errors in one of small values."""

    @property
    def least_db(self) -> float:
        """The lower of the two ratios."""
        return min(self.snr_db, self.column_snr_db)


def random_sample(
    inputs: Sequence[Port], rng: np.random.Generator, within: Mapping[str, Span] = MappingProxyType({})
) -> dict[str, Array]:
    """Random values that are valid for every model with these inputs; floats in a range that is known, else in -1 … 1.

    Raises `Error` for strings.
    """
    return {port.name: _random(port, rng, within.get(port.name, (-1, 1))) for port in inputs}


def _random(port: Port, rng: np.random.Generator, span: Span = (-1, 1)) -> Array:
    shape, dtype = tuple(max(size, 1) if size < 0 else size for size in port.shape), port.dtype
    if dtype.kind == "f":
        return rng.uniform(*span, shape).astype(dtype)
    if dtype.kind == "c":
        return (rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize <= _FULL_RANGE:
        bounds = np.iinfo(dtype)
        return rng.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)
    if dtype.kind in "iub":
        return rng.integers(0, 2, shape).astype(dtype)
    kind = "string" if dtype.kind in "SOU" else str(dtype)
    raise Error(f"no random data for {kind} inputs", location=port.name, hint="give a dataset")


class Tally:
    """Signal and noise of one tensor, summed over samples; with `columns`, of each index of its last dimension too."""

    def __init__(self, *, columns: bool = False) -> None:
        self.shape: tuple[int, ...] = ()
        self.signal = 0.0
        self.noise = 0.0
        self.worst = 0.0
        self._columns: Columns | None = Columns() if columns else None

    def add(self, original: Array, compiled: Array) -> None:
        """Adds the values of one sample; elements that are not finite count only if they differ."""
        self.shape = original.shape
        if original.shape != compiled.shape:
            self.noise = self.worst = math.inf
            return
        y, x = _numbers(original, compiled)
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0, np.abs(x - y))
        difference = np.where(np.isnan(difference), np.inf, difference)
        known = y[np.isfinite(y)]
        self.signal += float(np.vdot(known, known).real)
        self.noise += float(np.vdot(difference, difference).real)
        self.worst = max(self.worst, float(difference.max(initial=0)))
        if self._columns is not None:
            self._columns.add(y, difference)

    @property
    def snr_db(self) -> float:
        """10 log10(Σ y² / Σ (x - y)²); infinite if nothing differs, -infinite if there is no signal."""
        return _decibels(self.signal, self.noise)

    @property
    def worst_column(self) -> tuple[int | None, float]:
        """The worst column and its ratio, if columns differ much in magnitude."""
        return self._columns.worst() if self._columns is not None else (None, math.inf)


class Columns:
    """Signal and noise of each index of the last dimension."""

    def __init__(self) -> None:
        self._sums: Array | None = None
        """Rows of signal, noise and largest magnitude of each column."""
        self._usable = True
        self._shares = True
        """Whether all values are in 0 … 1 like probabilities, of which small ones matter little."""

    def add(self, values: Array, difference: Array) -> None:
        """Adds the values of one sample, and their differences from the compiled model's."""
        count = values.shape[-1] if values.ndim else 0
        differs = self._sums is not None and self._sums.shape[1] != count
        self._usable &= 1 < count <= _MOST_COLUMNS and values.dtype.kind == "f" and not differs
        if not self._usable or not values.size:
            return
        rows, noise = values.reshape(-1, count), np.square(difference.reshape(-1, count)).sum(0)
        rows = np.where(np.isfinite(rows), rows, 0)
        self._shares &= bool(rows.min() >= 0 and rows.max() <= 1)
        sums = np.stack([np.square(rows).sum(0), noise, np.abs(rows).max(0)])
        if self._sums is not None:
            sums = np.concatenate([sums[:2] + self._sums[:2], np.maximum(sums[2:], self._sums[2:])])
        self._sums = sums

    def worst(self) -> tuple[int | None, float]:
        """The column of the lowest ratio; None if all have about the same magnitude."""
        if self._sums is None or not self._usable or self._shares:
            return None, math.inf
        signal, noise, size = self._sums
        live = np.flatnonzero(signal)
        if live.size < 2 or size[live].max() < _DIFFERS * size[live].min():
            return None, math.inf
        column = min(live.tolist(), key=lambda at: _decibels(signal[at], noise[at]))
        return column, _decibels(signal[column], noise[column])


def _decibels(signal: float, noise: float) -> float:
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal and math.isfinite(noise) else -math.inf


def _numbers(original: Array, compiled: Array) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Both as float64 or complex128; strings become 1, and 1 where they are equal, else 0."""
    if original.dtype.kind in "SOU":
        return np.ones(original.shape), (original == compiled).astype(np.float64)
    kind = np.complex128 if original.dtype.kind == "c" else np.float64
    return original.astype(kind), compiled.astype(kind)


def compare_models(
    original: Model,
    compiled: Model,
    samples: Samples = RANDOM_SAMPLES,
    *,
    seed: int = SEED,
    progress: Note | None = None,
) -> list[OutputComparison]:
    """Compares every output of every signature of `original` with that of `compiled`, on the same inputs.

    `samples` is a list of inputs by name, such lists by signature, or the number of random inputs. A signature without
    samples for all of its inputs runs on random ones, in the ranges that the inputs of `compiled` hold. `progress` is
    called with the number of runs done and of all runs. Raises `Error` if a model can't be run, or if the compiled one
    lacks a signature or an output.
    """
    reference = Runner(original)
    inputs = all_samples(reference.entries, compiled, samples, seed)
    step = _steps(2 * sum(len(part) for part in inputs.values()), progress)
    wanted = [[step(reference.run(entry, sample)) for sample in inputs[entry.key]] for entry in reference.entries]
    entries = reference.entries
    del reference  # both models at once would take the memory of both
    runner = Runner(compiled)
    comparisons: list[OutputComparison] = []
    for entry, expected in zip(entries, wanted, strict=True):
        other = counterpart(entry, runner)
        tallies = [Tally(columns=True) for _ in entry.outputs]
        made_up = not _given_for(entry, samples)
        for sample, values in zip(inputs[entry.key], expected, strict=True):
            results = step(runner.run(other, renamed(sample, entry, other)))
            for tally, mine, output in zip(tallies, entry.outputs, matched_outputs(entry, other), strict=True):
                tally.add(values[mine.name], results[output.name])
        comparisons += [
            OutputComparison(entry.key, port.name, tally.shape, tally.snr_db, tally.worst, made_up, *tally.worst_column)
            for port, tally in zip(entry.outputs, tallies, strict=True)
        ]
    return comparisons


def _steps(total: int, progress: Note | None) -> Callable[[dict[str, Array]], dict[str, Array]]:
    """A function that returns the results of a run unchanged and reports the run to `progress`."""
    done = itertools.count(1)

    def step(results: dict[str, Array]) -> dict[str, Array]:
        if progress is not None:
            progress(next(done), total)
        return results

    return step


def all_samples(
    entries: Sequence[Entry], compiled: Model, samples: Samples, seed: int = SEED
) -> dict[str, Sequence[Sample]]:
    """The samples for each entry of the original, or random ones if there are none, in the ranges that the inputs of
    `compiled` hold: it would cut other values, of which it knows nothing.

    Raises `Error` if random ones would have to be strings, or if the runtime can't load `compiled`.
    """
    given = {entry.key: _given_for(entry, samples) for entry in entries}
    ranges = {} if all(given.values()) else input_ranges(compiled)
    count = samples if isinstance(samples, int) else RANDOM_SAMPLES
    return {
        entry.key: given[entry.key] or _random_samples(entry, count, seed, ranges.get(entry.key, ()))
        for entry in entries
    }


def _random_samples(entry: Entry, count: int, seed: int, ranges: Sequence[tuple[str, Span | None]]) -> Sequence[Sample]:
    rng = np.random.default_rng(seed)
    within = for_inputs(ranges, [port.name for port in entry.inputs])
    # Random integers of a quantized input are passed as floats: the compiled model may quantize them otherwise.
    random_samples = [random_sample(entry.inputs, rng, within) for _ in range(count)]
    return [{port.name: port.decode(sample[port.name]) for port in entry.inputs} for sample in random_samples]


def _given_for(entry: Entry, samples: Samples) -> Sequence[Sample]:
    """The samples for `entry`; none if one of them lacks one of its inputs."""
    if isinstance(samples, int):
        return ()
    candidates = samples.get(entry.key, ()) if isinstance(samples, Mapping) else samples
    return candidates if all(_complete(entry, sample) for sample in candidates) else ()


def _complete(entry: Entry, sample: Sample) -> bool:
    return all(port.name in sample or port.tensor in sample for port in entry.inputs)


def counterpart(entry: Entry, runner: Runner) -> Entry:
    """The compiled model's entry for `entry`, with as many inputs and outputs. Raises `Error` if there is none."""
    for other in runner.entries:
        if other.key == entry.key:
            if len(other.inputs) == len(entry.inputs) and len(other.outputs) == len(entry.outputs):
                return other
            break
    what = f"signature '{entry.key}'" if entry.key else "its one way in"
    raise Error(f"{what} is not what it is in the original", file=runner.file)


def renamed(sample: Sample, entry: Entry, other: Entry) -> Sample:
    """`sample` with the input names of the compiled model, which are matched by name if they are equal, else
    by position.
    """
    known = {port.name for port in entry.inputs}
    if known == {port.name for port in other.inputs}:
        return sample
    pairs = zip(entry.inputs, other.inputs, strict=True)
    return {
        compiled.name: sample[original.name if original.name in sample else original.tensor]
        for original, compiled in pairs
    }


def matched_outputs(entry: Entry, other: Entry) -> Sequence[Port]:
    """The compiled model's outputs in the order of the original's."""
    named = {port.name: port for port in other.outputs}
    if entry.key and all(port.name in named for port in entry.outputs):
        return [named[port.name] for port in entry.outputs]
    return other.outputs
