"""Which encoding a weight gets, if any: the bytes of each, and how long what then runs takes.

`size` takes the fewest bytes, and of what is as small to a few percent the fastest; `latency` the least time, then the
fewest bytes; `balanced` the least product of both beside dense, of what is neither larger than dense nor slower. Bytes
are of everything that the file gains.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tflir.ir.errors import Error
from tflir.passes.base import PassReport
from tflir.passes.sparsity.candidates import Candidate
from tflir.passes.sparsity.latency import CPUS
from tflir.passes.sparsity.machines import COST_TABLES
from tflir.passes.sparsity.weight import Weight

TARGETS = ("balanced", "size", "latency")
ANY = "any"
_MOST_OF_ZEROS = 0.9
_NEARLY = 1.03
"""So many bytes are as good as the fewest, where size counts."""
_NO_KERNEL = "no kernel of the ops that read it takes sparse weights, or a DENSIFY"
TABLE = "Encodings considered"


@dataclass(frozen=True)
class Option:
    """A way to hold a weight, with what it takes."""

    how: str
    """How ops get at it, in words that name the kernel."""
    candidate: Candidate | None
    """None: dense."""
    nbytes: int
    times: tuple[float, ...]
    """Beside dense, on each CPU of the preference; of several readers the worst."""
    shape: tuple[int, ...] = ()
    """What the weight is encoded as."""
    direct: int = 0
    """The size of the blocks that kernels read as they are; 0: none does."""

    @property
    def time(self) -> float:
        """Beside dense, over all CPUs (geometric mean)."""
        return math.prod(self.times) ** (1 / len(self.times))


@dataclass(frozen=True)
class Preference:
    """What is wanted, and of which CPU.

    With cpu `any` the first table, whose CPU most machines are like, says what is slower, and the mean of all how fast
    something is.
    """

    target: str = TARGETS[0]
    cpu: str = ANY

    def check(self) -> None:
        """Raises `Error` (status 2) for words that mean nothing."""
        if self.target not in TARGETS:
            raise Error(f"'{self.target}' is no target", hint=f"use {', '.join(TARGETS)}", status=2)
        if self.cpu != ANY and COST_TABLES.find(self.cpu) is None:
            raise Error(f"'{self.cpu}' is no cpu", hint=f"use {', '.join((ANY, *COST_TABLES.names()))}", status=2)

    @property
    def cpus(self) -> tuple[str, ...]:
        return CPUS if self.cpu == ANY else (self.cpu,)

    def refusal(self, option: Option, dense: Option) -> str:
        """Why an option is out of the question; '' where it is not."""
        if self.target != "latency" and option.nbytes >= dense.nbytes:
            return "not smaller"
        if self.target != "size" and option.times[0] > 1:
            return "slower"
        return ""

    def best(self, options: Sequence[Option], dense: Option) -> Option:
        """The one to take."""
        if self.target == "size":
            most = min(option.nbytes for option in options) * _NEARLY
            return min((o for o in options if o.nbytes <= most), key=lambda o: (o.time, o.nbytes))
        if self.target == "latency":
            return min(options, key=lambda o: (o.time, o.nbytes))
        return min(options, key=lambda o: (o.nbytes * o.time / max(dense.nbytes, 1), o.nbytes))


@dataclass(frozen=True)
class Choice:
    """What was chosen for a weight, and from what."""

    weight: Weight
    preference: Preference
    dense: Option
    options: tuple[Option, ...]
    chosen: Option

    @property
    def why_dense(self) -> str:
        """Why the weight stays dense; '' where it does not."""
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
        """What its zeros are like: the shape of the largest nodes that hold nine in ten of them."""
        weight, found = self.weight, (1, "random")
        for option in self.options:
            if option.candidate is None or not weight.zeros:
                continue
            node = option.candidate.encoding.node(option.shape)
            if 1 - option.candidate.stored / weight.elements >= _MOST_OF_ZEROS * weight.zeros:
                found = max(found, (math.prod(node), "x".join(map(str, node))))
        return found[1]

    def note(self, report: PassReport) -> None:
        """Lists everything that was considered."""
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
    """The best of what `ways` give for a weight, dense where none is better."""
    dense = Option("dense", None, weight.nbytes, tuple(1.0 for _ in preference.cpus))
    options: tuple[Option, ...] = ()
    if weight.may_gain:
        options = tuple(option for way in ways for option in way(weight, preference))
    allowed = [option for option in options if not preference.refusal(option, dense)]
    return Choice(weight, preference, dense, options, preference.best([dense, *allowed], dense))
