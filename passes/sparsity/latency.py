"""How long ops with sparse weights take beside dense ones, from measured tables.

`avx2` is an AMD EPYC without AVX-512, as in specification 5.1; `avx512` an Intel Xeon with AVX-512 VNNI, measured with
`benchmarks/sparsity.py --table --among 8`: each layer among others like it, its weights coming from memory as in a
model. Both: LiteRT 2.3.0, default delegate, one thread, fully connected layers of n x n (n = sqrt(rows x columns)).
Between the measured sizes and shares the tables are interpolated. A sparse kernel's time follows the share of blocks
that are stored.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence

CPUS = ("avx2", "avx512")
REFERENCE = CPUS[0]
"""What decides whether something is slower, where no CPU is named: most machines are nearer to it."""

_SHARES = (0.1, 0.2, 0.3, 0.5)
_Table = Mapping[int, Sequence[float]]
"""For each n, time beside dense at these shares of stored blocks."""

_EVEN = (1.0, 1.0, 1.0, 1.0)
"""Below what was measured, calls take longer than the arithmetic."""
_DIRECT: dict[tuple[str, int, str], _Table] = {
    ("float", 4, "avx2"): {
        64: _EVEN,
        256: (0.50, 0.80, 1.10, 1.70),
        512: (0.41, 0.76, 1.03, 1.68),
        1024: (0.35, 0.64, 0.95, 1.63),
        2048: (0.12, 0.25, 0.43, 0.83),
    },
    ("float", 4, "avx512"): {
        64: (0.76, 0.84, 0.91, 1.02),
        128: (0.40, 0.58, 0.70, 0.96),
        256: (0.23, 0.40, 0.58, 0.92),
        512: (0.18, 0.36, 0.56, 0.93),
        1024: (0.18, 0.37, 0.59, 0.94),
        2048: (0.20, 0.39, 0.59, 0.98),
    },
    ("float", 1, "avx2"): {
        64: _EVEN,
        256: (1.40, 2.40, 3.50, 6.00),
        512: (1.27, 2.49, 3.92, 6.68),
        1024: (1.24, 2.56, 4.01, 6.51),
        2048: (0.46, 1.12, 1.60, 2.61),
    },
    ("float", 1, "avx512"): {
        64: (0.92, 1.11, 1.36, 1.77),
        128: (0.68, 1.13, 1.55, 2.34),
        256: (0.62, 1.21, 1.73, 2.92),
        512: (0.64, 1.30, 2.05, 3.51),
        1024: (0.65, 1.35, 2.15, 3.57),
        2048: (0.62, 1.28, 1.93, 3.22),
    },
    ("hybrid", 16, "avx2"): {
        64: _EVEN,
        256: (0.43, 0.57, 0.57, 0.71),
        512: (0.27, 0.36, 0.45, 0.68),
        1024: (0.19, 0.30, 0.44, 0.63),
        2048: (0.16, 0.27, 0.37, 0.59),
    },
    ("hybrid", 16, "avx512"): {
        64: (1.05, 1.01, 0.94, 0.95),
        128: (0.79, 0.85, 0.86, 0.93),
        256: (0.50, 0.61, 0.69, 0.86),
        512: (0.28, 0.42, 0.53, 0.75),
        1024: (0.20, 0.32, 0.49, 0.84),
        2048: (0.18, 0.37, 0.51, 0.79),
    },
    ("int8", 16, "avx2"): {
        64: _EVEN,
        256: (0.86, 1.14, 1.57, 2.14),
        512: (0.76, 1.19, 1.57, 2.33),
        1024: (0.63, 1.03, 1.44, 2.22),
        2048: (0.45, 0.80, 1.19, 1.93),
    },
    ("int8", 16, "avx512"): {
        64: (1.23, 1.30, 1.36, 1.45),
        128: (1.26, 1.49, 1.69, 2.12),
        256: (1.06, 1.49, 1.95, 2.85),
        512: (0.90, 1.50, 2.15, 3.40),
        1024: (0.84, 1.57, 2.33, 3.73),
        2048: (0.78, 1.51, 2.21, 3.60),
    },
}
# The tables are of one vector at a time. What is read for one serves all; dense kernels make more of that. (n = 1024)
_BATCHES = (1, 4, 16, 64)
_MORE_ROWS: dict[tuple[str, str], Sequence[float]] = {
    ("float", "avx2"): (1.00, 1.27, 1.25, 1.43),
    ("float", "avx512"): (1.00, 2.52, 3.75, 4.57),
    ("hybrid", "avx2"): (1.00, 0.77, 0.75, 0.73),
    ("hybrid", "avx512"): (1.00, 3.21, 4.93, 6.63),
    ("int8", "avx2"): (1.00, 0.80, 0.95, 1.00),
    ("int8", "avx512"): (1.00, 3.46, 3.43, 5.55),
}
# A dense kernel of the runtime instead of the delegate's.
_ALONE: dict[tuple[str, str], Mapping[int, float]] = {
    ("hybrid", "avx2"): {64: 1.0, 2048: 1.0},
    ("hybrid", "avx512"): {64: 1.03, 128: 1.10, 256: 1.24, 512: 1.33, 1024: 1.36, 2048: 1.35},
    ("int8", "avx2"): {64: 2.0, 2048: 3.0},
    ("int8", "avx512"): {64: 2.27, 128: 4.98, 256: 3.98, 512: 5.04, 1024: 5.71, 2048: 6.24},
}
# The convolution form of a fully connected layer, int8.
_CONVOLVED: dict[str, Mapping[int, float]] = {
    "avx2": {64: 1.0, 512: 1.0, 2048: 1.0},
    "avx512": {64: 1.01, 128: 0.99, 256: 1.00, 512: 1.00, 1024: 1.00, 2048: 1.00},
}
# A float convolution instead of the hybrid one: where the weight is read for few positions, its bytes decide.
_FEW_POSITIONS: dict[str, Mapping[int, float]] = {
    "avx2": {64: 1.0, 256: 1.43, 512: 1.68, 1024: 1.89, 2048: 5.33},
    "avx512": {64: 1.10, 128: 1.79, 256: 2.61, 512: 3.41, 1024: 3.76, 2048: 3.90},
}
_MANY_POSITIONS: dict[str, Mapping[int, float]] = {
    "avx2": {64: 0.85, 2048: 0.85},
    "avx512": {64: 1.24, 128: 2.17, 256: 2.85, 512: 3.70, 1024: 4.19, 2048: 4.88},
}
_MANY = 16
_LEAST = 0.02
"""What a call takes at the least, beside a dense one."""


def direct(kernel: str, block: int, cpu: str, shape: Sequence[int], share: float, rows: int) -> float:
    """Time beside dense of a fully connected op that reads blocks of a weight of `shape`, `share` of them stored."""
    table = _DIRECT[kernel, block, cpu]
    by_size = {size: _along(dict(zip(_SHARES, line, strict=True)), share) for size, line in table.items()}
    return max(_by_size(by_size, shape) * _more(kernel, cpu, rows), _LEAST)


def alone(kernel: str, cpu: str, shape: Sequence[int], rows: int) -> float:
    """Time beside the delegate's of the runtime's own dense kernel."""
    return _by_size(_ALONE[kernel, cpu], shape) * max(_more(kernel, cpu, rows), 1.0)


def convolved(cpu: str, shape: Sequence[int]) -> float:
    """Time of an int8 fully connected op's convolution form beside it."""
    return _by_size(_CONVOLVED[cpu], shape)


def widened(cpu: str, shape: Sequence[int], rows: int) -> float:
    """Time of a float convolution at `rows` positions beside the hybrid one."""
    table = _MANY_POSITIONS if rows >= _MANY else _FEW_POSITIONS
    return _by_size(table[cpu], shape)


def _more(kernel: str, cpu: str, rows: int) -> float:
    """By how much a ratio changes where `rows` vectors are multiplied at once."""
    points = dict(zip(map(math.log2, _BATCHES), _MORE_ROWS[kernel, cpu], strict=True))
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
