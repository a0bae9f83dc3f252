"""How long ops with sparse weights take beside dense ones: the tables of `machines.py`, interpolated.

A sparse kernel's time follows the share of blocks that are stored; a layer's size counts as n = sqrt(rows x columns).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

from tflir.passes.sparsity.machines import BATCHES, COST_TABLES, MEASURED, SHARES

CPUS = tuple(MEASURED)
_MANY = 16
"""Positions of a convolution from which on its weight is read often enough."""
_LEAST = 0.02
"""What a call takes at the least, beside a dense one."""


def direct(kernel: str, block: int, cpu: str, shape: Sequence[int], share: float, rows: int) -> float:
    """Time beside dense of a fully connected op that reads blocks of a weight of `shape`, `share` of them stored."""
    table = COST_TABLES.get(cpu).direct[kernel, block]
    by_size = {size: _along(dict(zip(SHARES, line, strict=True)), share) for size, line in table.items()}
    return max(_by_size(by_size, shape) * _more(kernel, cpu, rows), _LEAST)


def alone(kernel: str, cpu: str, shape: Sequence[int], rows: int) -> float:
    """Time beside the delegate's of the runtime's own dense kernel."""
    return _by_size(COST_TABLES.get(cpu).alone[kernel], shape) * max(_more(kernel, cpu, rows), 1.0)


def convolved(cpu: str, shape: Sequence[int]) -> float:
    """Time of an int8 fully connected op's convolution form beside it."""
    return _by_size(COST_TABLES.get(cpu).convolved, shape)


def widened(cpu: str, shape: Sequence[int], rows: int) -> float:
    """Time of a float convolution at `rows` positions beside the hybrid one."""
    machine = COST_TABLES.get(cpu)
    return _by_size(machine.many_positions if rows >= _MANY else machine.few_positions, shape)


def _more(kernel: str, cpu: str, rows: int) -> float:
    """By how much a ratio changes where `rows` vectors are multiplied at once."""
    points = dict(zip(map(math.log2, BATCHES), COST_TABLES.get(cpu).more_rows[kernel], strict=True))
    return _along(points, math.log2(rows), clamp=True)


def _by_size(table: Mapping[int, float], shape: Sequence[int]) -> float:
    size = math.sqrt(max(math.prod(shape), 1))
    return _along({math.log2(n): value for n, value in table.items()}, math.log2(size), clamp=True)


def _along(points: Mapping[float, float], at: float, *, clamp: bool = False) -> float:
    """The value at `at` on the line through `points`, which goes on beyond its ends unless clamped."""
    places = sorted(points)
    if clamp:
        at = min(max(at, places[0]), places[-1])
    right = min(max(bisect_right(places, at), 1), len(places) - 1)
    low, high = places[right - 1], places[right]
    return points[low] + (points[high] - points[low]) * (at - low) / (high - low)
