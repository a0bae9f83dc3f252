"""How close a compiled model's outputs are to the original's: signal-to-noise ratio on the same inputs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.run import Array, Entry, Model, Port, Runner, Sample
from tflir.ir.errors import Error

Note = Callable[[int, int], None]
Samples = Mapping[str, Sequence[Sample]] | Sequence[Sample] | int
"""Inputs by signature, inputs for every signature that takes them, or how many random ones to make."""
SEED = 7
RANDOM_SAMPLES = 3
"""How many inputs are made up where nobody says."""
_MOST_COLUMNS = 1 << 12
_DIFFERS = 10.0
"""How many times larger one column's values must be than another's for columns to count apart."""
_FULL_RANGE = 2
"""Integers of so many bytes hold quantized data and take every value; wider ones are ids, which must stay small."""


@dataclass(frozen=True)
class OutputComparison:
    """One output of both models, over all samples."""

    signature: str
    """The signature's key; empty where the model has none."""
    name: str
    shape: tuple[int, ...]
    """Of the original's output on the last sample."""
    snr_db: float
    """10 log10(Σ y² / Σ (x - y)²), y the original's; infinite where the two are identical."""
    max_difference: float
    random: bool = False
    """Whether the inputs were made up."""
    column: int | None = None
    """The worst index of the last dimension, where those differ in size; None where they do not."""
    column_snr_db: float = math.inf
    """The ratio there: one that is large hides what happens to one that is small."""

    @property
    def least_db(self) -> float:
        """The worse of the two ratios."""
        return min(self.snr_db, self.column_snr_db)


def random_sample(inputs: Sequence[Port], rng: np.random.Generator) -> dict[str, Array]:
    """Random values that every model of these inputs can take. Raises `Error` for strings."""
    return {port.name: _random(port, rng) for port in inputs}


def _random(port: Port, rng: np.random.Generator) -> Array:
    shape, dtype = tuple(max(size, 1) if size < 0 else size for size in port.shape), port.dtype
    if dtype.kind == "f":
        return rng.uniform(-1, 1, shape).astype(dtype)
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
        """Takes in one sample's values; elements that are not finite count only where they differ."""
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
        """10 log10(Σ y² / Σ (x - y)²); infinite where nothing differs, -infinite where there is no signal."""
        return _decibels(self.signal, self.noise)

    @property
    def worst_column(self) -> tuple[int | None, float]:
        """The worst column and its ratio, where columns differ in size."""
        return self._columns.worst() if self._columns is not None else (None, math.inf)


class Columns:
    """Signal and noise of each index of the last dimension."""

    def __init__(self) -> None:
        self._sums: Array | None = None
        """Signal, noise and largest magnitude, a row each."""
        self._usable = True
        self._shares = True
        """Whether all values are from 0 to 1, as probabilities are: there a small one is of little account."""

    def add(self, values: Array, difference: Array) -> None:
        """Takes in one sample's values, and how far the others are from them."""
        count = values.shape[-1] if values.ndim else 0
        differs = self._sums is not None and self._sums.shape[1] != count
        self._usable &= 1 < count <= _MOST_COLUMNS and values.dtype.kind == "f" and not differs
        if not self._usable or not values.size:
            return
        rows, noise = values.reshape(-1, count), np.square(difference.reshape(-1, count)).sum(0)
        rows = np.where(np.isfinite(rows), rows, 0)
        self._shares &= bool(rows.min() >= 0 and rows.max() <= 1)
        found = np.stack([np.square(rows).sum(0), noise, np.abs(rows).max(0)])
        if self._sums is not None:
            found = np.concatenate([found[:2] + self._sums[:2], np.maximum(found[2:], self._sums[2:])])
        self._sums = found

    def worst(self) -> tuple[int | None, float]:
        """The column of the least ratio; none where all are of about one size."""
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
    """Both as float64 or complex128; strings as 1 and whether they are the same."""
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
    """Every output of every signature of `original` beside that of `compiled`, on the same inputs.

    `samples` is a list of inputs by name, such lists by signature, or how many random ones to make. A signature whose
    inputs they lack runs on random ones. `progress` is told runs done and runs in all. Raises `Error`
    where a model can't be run, and where the compiled one lacks a signature or an output.
    """
    reference = Runner(original)
    inputs = {entry.key: samples_for(entry, samples, np.random.default_rng(seed)) for entry in reference.entries}
    step = _steps(2 * sum(len(part) for part in inputs.values()), progress)
    wanted = [[step(reference.run(entry, sample)) for sample in inputs[entry.key]] for entry in reference.entries]
    entries = reference.entries
    del reference  # both models at once would take the memory of both
    runner = Runner(compiled)
    found: list[OutputComparison] = []
    for entry, expected in zip(entries, wanted, strict=True):
        other = counterpart(entry, runner)
        tallies = [Tally(columns=True) for _ in entry.outputs]
        made_up = not _given_for(entry, samples)
        for sample, values in zip(inputs[entry.key], expected, strict=True):
            results = step(runner.run(other, renamed(sample, entry, other)))
            for tally, mine, its in zip(tallies, entry.outputs, matched_outputs(entry, other), strict=True):
                tally.add(values[mine.name], results[its.name])
        found += [
            OutputComparison(entry.key, port.name, tally.shape, tally.snr_db, tally.worst, made_up, *tally.worst_column)
            for port, tally in zip(entry.outputs, tallies, strict=True)
        ]
    return found


