"""Samples by the key of their signature: parts that are held out, and the form of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tflir.backends.litert.run import Sample, Samples


def held_out(part: Sequence[Sample], period: int, place: int) -> tuple[list[Sample], list[Sample]]:
    """The samples that are kept, and those at `place` of every `period`, which are held out."""
    return [sample for at, sample in enumerate(part) if at % period != place], list(part[place::period])


def as_dataset(samples: Samples) -> list[Any]:
    """The samples as a representative dataset gives them: with the key of their signature, if there are signatures."""
    return [(key, sample) if key else sample for key, part in samples.items() for sample in part]
