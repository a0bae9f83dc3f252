"""How the runtime gathers the ops that a delegate takes into the nodes that the delegate runs.

```
taken  ADD ──► refused TOPK ──► taken MUL        partitions: (ADD, CONV), (MUL)
taken  CONV ────────────────────────┘            three nodes run: delegate, TOPK, delegate
```
Ops are scheduled in the order of the file. A partition starts with the first op that is ready, and takes every op that
is ready and of the same side, taken or refused, until none is left. Ops that read or write variables, and control flow,
keep their order; so do ops that the model's control edges put in one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, cast

from xdsl.dialects.builtin import DictionaryAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.targets.site import is_operator
from tflir.ir.targets.target import Target
from tflir.ir.targets.verdict import Verdict
from tflir.ir.tfl.control_flow import CallOnceOp, IfOp, WhileOp
from tflir.ir.types import ResourceType, element_of


@dataclass(frozen=True)
class Partition:
    """Ops that one node of a delegate runs."""

    ops: tuple[Operation, ...]
    """In the order in which they are scheduled."""


def partitions(
    function: FuncOp, target: Target, verdicts: Mapping[Operation, Verdict] | None = None
) -> list[Partition]:
    """The delegate nodes that a function gets, in the order in which they run.

    `verdicts`, where they are at hand already, say what the target takes. An op that the target claims and then fails
    on (wrong, unloadable, crashes) counts as taken.
    """
    nodes = [op for op in function.body.block.ops if is_operator(op)]
    claimed = {op: (verdicts or {}).get(op, None) or target.verdict(op) for op in nodes}
    return [Partition(tuple(ops)) for taken, ops in _epochs(nodes, claimed) if taken]


def _epochs(nodes: list[Operation], verdicts: Mapping[Operation, Verdict]) -> Iterator[tuple[bool, list[Operation]]]:
    """Runs of ops of one side, and whether that is the delegate's."""
    waiting = _dependencies(nodes)
    place = {op: number for number, op in enumerate(nodes)}
    readers: defaultdict[Operation, list[Operation]] = defaultdict(list)
    for op, before in waiting.items():
        for each in before:
            readers[each].append(op)
    taken = {op: verdicts[op].status != "refused" for op in nodes}
    ready: dict[bool, list[tuple[int, int]]] = {True: [], False: []}
    """By side: the round over the operators in which each is scheduled, and its place in the file."""
    for op in nodes:
        if not waiting[op]:
            heappush(ready[taken[op]], (0, place[op]))
    while ready[True] or ready[False]:
        side = min((held[0][1], which) for which, held in ready.items() if held)[1]
        epoch: list[Operation] = []
        while ready[side]:
            turn, number = heappop(ready[side])
            epoch.append(nodes[number])
            for reader in readers[nodes[number]]:
                waiting[reader].discard(nodes[number])
                if not waiting[reader]:
                    later = turn + (place[reader] < number) if taken[reader] == side else 0
                    heappush(ready[taken[reader]], (later, place[reader]))
        yield side, epoch


def _dependencies(nodes: list[Operation]) -> dict[Operation, set[Operation]]:
    """The ops that must be scheduled before each."""
    here = set(nodes)
    before = {op: {made.op for made in _read(op) if isinstance(made, OpResult)} & here for op in nodes}
    for first, second in _control_edges(nodes) or pairwise(op for op in nodes if _has_side_effects(op)):
        before[second].add(first)
    return before


def _read(op: Operation) -> Iterator[SSAValue]:
    """What an op reads, through the ops of its regions too."""
    for inner in op.walk():
        yield from inner.operands


def _has_side_effects(op: Operation) -> bool:
    """Whether the runtime keeps the op in its place among others of the kind."""
    if isinstance(op, IfOp | WhileOp | CallOnceOp):
        return True
    return any(isinstance(element_of(value.type), ResourceType) for value in (*op.operands, *op.results))


def _control_edges(nodes: list[Operation]) -> list[tuple[Operation, Operation]]:
    """The model's own control edges, in whose place the runtime makes none."""
    held = [(op, cast("dict[str, Any]", at.data)) for op in nodes if isinstance(at := _control(op), DictionaryAttr)]
    by_id = {entry["id"].value.data: op for op, entry in held if "id" in entry}
    return [
        (by_id[first], op)
        for op, entry in held
        if "after" in entry
        for first in entry["after"].iter_values()
        if first in by_id
    ]


def _control(op: Operation) -> Any:
    return op.attributes.get(names.CONTROL)
