"""How long models take, from measured times of their ops."""

from tflir.ir.targets.latency.estimate import Estimate, OpCost, estimate
from tflir.ir.targets.latency.table import Grid, LatencyTable

__all__ = ["Estimate", "Grid", "LatencyTable", "OpCost", "estimate"]
