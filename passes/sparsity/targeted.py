"""The base class of passes that choose by bytes and time."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from tflir.ir.option_words import SPARSITY_TARGETS
from tflir.passes.base import TflPass
from tflir.passes.sparsity.choice import ANY, Preference


@dataclass(frozen=True)
class TargetedPass(TflPass, ABC):
    """A pass that chooses the best of several representations of a weight."""

    target: str = SPARSITY_TARGETS[0]
    """balanced: least bytes x time, neither larger nor slower than dense; size: fewest bytes; latency: least time."""
    cpu: str = ANY
    """The CPU whose measured times are used: any, or the name of a cost table (`ir/targets/cpus.py`)."""

    def __post_init__(self) -> None:
        self.preference.check()

    @property
    def preference(self) -> Preference:
        return Preference(self.target, self.cpu)
