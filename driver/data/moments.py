"""Records what ops multiply weights by: means and second moments, from which weights are rounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflir.backends.litert.moments import BLOCK, Moments, Sums, second_moments
from tflir.backends.litert.readings import Reading
from tflir.backends.litert.run import Note, Samples
from tflir.data.calibration import samples_of, saved
from tflir.data.readings import readings_of
from tflir.data.samples import held_out
from tflir.ir.names import HELD_OUT_MEAN, HELD_OUT_MOMENTS, INPUT_MEAN, SECOND_MOMENTS
from tflir.ir.recorded_moments import record
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


Summing = Callable[["ModuleOp", "list[Reading]", "Options", "Note | None"], tuple[Sums, Sums]]
"""Gives the moments over the data of the options: of the samples that are kept, and of those that are held out."""


_ByOp = dict[TflOp, dict[int, Moments]]
"""Moments by op and by the number of its product."""


def record_moments(
    module: ModuleOp, options: Options, *, progress: Note | None = None, summed: Summing | None = None
) -> Recorded:
    """Runs the model on the representative data of `options` and records the moments on its layers' ops.

    `summed` computes them, by default in one process. Raises `Error` if the model can't be run, or if a sample does not
    fit its inputs.
    """
    found = readings_of(module)
    readings = [reading for _, _, reading in found if reading is not None]
    if not readings:
        return Recorded(0, len({op for op, _, _ in found}))
    sums, checks = (iter(part) for part in (summed or _summed)(module, readings, options, progress))
    kept, held = _ByOp(), _ByOp()
    without: set[TflOp] = set()
    for op, number, reading in found:
        moments, check = (None, None) if reading is None else (next(sums), next(checks))
        if moments is None:
            without.add(op)
            continue
        kept.setdefault(op, {})[number] = moments
        if check is not None:
            held.setdefault(op, {})[number] = check
    _record(kept, SECOND_MOMENTS, INPUT_MEAN)
    _record(held, HELD_OUT_MOMENTS, HELD_OUT_MEAN)
    return Recorded(len(kept.keys() - without), len(without))


def _summed(module: ModuleOp, readings: list[Reading], options: Options, progress: Note | None) -> tuple[Sums, Sums]:
    with saved(module) as path:
        blocks = blocks_of(samples_of(str(path), module, options, most=MOST_SAMPLES))
        kept, held = ([block[part] for block in blocks] for part in range(2))
        first, second = (second_moments(str(path), readings, part, progress) for part in (kept, held))
        return first, second


def blocks_of(samples: Samples) -> list[tuple[Samples, Samples]]:
    """The samples in blocks by their numbers: those that moments are recorded from, and those that are held out.

    Of one sample nothing is held out.
    """
    count = max((len(part) for part in samples.values()), default=0)
    return [_block(samples, start) for start in range(0, count, BLOCK)]


def _block(samples: Samples, start: int) -> tuple[Samples, Samples]:
    kept: Samples = {}
    held: Samples = {}
    for key, part in samples.items():
        every = min(HELD_OUT, len(part))
        block = part[start : start + BLOCK]
        kept[key], held[key] = held_out(block, every, (every - 1 - start) % every) if every > 1 else (block, [])
    return kept, held


def _record(found: _ByOp, of_products: str, of_total: str) -> None:
    for op, by_number in found.items():
        record(op, of_products, {at: moments.products / moments.count for at, moments in by_number.items()})
        record(op, of_total, {at: moments.total / moments.count for at, moments in by_number.items()})
