"""What each node costs by the model of latency, and what the default delegate makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tflir.ir.errors import Error
from tflir.ir.targets import TARGETS
from tflir.ir.targets.latency import estimate
from tflir.report.graph.contents import Graph
from tflir.report.graph.measures import Measure

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

_TARGET = "xnnpack"
_MICRO = 1e6


def cost_measures(module: ModuleOp, graphs: Sequence[Graph]) -> list[Measure]:
    """The estimated time of each operator, and whether XNNPACK takes it; none where the model can't be judged."""
    ops = [node.op for graph in graphs for node in graph.nodes if node.op is not None]
    target = TARGETS.get(_TARGET)
    try:
        verdicts = {op: target.verdict(op) for op in ops}
        costs = {cost.op: cost.seconds * _MICRO for cost in estimate(module, _TARGET, verdicts=verdicts).ops}
    except Error:
        return []
    times = [[costs.get(node.op) if node.op is not None else None for node in graph.nodes] for graph in graphs]
    taken = [
        [str(verdicts[node.op].status) if node.op is not None else None for node in graph.nodes] for graph in graphs
    ]
    return [Measure("estimated time", "us", "sum", times), Measure("taken by XNNPACK", "class", "sum", taken)]
