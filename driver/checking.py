"""`tflir.check`: what a target makes of each op of a model, without running it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tflir.flags import WITH_LATENCY
from tflir.ir.functions import functions
from tflir.ir.names import place
from tflir.ir.targets import TARGETS, Target, Verdict, partitions
from tflir.ir.targets.kinds import ABSENT, kind_in_words
from tflir.ir.targets.latency import estimate
from tflir.ir.targets.site import Site, is_operator

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.dialects.func import FuncOp
    from xdsl.ir import Operation

_NO_DATA = (ABSENT, "i32", "i64", "bool", "resource", "qi32", "qci32", "qi64", "qci64")
"""Kinds of operands that say how an op computes rather than what with: axes, shapes, biases."""

_CONVERSIONS = ("QUANTIZE", "DEQUANTIZE", "CAST")


@dataclass(frozen=True)
class CheckedOp:
    """One op, and what is said of it."""

    subgraph: str
    index: int
    """Which of the subgraph's operators it is, from 0."""
    operator: str
    """`CONV_2D`, or the code of a custom one."""
    tensor: str
    """The name of its first result, else of what it reads."""
    kinds: str
    """The element types that it computes with: `int8`, `float, int8 per channel`."""
    verdict: Verdict
    fallback: Verdict | None
    """What the target that runs it then says, where this one refuses it; None where nothing does."""
    share: float | None
    """Its estimated share of the time of the whole model, 0 to 1; None where there is no estimate."""


@dataclass(frozen=True)
class CheckedPartition:
    """Ops of one subgraph that the target runs in one go."""

    subgraph: str
    operators: tuple[int, ...]
    """Their indices in the subgraph, in the order in which they run."""


@dataclass(frozen=True)
class TargetCheck:
    """What one target makes of a model."""

    target: Target
    ops: tuple[CheckedOp, ...]
    partitions: tuple[CheckedPartition, ...]

    @property
    def taken(self) -> int:
        """How many ops it takes."""
        return sum(op.verdict.taken for op in self.ops)

    @property
    def refused(self) -> tuple[CheckedOp, ...]:
        """The ops that it does not take, or takes and fails on."""
        return tuple(op for op in self.ops if not op.verdict.taken)

    @property
    def unsound(self) -> tuple[CheckedOp, ...]:
        """The refused ops that the target which runs the rest gets wrong, does not load, or does not have."""
        return tuple(op for op in self.ops if op.fallback is not None and not op.fallback.taken)

    def __str__(self) -> str:
        parts = f"{len(self.partitions)} partition{'' if len(self.partitions) == 1 else 's'}"
        lines = [f"{self.target.name}: {self.taken} of {len(self.ops)} ops taken, {parts}"]
        for (operator, kinds, status, reason, mend), ops in grouped(self.refused).items():
            by = f" ({mend})" if mend else ""
            lines.append(f"  {len(ops)} x {operator} {kinds} {status}: {reason}{by}")
        return "\n".join(lines)


Group = tuple[str, str, str, str, str]
"""Operator, kinds, status, reason, and the pass that mends it."""


def grouped(ops: Sequence[CheckedOp]) -> dict[Group, list[CheckedOp]]:
    """The ops of which the same is said, the most frequent first."""
    found: dict[Group, list[CheckedOp]] = {}
    for op in ops:
        said = op.verdict
        found.setdefault((op.operator, op.kinds, said.status, said.reason, said.mend), []).append(op)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def check(
    model: str | os.PathLike[str] | bytes | ModuleOp, targets: str | Sequence[str] = "xnnpack"
) -> list[TargetCheck]:
    """What each of `targets`, names such as `xnnpack`, `litert`, `tflm` and `ethos-u`, makes of every op of a model.

    The model is the path of a `.tflite` or `.mlir`, its bytes, or a module. Nothing is run, and no runtime is needed.
    Raises `Error` where the model can't be read, or no target has a name (status 2).
    """
    from tflir.comparison import module_of

    names = targets.split(",") if isinstance(targets, str) else targets
    found = [TARGETS.get(name.strip()) for name in names]
    module = module_of(model)
    return [check_target(module, target) for target in found]


def check_target(module: ModuleOp, target: Target, *, timed: bool = True) -> TargetCheck:
    """What one target makes of a module; `timed` has the share of time of each op estimated."""
    then = TARGETS.get(target.runs_in) if target.runs_in else None
    every = [op for function in functions(module) for op in function.walk() if is_operator(op)]
    verdicts = {op: target.verdict(op) for op in every}
    shares = _estimated_shares(module, target, verdicts, timed=timed and target.name in WITH_LATENCY)
    ops: list[CheckedOp] = []
    found: list[CheckedPartition] = []
    for function in functions(module):
        name = function.sym_name.data
        sites = [Site(op, target) for op in function.walk() if is_operator(op)]
        numbers = {site.op: number for number, site in enumerate(sites)}
        ops += (
            _checked(name, number, site, verdicts[site.op], then, shares.get(site.op))
            for number, site in enumerate(sites)
        )
        found += _partitions(function, target, verdicts, numbers)
    return TargetCheck(target, tuple(ops), tuple(found))


def _estimated_shares(
    module: ModuleOp, target: Target, verdicts: Mapping[Operation, Verdict], *, timed: bool
) -> Mapping[Operation, float]:
    """The share of each op in the estimated time of the model on a target; empty where it is not `timed`."""
    return estimate(module, target.name, verdicts=verdicts).share if timed else {}


def _checked(
    subgraph: str, number: int, site: Site, verdict: Verdict, then: Target | None, share: float | None
) -> CheckedOp:
    fallback = then.verdict(site.op) if then is not None and verdict.status == "refused" else None
    return CheckedOp(subgraph, number, site.operator, place(site.op), _kinds(site), verdict, fallback, share)


def _kinds(site: Site) -> str:
    """The element types that an op computes with, in words."""
    kinds = [kind for kind in site.kinds if kind not in _NO_DATA] or site.kinds or site.result_kinds
    words = ", ".join(dict.fromkeys(map(kind_in_words, kinds)))
    if site.operator in _CONVERSIONS and site.result_kinds:
        return f"{words} to {kind_in_words(site.result_kinds[0])}"
    return words


def _partitions(
    function: FuncOp, target: Target, verdicts: Mapping[Operation, Verdict], numbers: Mapping[Operation, int]
) -> Iterator[CheckedPartition]:
    for one in partitions(function, target, verdicts):
        yield CheckedPartition(function.sym_name.data, tuple(numbers[op] for op in one.ops))


def facts(found: TargetCheck) -> dict[str, Any]:
    """A check as JSON has it."""
    return {
        "name": found.target.name,
        "about": found.target.about,
        "operators": len(found.ops),
        "taken": found.taken,
        "partitions": [{"subgraph": one.subgraph, "operators": list(one.operators)} for one in found.partitions],
        "rest_runs_in": found.target.runs_in or None,
        "ops": [_op_facts(op) for op in found.ops],
    }


def _op_facts(op: CheckedOp) -> dict[str, Any]:
    then = op.fallback
    return {
        "subgraph": op.subgraph,
        "index": op.index,
        "operator": op.operator,
        "tensor": op.tensor,
        "kinds": op.kinds,
        **_verdict_facts(op.verdict),
        "share": op.share,
        "rest": None if then is None else _verdict_facts(then),
    }


def _verdict_facts(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": verdict.status,
        "reason": verdict.reason or None,
        "mend": verdict.mend or None,
        "known": verdict.known or None,
    }
