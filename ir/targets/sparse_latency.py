"""Estimates the time of ops with sparse weights relative to dense ones, by interpolation in measured tables.

All times are ratios: 0.5 is twice as fast as the op with dense weights. The time of a sparse kernel depends on the
share of blocks that are stored. The tables are for square weights; others count as n x n, n = sqrt(rows x columns).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from tflir.ir.errors import USAGE, Error
from tflir.ir.targets.cpus import COST_TABLES
from tflir.ir.targets.sparse_times import BATCHES, MEASURED, SHARES, Machine

CPUS = tuple(name for name in MEASURED if name != "zen4")
"""The machines that a choice considers for which no CPU was named."""
KERNELS = (("float", 1), ("float", 4), ("hybrid", 16), ("int8", 16))
"""The kernels that read sparse weights directly, and the lengths of their blocks."""
_MANY = 16
"""A convolution with at least so many output positions uses the table for many positions."""
_LEAST = 0.02
"""A lower limit of the ratios, since calling a kernel takes time too."""


def direct(kernel: str, block: int, cpu: str, shape: Sequence[int], share: float, rows: int) -> float:
    """The ratio for a fully connected op that reads a sparse weight directly.

    The weight has `shape` and blocks of length `block`, of which the part `share` (0 to 1) is stored; `rows` vectors
    are multiplied by it in a run.
    """
    table = _machine(cpu).direct[kernel, block]
    by_size = {size: _along(dict(zip(SHARES, line, strict=True)), share) for size, line in table.items()}
    return max(_by_size(by_size, shape) * _more(kernel, cpu, rows), _LEAST)


def alone(kernel: str, cpu: str, shape: Sequence[int], rows: int) -> float:
    """The time of the runtime's own dense kernel relative to the delegate's."""
    return _by_size(_machine(cpu).alone[kernel], shape) * max(_more(kernel, cpu, rows), 1.0)


def convolved(cpu: str, shape: Sequence[int]) -> float:
    """The time of an int8 fully connected op rewritten as a convolution, relative to the original."""
    return _by_size(_machine(cpu).convolved, shape)


def widened(cpu: str, shape: Sequence[int], rows: int) -> float:
    """The time of a float convolution with `rows` output positions relative to the hybrid one."""
    machine = _machine(cpu)
    return _by_size(machine.many_positions if rows >= _MANY else machine.few_positions, shape)


def _machine(cpu: str) -> Machine:
    """The sparse times of a CPU. Raises `Error` (status 2) where they were not measured."""
    found = COST_TABLES.get(cpu).sparse
    if found is None:
        hint = f"use {', '.join(CPUS)}, or measure it with benchmarks/sparsity.py --table"
        raise Error(f"no times of sparse weights are known of cpu '{cpu}'", hint=hint, status=USAGE)
    return found


def _more(kernel: str, cpu: str, rows: int) -> float:
    """The factor of a ratio if `rows` vectors are multiplied at once instead of one."""
    points = dict(zip(map(math.log2, BATCHES), _machine(cpu).more_rows[kernel], strict=True))
    return _along(points, math.log2(rows), clamp=True)


def _by_size(table: Mapping[int, float], shape: Sequence[int]) -> float:
    size = math.sqrt(max(math.prod(shape), 1))
    return _along({math.log2(n): value for n, value in table.items()}, math.log2(size), clamp=True)


def _along(points: Mapping[float, float], at: float, *, clamp: bool = False) -> float:
    """Linear interpolation at `at` between `points`; beyond their ends it extrapolates unless `clamp` is set."""
    places = sorted(points)
    if clamp:
        at = min(max(at, places[0]), places[-1])
    right = min(max(bisect_right(places, at), 1), len(places) - 1)
    low, high = places[right - 1], places[right]
    return points[low] + (points[high] - points[low]) * (at - low) / (high - low)
