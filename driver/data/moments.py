"""Records what ops multiply weights by: means and second moments, from which weights are rounded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tflir.backends.litert.moments import BLOCK, Sums, second_moments
from tflir.backends.litert.readings import Reading
from tflir.backends.litert.run import Note, Samples
from tflir.data.calibration import samples_of, saved
from tflir.data.readings import distinct, readings_of
from tflir.data.samples import held_out
from tflir.ir.constants import ArrayElementsAttr, elements
from tflir.ir.names import HELD_OUT_MEAN, HELD_OUT_MOMENTS, INPUT_MEAN, SECOND_MOMENTS
from tflir.ir.recorded_moments import record
from tflir.ir.spilled import Spill
from tflir.ir.tfl.base import TflOp
from tflir.passes.weights.rounding import HELD_OUT

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.options import Options

MOST_SAMPLES = 128
"""At most this many samples are run: sums hardly change after that."""


@dataclass(frozen=True)
class Recorded:
    """How many layers with constant weights have all their second moments, and how many were left out."""

    layers: int
    without: int


Summing = Callable[["ModuleOp", "list[Reading]", "Options", "Note | None"], Iterator[Sums]]
"""Gives the moments over the data of the options: of the samples that are kept, then of those that are held out. Each
takes much memory: they come one after the other."""


_Means = tuple[ArrayElementsAttr, ArrayElementsAttr]
"""The means of x x^T and of x."""


def record_moments(
    module: ModuleOp, options: Options, *, progress: Note | None = None, summed: Summing | None = None
) -> Recorded:
    """Records the moments on the ops of layers: those of the files of `options`, else on the representative data.

    `summed` computes them on the data, by default in one process. Raises `Error` if the model can't be run, if a sample
    does not fit its inputs, or if a file is not of this model.
    """
    found = readings_of(module)
    readings = distinct(found)
    if not readings:
        return Recorded(0, len({op for op, _, _ in found}))
    spill = Spill()
    kept, held = (_means(readings, sums, spill) for sums in _found(module, readings, options, progress, summed))
    by_op: dict[TflOp, dict[int, Reading]] = {}
    without: set[TflOp] = set()
    for op, number, reading in found:
        if reading is not None and reading in kept:
            by_op.setdefault(op, {})[number] = reading
        else:
            without.add(op)
    for op, numbers in by_op.items():
        _record(op, numbers, kept, (SECOND_MOMENTS, INPUT_MEAN))
        _record(op, numbers, held, (HELD_OUT_MOMENTS, HELD_OUT_MEAN))
    return Recorded(len(by_op.keys() - without), len(without))


def _found(
    module: ModuleOp, readings: list[Reading], options: Options, progress: Note | None, summed: Summing | None
) -> Iterator[Sums]:
    if options.moments:
        from tflir.data.moments_file import read_moments

        return read_moments(options.moments, module, readings)
    return (summed or sums_of)(module, readings, options, progress)


def sums_of(
    module: ModuleOp,
    readings: list[Reading],
    options: Options,
    progress: Note | None = None,
    *,
    shard: tuple[int, int] = (1, 1),
) -> Iterator[Sums]:
    """The sums over the data of `options`, or over a shard of it, in one process: see `Summing`."""
    with saved(module) as path:
        samples = samples_of(str(path), module, options, most=MOST_SAMPLES, shard=shard)
        blocks, count = blocks_of(samples), longest(samples)
        kept, held = ([block[part] for block in blocks] for part in range(2))
        for part in (kept, held):
            yield second_moments(str(path), readings, part, count, progress)


def blocks_of(samples: Samples) -> list[tuple[Samples, Samples]]:
    """The samples in blocks by their numbers: those that moments are recorded from, and those that are held out.

    Of one sample nothing is held out.
    """
    return [_block(samples, start) for start in range(0, longest(samples), BLOCK)]


def longest(samples: Samples) -> int:
    """The number of samples of the signature that has most."""
    return max(map(len, samples.values()), default=0)


def _block(samples: Samples, start: int) -> tuple[Samples, Samples]:
    kept: Samples = {}
    held: Samples = {}
    for key, part in samples.items():
        every = min(HELD_OUT, len(part))
        block = part[start : start + BLOCK]
        kept[key], held[key] = held_out(block, every, (every - 1 - start) % every) if every > 1 else (block, [])
    return kept, held


def _means(readings: list[Reading], sums: Sums, spill: Spill) -> dict[Reading, _Means]:
    """The means of those readings that have sums. Sums are taken out of their list: together they are large."""
    found: dict[Reading, _Means] = {}
    for reading in readings:
        if (one := sums.pop(0)) is not None:
            products = np.divide(one.products, one.count, out=one.products)
            found[reading] = spill.constant(products), elements((one.total / one.count).astype(np.float32))
    return found


def _record(op: TflOp, numbers: dict[int, Reading], means: dict[Reading, _Means], attributes: tuple[str, str]) -> None:
    """Notes the means of what an op's products read in two attributes, if there are any."""
    known = {number: means[reading] for number, reading in numbers.items() if reading in means}
    for place, attribute in enumerate(attributes) if known else ():
        record(op, attribute, {number: found[place] for number, found in known.items()})
