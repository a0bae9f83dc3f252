"""Chooses the encoding of a weight, or keeps it dense, by bytes in the file and by the time of the ops that read it.

| target | choice |
|---|---|
| `size` | the fewest bytes; among options within 3 % of that, the fastest |
| `latency` | the least time, then the fewest bytes |
| `balanced` | the least bytes x time relative to dense, among options that are neither larger nor slower than dense |

Bytes count everything that is added to the file: elements, indices, ops and operator codes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tflir.ir.errors import USAGE, Error
from tflir.ir.option_words import SPARSITY_TARGETS
from tflir.ir.targets.cpus import COST_TABLES
from tflir.ir.targets.sparse_latency import CPUS
from tflir.passes.base import PassReport
from tflir.passes.sparsity.candidates import Candidate
from tflir.passes.sparsity.weight import Weight

ANY = "any"
_MOST_OF_ZEROS = 0.9
"""The share of a weight's zeros that a block shape must leave out to be reported as the pattern of the zeros."""
_NEARLY = 1.03
"""For the target `size`, options up to this factor above the fewest bytes count as equally small."""
_NO_KERNEL = "no kernel of the ops that read it takes sparse weights, or a DENSIFY"
TABLE = "Encodings considered"


@dataclass(frozen=True)
class Option:
    """A representation of a weight, with its bytes and its times."""

    how: str
    """How ops read it, in words that name op, kernel and runtime: `fully_connected float from DENSIFY, XNNPACK`."""
    candidate: Candidate | None
    """The sparse encoding; None if the weight is dense."""
    nbytes: int
    times: tuple[float, ...]
    """Time relative to the dense weight, for each CPU of the preference; the largest over all ops that read it."""
    shape: tuple[int, ...] = ()
    """The shape in which the weight is encoded; it may differ from the weight's own."""
    direct: int = 0
    """The block length if kernels read the sparse weight directly; 0 if all read it from a DENSIFY."""

    @property
    def time(self) -> float:
        """Time relative to dense: the geometric mean over all CPUs."""
        return math.prod(self.times) ** (1 / len(self.times))


@dataclass(frozen=True)
class Preference:
    """The target of the choice, and the CPU for which times are estimated.

    With the CPU `any`, an option counts as slower if it is slower on the first CPU of the table, which is closest to
    most machines. Options are then compared by the mean over all CPUs.
    """

    target: str = SPARSITY_TARGETS[0]
    cpu: str = ANY

    def check(self) -> None:
        """Raises `Error` (status 2) for an unknown target or CPU."""
        if self.target not in SPARSITY_TARGETS:
            raise Error(f"'{self.target}' is no target", hint=f"use {', '.join(SPARSITY_TARGETS)}", status=USAGE)
        if self.cpu != ANY and COST_TABLES.find(self.cpu) is None:
            raise Error(f"'{self.cpu}' is no cpu", hint=f"use {', '.join((ANY, *COST_TABLES.names()))}", status=USAGE)

    @property
    def cpus(self) -> tuple[str, ...]:
        return CPUS if self.cpu == ANY else (self.cpu,)

    def refusal(self, option: Option, dense: Option) -> str:
        """Why an option can't be chosen; '' if it can."""
        if self.target != "latency" and option.nbytes >= dense.nbytes:
            return "not smaller"
        if self.target != "size" and option.times[0] > 1:
            return "slower"
        return ""

    def best(self, options: Sequence[Option], dense: Option) -> Option:
        """The best of `options` by the target; `dense` gives the bytes to compare with."""
        if self.target == "size":
            most = min(option.nbytes for option in options) * _NEARLY
            return min((o for o in options if o.nbytes <= most), key=lambda o: (o.time, o.nbytes))
        if self.target == "latency":
            return min(options, key=lambda o: (o.time, o.nbytes))
        return min(options, key=lambda o: (o.nbytes * o.time / max(dense.nbytes, 1), o.nbytes))


@dataclass(frozen=True)
class Choice:
    """The option that was chosen for a weight, and all that were considered."""

    weight: Weight
    preference: Preference
    dense: Option
    options: tuple[Option, ...]
    chosen: Option

    @property
    def why_dense(self) -> str:
        """Why the weight stays dense; '' if a sparse encoding was chosen."""
        if self.chosen is not self.dense:
            return ""
        refusals = {self.preference.refusal(option, self.dense) for option in self.options}
        if not refusals:
            return _NO_KERNEL if self.weight.may_gain else "too few zeros"
        if "" in refusals:
            return "what is smaller is slower by more"
        return "what is smaller is slower" if "slower" in refusals else "no encoding is smaller"

    @property
    def pattern(self) -> str:
        """The pattern of the zeros: the shape of the largest blocks that hold 90 % of them (1x4), or `random`."""
        weight, found = self.weight, (1, "random")
        for option in self.options:
            if option.candidate is None or not weight.zeros:
                continue
            node = option.candidate.encoding.node(option.shape)
            if 1 - option.candidate.stored / weight.elements >= _MOST_OF_ZEROS * weight.zeros:
                found = max(found, (math.prod(node), "x".join(map(str, node))))
        return found[1]

    def note(self, report: PassReport) -> None:
        """Adds a row to the report for the dense weight and for each option."""
        for option in (self.dense, *self.options):
            refusal = self.preference.refusal(option, self.dense) if option is not self.dense else ""
            report.table(TABLE).append(self._row(option, "chosen" if option is self.chosen else refusal))

    def _row(self, option: Option, verdict: str) -> dict[str, Any]:
        return {
            "tensor": self.weight.name,
            "zeros": round(self.weight.zeros, 4),
            "pattern": self.pattern,
            "encoding": option.candidate.encoding.text() if option.candidate is not None else "dense",
            "how": option.how,
            "bytes_before": self.dense.nbytes,
            "bytes_after": option.nbytes,
            "time": round(option.time, 3),
            "verdict": verdict,
        }


Ways = Callable[[Weight, Preference], Iterator[Option]]


def choose(weight: Weight, preference: Preference, *ways: Ways) -> Choice:
    """The best option for a weight; it stays dense if none is better.

    Each of `ways` is a function that yields options, for instance those that kernels read directly.
    """
    dense = Option("dense", None, weight.nbytes, tuple(1.0 for _ in preference.cpus))
    options: tuple[Option, ...] = ()
    if weight.may_gain:
        options = tuple(option for way in ways for option in way(weight, preference))
    allowed = [option for option in options if not preference.refusal(option, dense)]
    return Choice(weight, preference, dense, options, preference.best([dense, *allowed], dense))