def _steps(total: int, progress: Note | None) -> Callable[[dict[str, Array]], dict[str, Array]]:
    """Hands a run's results through and tells `progress` that there is one more."""
    done = itertools.count(1)

    def step(results: dict[str, Array]) -> dict[str, Array]:
        if progress is not None:
            progress(next(done), total)
        return results

    return step


def samples_for(entry: Entry, samples: Samples, rng: np.random.Generator) -> Sequence[Sample]:
    """The samples of `entry`, else random ones. Raises `Error` for strings."""
    if given := _given_for(entry, samples):
        return given
    count = samples if isinstance(samples, int) else RANDOM_SAMPLES
    # Random integers of a quantized input stand for numbers; a compiled model may quantize these otherwise.
    made = [random_sample(entry.inputs, rng) for _ in range(count)]
    return [{port.name: port.decode(sample[port.name]) for port in entry.inputs} for sample in made]


def _given_for(entry: Entry, samples: Samples) -> Sequence[Sample]:
    """Those of `samples` that have every input of `entry`; none where one of them lacks one."""
    if isinstance(samples, int):
        return ()
    given = samples.get(entry.key, ()) if isinstance(samples, Mapping) else samples
    return given if all(_complete(entry, sample) for sample in given) else ()


def _complete(entry: Entry, sample: Sample) -> bool:
    return all(port.name in sample or port.tensor in sample for port in entry.inputs)


def counterpart(entry: Entry, runner: Runner) -> Entry:
    """The compiled model's entry for `entry`, of as many inputs and outputs. Raises `Error` where there is none."""
    for other in runner.entries:
        if other.key == entry.key:
            if len(other.inputs) == len(entry.inputs) and len(other.outputs) == len(entry.outputs):
                return other
            break
    what = f"signature '{entry.key}'" if entry.key else "its one way in"
    raise Error(f"{what} is not what it is in the original", file=runner.file)


def renamed(sample: Sample, entry: Entry, other: Entry) -> Sample:
    """`sample` by the names of the compiled model: its own where they are the same, else by position."""
    known = {port.name for port in entry.inputs}
    if known == {port.name for port in other.inputs}:
        return sample
    pairs = zip(entry.inputs, other.inputs, strict=True)
    return {its.name: sample[mine.name if mine.name in sample else mine.tensor] for mine, its in pairs}


def matched_outputs(entry: Entry, other: Entry) -> Sequence[Port]:
    """The compiled model's outputs in the order of the original's."""
    named = {port.name: port for port in other.outputs}
    if entry.key and all(port.name in named for port in entry.outputs):
        return [named[port.name] for port in entry.outputs]
    return other.outputs
