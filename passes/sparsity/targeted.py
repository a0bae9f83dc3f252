"""Passes that choose by bytes and time: what they have in common."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from tflir.passes.base import TflPass
from tflir.passes.sparsity.choice import ANY, TARGETS, Preference


@dataclass(frozen=True)
class TargetedPass(TflPass, ABC):
    """A pass that takes the best of several ways to hold a weight."""

    target: str = TARGETS[0]
    """balanced: least bytes times time, neither larger nor slower than dense; size; or latency."""
    cpu: str = ANY
    """The CPU whose measured times count: any, or one of `machines.py`."""

    def __post_init__(self) -> None:
        self.preference.check()

    @property
    def preference(self) -> Preference:
        return Preference(self.target, self.cpu)
