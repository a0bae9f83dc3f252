"""How long ops with sparse weights take beside dense ones, from measured tables.

`avx2` is an AMD EPYC without AVX-512, as in specification 5.1; `avx512` an Intel Xeon with AVX-512 VNNI. Both: LiteRT
2.3.0, default delegate, one thread, fully connected layers of n x n (n = sqrt(rows x columns)). Between the measured
sizes and shares the tables are interpolated. A sparse kernel's time follows the share of blocks that are stored.
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
        64: (1.14, 1.29, 1.43, 1.57),
        128: (1.00, 1.25, 1.50, 2.08),
        256: (0.83, 1.24, 1.63, 2.60),
        512: (0.64, 1.16, 1.78, 2.94),
        1024: (0.18, 0.39, 0.56, 0.93),
        2048: (0.20, 0.39, 0.58, 0.97),
    },
    ("float", 1, "avx2"): {
        64: _EVEN,
        256: (1.40, 2.40, 3.50, 6.00),
        512: (1.27, 2.49, 3.92, 6.68),
        1024: (1.24, 2.56, 4.01, 6.51),
        2048: (0.46, 1.12, 1.60, 2.61),
    },
    ("float", 1, "avx512"): {
        64: (1.43, 1.86, 2.30, 3.15),
        256: (2.00, 3.83, 5.60, 9.20),
        512: (2.03, 4.41, 6.80, 11.5),
        1024: (0.65, 1.40, 2.15, 3.65),
        2048: (0.69, 1.49, 2.28, 3.87),
    },
    ("hybrid", 16, "avx2"): {
        64: _EVEN,
        256: (0.43, 0.57, 0.57, 0.71),
        512: (0.27, 0.36, 0.45, 0.68),
        1024: (0.19, 0.30, 0.44, 0.63),
        2048: (0.16, 0.27, 0.37, 0.59),
    },
    ("hybrid", 16, "avx512"): {
        64: (1.00, 1.12, 1.12, 1.12),
        128: (1.11, 1.22, 1.33, 1.44),
        256: (1.10, 1.36, 1.50, 1.93),
        512: (0.97, 1.37, 1.73, 2.29),
        1024: (0.77, 1.25, 1.76, 2.58),
        2048: (0.16, 0.35, 0.49, 0.78),
    },
    ("int8", 16, "avx2"): {
        64: _EVEN,
        256: (0.86, 1.14, 1.57, 2.14),
        512: (0.76, 1.19, 1.57, 2.33),
        1024: (0.63, 1.03, 1.44, 2.22),
        2048: (0.45, 0.80, 1.19, 1.93),
    },
    ("int8", 16, "avx512"): {
        64: (1.83, 2.20, 2.00, 2.33),
        128: (2.43, 3.00, 3.43, 4.43),
        256: (3.00, 4.33, 5.17, 7.17),
        512: (3.39, 5.61, 7.45, 12.1),
        1024: (3.17, 6.17, 8.55, 14.9),
        2048: (0.83, 1.60, 2.31, 3.96),
    },
}
# One vector is the measured case; more at once share what is read, which a dense kernel makes more of.
_BATCHES = (1, 4, 16, 64)
_MORE_ROWS: dict[str, Sequence[float]] = {
    "float": (1.00, 1.27, 1.25, 1.43),
    "hybrid": (1.00, 0.77, 0.75, 0.73),
    "int8": (1.00, 0.80, 0.95, 1.00),
}
# A dense kernel of the runtime instead of the delegate's.
_ALONE: dict[tuple[str, str], Mapping[int, float]] = {
    ("hybrid", "avx2"): {64: 1.0, 2048: 1.0},
    ("hybrid", "avx512"): {64: 1.12, 128: 1.67, 256: 2.71, 512: 4.10, 1024: 4.40, 2048: 1.36},
    ("int8", "avx2"): {64: 2.0, 2048: 3.0},
    ("int8", "avx512"): {64: 2.50, 128: 5.00, 256: 8.42, 512: 14.1, 1024: 16.9, 2048: 4.73},
}
# The convolution form of a fully connected layer, int8.
_CONVOLVED: dict[str, Mapping[int, float]] = {
    "avx2": {64: 1.0, 512: 1.0, 2048: 1.0},
    "avx512": {64: 1.0, 2048: 1.0},
}
# A float convolution instead of the hybrid one: where the weight is read for few positions, its bytes decide.
_FEW_POSITIONS: dict[str, Mapping[int, float]] = {
    "avx2": {64: 1.0, 256: 1.43, 512: 1.68, 1024: 1.89, 2048: 5.33},
    "avx512": {64: 0.9, 128: 1.4, 256: 2.2, 512: 3.5, 1024: 15.0, 2048: 4.1},
}
_MANY_POSITIONS: dict[str, Mapping[int, float]] = {
    "avx2": {64: 0.85, 2048: 0.85},
    "avx512": {64: 1.05, 128: 2.3, 192: 5.7, 256: 3.3, 512: 3.9, 2048: 6.0},
}
_MANY = 16


def direct(kernel: str, block: int, cpu: str, shape: Sequence[int], share: float, rows: int) -> float:
    """Time beside dense of a fully connected op that reads blocks of a weight of `shape`, `share` of them stored."""
    table = _DIRECT[kernel, block, cpu]
    by_size = {size: _along(dict(zip(_SHARES, line, strict=True)), share) for size, line in table.items()}
    more = _along(dict(zip(map(math.log2, _BATCHES), _MORE_ROWS[kernel], strict=True)), math.log2(rows), clamp=True)
    return max(_by_size(by_size, shape) * more, 0.02)


def alone(kernel: str, cpu: str, shape: Sequence[int]) -> float:
    """Time beside the delegate's of the runtime's own dense kernel."""
    return _by_size(_ALONE[kernel, cpu], shape)


def convolved(cpu: str, shape: Sequence[int]) -> float:
    """Time of an int8 fully connected op's convolution form beside it."""
    return _by_size(_CONVOLVED[cpu], shape)


def widened(cpu: str, shape: Sequence[int], rows: int) -> float:
    """Time of a float convolution at `rows` positions beside the hybrid one."""
    table = _MANY_POSITIONS if rows >= _MANY else _FEW_POSITIONS
    return _by_size(table[cpu], shape)


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
