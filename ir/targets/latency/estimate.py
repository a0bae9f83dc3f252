"""How long a model takes on a target: a time for each op, from measured tables, and what lies between ops.

```python
result = estimate(module, target="xnnpack", cpu="zen4")
result.seconds, result.crossings
for cost in result.ops:
    print(cost.op.name, cost.seconds, cost.delegated)
```
Nothing is run, and no runtime is needed. A function that control flow calls counts as often as it is called; how often
a loop turns is taken from its condition where that compares a counter with a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Block, BlockArgument, Operation, OpResult, Region, SSAValue

from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.ir.targets.cpus import COST_TABLES
from tflir.ir.targets.latency.parts import parts_of
from tflir.ir.targets.latency.sparse import sparse_layer
from tflir.ir.targets.latency.table import PLACES, LatencyTable
from tflir.ir.targets.partition import Partition, partitions
from tflir.ir.targets.registry import TARGETS
from tflir.ir.targets.site import is_operator
from tflir.ir.targets.target import Target
from tflir.ir.targets.verdict import Verdict
from tflir.ir.tfl.comparison import LessOp
from tflir.ir.tfl.control_flow import CallOnceOp, IfOp, WhileOp
from tflir.ir.tfl.shapes import constant
from tflir.ir.tfl.stablehlo import StablehloCompositeOp

DEFAULT_CPU = "zen4"
_DELEGATE, _OWN = PLACES
_TURNS = 10
"""How often a loop turns of which that is not known."""


@dataclass(frozen=True)
class OpCost:
    """The time of one op in a run of the model."""

    op: Operation
    seconds: float
    """Of all times that it runs; of control flow without what it calls, which is listed by itself."""
    delegated: bool


@dataclass(frozen=True)
class Estimate:
    """How long a run of a model takes."""

    seconds: float
    ops: tuple[OpCost, ...]
    """Each once, those of functions that control flow calls included: callers before what they call."""
    crossings: int
    """How many nodes the delegate runs in the functions of the model."""

    @cached_property
    def share(self) -> dict[Operation, float]:
        """The part of the whole time, from 0 to 1, that each op takes."""
        return {cost.op: cost.seconds / self.seconds for cost in self.ops}


def estimate(
    module: ModuleOp,
    target: str = "xnnpack",
    cpu: str = DEFAULT_CPU,
    verdicts: Mapping[Operation, Verdict] | None = None,
) -> Estimate:
    """The time of a run of the model's first function, on one thread.

    `target` is `xnnpack` (LiteRT with its default delegate) or `litert` (its own kernels alone); `verdicts`, where they
    are at hand already, say what the target takes. Raises `Error` (status 2) where there is no such target or CPU.
    """
    found = TARGETS.get(target)
    costs = _Costs(cpu, found if found.runs_in else None, module, verdicts or {})
    return costs.estimate()


def _table(cpu: str) -> LatencyTable:
    found = COST_TABLES.get(cpu).latency
    if found is None:
        hint = f"use {DEFAULT_CPU}, or measure it with benchmarks/latency_table.py"
        raise Error(f"the latency of ops is not known of cpu '{cpu}'", hint=hint, status=USAGE)
    return found


class _Costs:
    """The costs of one module."""

    def __init__(
        self, cpu: str, delegate: Target | None, module: ModuleOp, verdicts: Mapping[Operation, Verdict]
    ) -> None:
        self.cpu = cpu
        self.table = _table(cpu)
        self.has_sparse_times = COST_TABLES.get(cpu).sparse is not None
        self.delegate = delegate
        self.verdicts = verdicts
        self.functions = {function.sym_name.data: function for function in functions(module)}
        self.ops: list[OpCost] = []
        self.crossings = 0
        self.seconds = 0.0

    def estimate(self) -> Estimate:
        self.seconds = self.table.fixed_seconds("invoke")
        for number, (function, times) in enumerate(_times(self.functions, self._calls_of)):
            self._add(function, times)
            self.seconds += (
                times * self.table.fixed_seconds("call") if number else 0.0
            )  # control flow calls all but one
        return Estimate(self.seconds, tuple(self.ops), self.crossings)

    def _add(self, function: FuncOp, times: float) -> None:
        """Adds what a function costs that is called so many times."""
        nodes = [op for op in function.body.block.ops if is_operator(op)]
        pieces = self._pieces(function, nodes)
        inside = {op for piece in pieces for op in piece.ops}
        self.crossings += len(pieces)
        self.seconds += times * len(pieces) * self.table.fixed_seconds("partition")
        for op in nodes:
            seconds = times * self._seconds(op, op in inside)
            self.ops.append(OpCost(op, seconds, op in inside))
            self.seconds += seconds

    def _calls_of(self, function: FuncOp) -> list[tuple[FuncOp, float]]:
        """The functions that the ops of a function call, and how often in one call of it."""
        return [call for op in function.body.block.ops if is_operator(op) for call in self._called(op)]

    def _seconds(self, op: Operation, delegated: bool) -> float:
        """Of one op, without what it calls."""
        if isinstance(op, WhileOp):
            return self.table.fixed_seconds("loop")
        if self.has_sparse_times and (layer := sparse_layer(op)) is not None:
            dense = sum(count * self.table.seconds(work, _DELEGATE) for work, count in parts_of(op))
            return dense * layer.ratio(self.cpu)
        place = _DELEGATE if delegated else _OWN
        return sum(count * self.table.seconds(work, place) for work, count in parts_of(op))

    def _pieces(self, function: FuncOp, nodes: list[Operation]) -> list[Partition]:
        if self.delegate is None:
            return []
        known = {op: self.verdicts.get(op) or self.delegate.verdict(op) for op in nodes}
        return partitions(function, self.delegate, known)

    def _called(self, op: Operation) -> Iterator[tuple[FuncOp, float]]:
        """The functions that control flow calls, and how often. Of a branch both count half; initializers do not count,
        since they run once."""
        if isinstance(op, CallOnceOp):
            return
        if isinstance(op, StablehloCompositeOp) and op.decomposition_subgraph is not None:
            name = op.decomposition_subgraph.root_reference.data
            if name in self.functions:
                yield self.functions[name], 1.0
        turns = _turns(op, self.functions) if isinstance(op, WhileOp) else 0.0
        for number, region in enumerate(op.regions):
            times = 0.5 if isinstance(op, IfOp) else turns + (number == 0)
            for name in _calls(region):
                if name in self.functions:
                    yield self.functions[name], times


def _times(
    known: Mapping[str, FuncOp], calls_of: Callable[[FuncOp], list[tuple[FuncOp, float]]]
) -> Iterator[tuple[FuncOp, float]]:
    """The functions that the first one reaches, callers first, and how often each is called in a run.

    Each is visited once, however many ways lead to it. A call of a function that is being called does not count.
    """
    if not known:
        return
    entry = next(iter(known.values()))
    calls: dict[FuncOp, list[tuple[FuncOp, float]]] = {entry: []}
    done: list[FuncOp] = []
    active = {entry: iter(calls_of(entry))}
    while active:
        function, rest = next(reversed(active.items()))
        called = next(rest, None)
        if called is None:
            active.popitem()
            done.append(function)
        elif called[0] not in active:
            calls[function].append(called)
            if called[0] not in calls:
                calls[called[0]] = []
                active[called[0]] = iter(calls_of(called[0]))
    times = dict.fromkeys(calls, 0.0) | {entry: 1.0}
    for function in reversed(done):
        yield function, times[function]
        for called, count in calls[function]:
            times[called] += times[function] * count


def _calls(region: Region) -> list[str]:
    return [op.callee.root_reference.data for op in region.walk() if isinstance(op, CallOp)]


def _turns(loop: WhileOp, known: Mapping[str, FuncOp]) -> float:
    """How often a loop turns: from where a counter starts to the constant that the condition compares it with."""
    blocks = [known[name].body.block for name in _calls(loop.cond) if name in known] or [loop.cond.block]
    found = [turns for block in blocks for op in block.ops if (turns := _distance(op, block, loop)) is not None]
    return min(found, default=float(_TURNS))


def _distance(op: Operation, block: Block, loop: WhileOp) -> float | None:
    if not isinstance(op, LessOp) or len(op.operands) < 2:
        return None
    counter, limit = op.operands[0], _one(op.operands[1])
    if limit is None or not isinstance(counter, BlockArgument) or counter.block is not block:
        return None
    start = _one(loop.operands[counter.index]) if counter.index < len(loop.operands) else None
    return None if start is None else float(max(limit - start, 0))


def _one(value: SSAValue) -> int | None:
    numbers = constant(value) if isinstance(value, OpResult) else None
    return numbers[0] if numbers else None
