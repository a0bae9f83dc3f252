"""Calibration in shards: what a worker does, and how the ranges of all shards are put together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tflir.backends.litert.run import Note
from tflir.data.calibration import Calibration
from tflir.data.recorded import Recorded, parsed
from tflir.data.suspicions import Suspicions
from tflir.ir.errors import Error
from tflir.jobs.order import KEPT, Order
from tflir.jobs.plan import Span

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


@dataclass(frozen=True)
class Part:
    """The ranges over one shard."""

    samples: int
    """How many samples there were; fewer than the shard has room for at the end of the data."""
    recorded: Recorded
    seen: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What may look wrong in its samples: `Suspicions.state`."""

    def encode(self) -> bytes:
        return json.dumps([self.samples, self.seen]).encode() + b"\n" + self.recorded.text()

    @staticmethod
    def decode(content: bytes, name: str) -> Part:
        """The part that `encode` made `content` of. Raises `Error` if it is something else."""
        head, _, text = content.partition(b"\n")
        try:
            count, seen = json.loads(head)
        except (ValueError, TypeError):
            raise Error("is no result of a shard", file=name) from None
        return Part(count, parsed(text, name), seen)


# What follows runs in a worker.


def survey(order: Order, progress: Note) -> int | None:
    """Opens the model and the data; returns the number of samples, or None if it is not known before they are read.

    Raises `Error` if one of the two can't be opened here.
    """
    with KEPT.of(order, "ranges", lambda: _calibration(order), Calibration.close) as calibration:
        return calibration.data.count


def ranges_of(order: Order, start: int, stop: int, progress: Note) -> bytes:
    """The `Part` of the samples from `start` up to `stop`, encoded."""
    with KEPT.of(order, "ranges", lambda: _calibration(order), Calibration.close) as calibration:
        recorded = calibration.recorded(start, stop, begun=lambda number: progress(number, 0))
        count = max(0, calibration.data.number - start)
        return Part(count, recorded, calibration.suspicions.state()).encode()


def _calibration(order: Order) -> Calibration:
    return Calibration(
        order.module(),
        order.dataset,
        samples=order.samples,
        scaling=order.options.reading,
        tf_compat=order.tf_compat,
        histograms=order.histograms,
        channels=order.channels,
        num_threads=1,
    )


# What follows runs where the shards are put together.


class Merging:
    """Ranges that are merged as their shards come in, in any order."""

    def __init__(self, model: str) -> None:
        """`model` is the fingerprint of the module that the ranges are for."""
        self._merged = Recorded(model)
        self._counts: dict[int, tuple[Span, int]] = {}
        self._seen: dict[int, Mapping[str, Any]] = {}

    def add(self, span: Span, part: Part) -> None:
        """Adds a shard. Raises `Error` if it is of another model."""
        if part.recorded.model != self._merged.model:
            raise Error(f"{span.title} is of another model", hint="let all workers see the same file")
        self._merged = self._merged.merged(part.recorded) if self._counts else part.recorded
        self._counts[span.shard] = span, part.samples
        self._seen[span.shard] = part.seen

    @property
    def ended(self) -> bool:
        """Whether a shard was at the end of the data."""
        return any(count < span.stop - span.start for span, count in self._counts.values())

    def whole(self, expected: Iterable[Span] = ()) -> Recorded:
        """The ranges over all samples. Raises `Error` if a shard is missing, or does not fit between its neighbours.

        `expected` are the shards that there must be, where the number of samples was known.
        """
        missing = [span.title for span in expected if span.shard not in self._counts]
        missing += [f"shard {at}" for at in range(1, max(self._counts, default=1)) if at not in self._counts]
        if missing:
            raise Error(f"{missing[0]} is missing", hint="run it again")
        filled = True
        for at in sorted(self._counts):
            span, count = self._counts[at]
            if count and not filled:
                raise Error(
                    f"{span.title} has samples, and the one before has too few", hint="the data changed: run again"
                )
            filled = count == span.stop - span.start
        if any(span.of for span, _ in self._counts.values()) and not filled:
            what = "the data has fewer samples than it says, or workers see other data"
            raise Error(what, hint="let all workers see the same data")
        return self._merged

    def warnings(self, module: ModuleOp, *, few: bool) -> tuple[str, ...]:
        """What looks wrong in the data of all shards, as one process says it."""
        suspicions = Suspicions(module)
        for at in sorted(self._seen):
            suspicions.add_state(self._seen[at])
        return tuple(suspicions.lines(few=few))
