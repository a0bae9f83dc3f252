"""Measured times of ops with sparse weights relative to dense ones, one record for each machine.

Fully connected layers of n x n, LiteRT 2.3.0, default delegate, one thread. `benchmarks/sparsity.py --table` measures a
record on the machine that it runs on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SHARES = (0.1, 0.2, 0.3, 0.5)
"""Shares of blocks that are stored."""
BATCHES = (1, 4, 16, 64)
"""Vectors that are multiplied at once."""
_EVEN = (1.0, 1.0, 1.0, 1.0)
"""For weights smaller than those measured, where calling a kernel takes longer than its arithmetic: no difference."""


@dataclass(frozen=True)
class Machine:
    """Times relative to dense weights on one machine; the keys of the tables are n, for weights of n x n."""

    direct: Mapping[tuple[str, int], Mapping[int, Sequence[float]]]
    """By kernel and block length: the ratios of a kernel that reads a sparse weight directly, for each of `SHARES`."""
    more_rows: Mapping[str, Sequence[float]]
    """By kernel: the factor of these ratios for each of `BATCHES`. With several vectors a weight is read once for all,
    from which dense kernels gain more."""
    alone: Mapping[str, Mapping[int, float]]
    """By kernel: the runtime's own dense kernel relative to the delegate's."""
    convolved: Mapping[int, float]
    """An int8 fully connected op rewritten as a convolution, relative to the original."""
    few_positions: Mapping[int, float]
    """A float convolution relative to a hybrid one, with few output positions: reading the weight takes most time."""
    many_positions: Mapping[int, float]
    """The same with many output positions."""


# Measured on an AMD EPYC without AVX-512. Where nothing was measured, the ratio is 1.
_AVX2 = Machine(
    direct={
        ("float", 1): {
            64: _EVEN,
            256: (1.40, 2.40, 3.50, 6.00),
            512: (1.27, 2.49, 3.92, 6.68),
            1024: (1.24, 2.56, 4.01, 6.51),
            2048: (0.46, 1.12, 1.60, 2.61),
        },
        ("float", 4): {
            64: _EVEN,
            256: (0.50, 0.80, 1.10, 1.70),
            512: (0.41, 0.76, 1.03, 1.68),
            1024: (0.35, 0.64, 0.95, 1.63),
            2048: (0.12, 0.25, 0.43, 0.83),
        },
        ("hybrid", 16): {
            64: _EVEN,
            256: (0.43, 0.57, 0.57, 0.71),
            512: (0.27, 0.36, 0.45, 0.68),
            1024: (0.19, 0.30, 0.44, 0.63),
            2048: (0.16, 0.27, 0.37, 0.59),
        },
        ("int8", 16): {
            64: _EVEN,
            256: (0.86, 1.14, 1.57, 2.14),
            512: (0.76, 1.19, 1.57, 2.33),
            1024: (0.63, 1.03, 1.44, 2.22),
            2048: (0.45, 0.80, 1.19, 1.93),
        },
    },
    more_rows={
        "float": (1.00, 1.27, 1.25, 1.43),
        "hybrid": (1.00, 0.77, 0.75, 0.73),
        "int8": (1.00, 0.80, 0.95, 1.00),
    },
    alone={
        "hybrid": {64: 1.00, 2048: 1.00},
        "int8": {64: 2.00, 2048: 3.00},
    },
    convolved={64: 1.00, 2048: 1.00},
    few_positions={64: 1.00, 256: 1.43, 512: 1.68, 1024: 1.89, 2048: 5.33},
    many_positions={64: 0.85, 2048: 0.85},
)

# Measured on an Intel Xeon with AVX-512 VNNI, in models of 8 MB of equal layers, so that weights are read from memory.
_AVX512 = Machine(
    direct={
        ("float", 1): {
            64: (0.92, 1.11, 1.36, 1.77),
            128: (0.68, 1.13, 1.55, 2.34),
            256: (0.62, 1.21, 1.73, 2.92),
            512: (0.64, 1.30, 2.05, 3.51),
            1024: (0.65, 1.35, 2.15, 3.57),
            2048: (0.62, 1.28, 1.93, 3.22),
        },
        ("float", 4): {
            64: (0.76, 0.84, 0.91, 1.02),
            128: (0.40, 0.58, 0.70, 0.96),
            256: (0.23, 0.40, 0.58, 0.92),
            512: (0.18, 0.36, 0.56, 0.93),
            1024: (0.18, 0.37, 0.59, 0.94),
            2048: (0.20, 0.39, 0.59, 0.98),
        },
        ("hybrid", 16): {
            64: (1.05, 1.01, 0.94, 0.95),
            128: (0.79, 0.85, 0.86, 0.93),
            256: (0.50, 0.61, 0.69, 0.86),
            512: (0.28, 0.42, 0.53, 0.75),
            1024: (0.20, 0.32, 0.49, 0.84),
            2048: (0.18, 0.37, 0.51, 0.79),
        },
        ("int8", 16): {
            64: (1.23, 1.30, 1.36, 1.45),
            128: (1.26, 1.49, 1.69, 2.12),
            256: (1.06, 1.49, 1.95, 2.85),
            512: (0.90, 1.50, 2.15, 3.40),
            1024: (0.84, 1.57, 2.33, 3.73),
            2048: (0.78, 1.51, 2.21, 3.60),
        },
    },
    more_rows={
        "float": (1.00, 2.52, 3.75, 4.57),
        "hybrid": (1.00, 3.21, 4.93, 6.63),
        "int8": (1.00, 3.46, 3.43, 5.55),
    },
    alone={
        "hybrid": {64: 1.03, 128: 1.10, 256: 1.24, 512: 1.33, 1024: 1.36, 2048: 1.35},
        "int8": {64: 2.27, 128: 4.98, 256: 3.98, 512: 5.04, 1024: 5.71, 2048: 6.24},
    },
    convolved={64: 1.01, 128: 1.00, 2048: 1.00},
    few_positions={64: 1.10, 128: 1.79, 256: 2.61, 512: 3.41, 1024: 3.76, 2048: 3.90},
    many_positions={64: 1.24, 128: 2.17, 256: 2.85, 512: 3.70, 1024: 4.19, 2048: 4.88},
)

# The same Xeon with single layers: the weights of small models remain in the cache, where dense kernels are faster.
_AVX512_CACHED = Machine(
    direct={
        ("float", 1): {
            64: (1.56, 2.03, 2.47, 3.40),
            128: (1.63, 2.72, 3.80, 6.02),
            256: (2.02, 3.98, 5.74, 9.86),
            512: (2.10, 4.23, 6.86, 11.45),
            1024: (0.66, 1.40, 2.12, 3.69),
            2048: (0.52, 1.05, 1.58, 2.67),
        },
        ("float", 4): {
            64: (1.24, 1.42, 1.53, 1.80),
            128: (0.94, 1.21, 1.49, 2.08),
            256: (0.74, 1.16, 1.65, 2.53),
            512: (0.62, 1.15, 1.72, 2.82),
            1024: (0.19, 0.37, 0.56, 0.95),
            2048: (0.20, 0.40, 0.60, 1.01),
        },
        ("hybrid", 16): {
            64: (1.02, 1.05, 1.08, 1.13),
            128: (1.15, 1.30, 1.32, 1.47),
            256: (1.10, 1.31, 1.51, 1.88),
            512: (1.05, 1.39, 1.74, 2.42),
            1024: (0.83, 1.29, 1.92, 3.14),
            2048: (0.19, 0.36, 0.51, 0.80),
        },
        ("int8", 16): {
            64: (1.82, 1.99, 2.17, 2.48),
            128: (2.55, 3.25, 3.72, 4.95),
            256: (2.97, 4.21, 5.45, 8.05),
            512: (3.29, 5.39, 7.59, 12.18),
            1024: (3.26, 5.99, 8.87, 14.24),
            2048: (0.81, 1.57, 2.28, 3.81),
        },
    },
    more_rows={
        "float": (1.00, 1.27, 1.50, 1.76),
        "hybrid": (1.00, 2.17, 2.22, 2.60),
        "int8": (1.00, 1.20, 1.60, 1.95),
    },
    alone={
        "hybrid": {64: 1.20, 128: 1.75, 256: 2.79, 512: 4.15, 1024: 4.75, 2048: 1.37},
        "int8": {64: 2.61, 128: 5.72, 256: 9.78, 512: 14.95, 1024: 17.23, 2048: 6.09},
    },
    convolved={64: 1.04, 256: 1.00, 2048: 1.00},
    few_positions={64: 0.81, 128: 1.37, 256: 2.06, 512: 3.62, 1024: 14.14, 2048: 3.97},
    many_positions={64: 1.02, 128: 2.16, 256: 3.13, 512: 3.82, 1024: 4.94, 2048: 4.58},
)

# An AMD EPYC (Zen 4) with single layers.
_ZEN4 = Machine(
    direct={
        ("float", 1): {
            64: (1.33, 1.78, 2.29, 3.32),
            128: (1.63, 2.75, 4.05, 6.86),
            256: (1.99, 3.98, 5.96, 11.45),
            512: (1.79, 3.97, 6.50, 10.92),
            1024: (2.11, 4.65, 7.21, 12.31),
            2048: (1.32, 2.64, 4.11, 7.09),
        },
        ("float", 4): {
            64: (1.14, 1.27, 1.37, 1.63),
            128: (0.95, 1.25, 1.58, 2.22),
            256: (0.77, 1.25, 1.76, 2.77),
            512: (0.55, 0.99, 1.58, 2.54),
            1024: (0.53, 1.11, 1.69, 2.94),
            2048: (0.24, 0.51, 0.80, 1.41),
        },
        ("hybrid", 16): {
            64: (1.70, 1.75, 1.83, 1.97),
            128: (2.10, 2.34, 2.60, 3.06),
            256: (2.30, 2.89, 3.45, 4.58),
            512: (2.20, 3.13, 4.07, 5.96),
            1024: (1.53, 2.48, 3.42, 5.35),
            2048: (1.33, 2.36, 3.38, 5.45),
        },
        ("int8", 16): {
            64: (1.75, 1.85, 1.96, 2.18),
            128: (2.17, 2.52, 2.89, 3.85),
            256: (2.39, 3.44, 4.58, 6.78),
            512: (2.58, 4.34, 6.05, 9.42),
            1024: (1.81, 3.25, 4.60, 7.43),
            2048: (1.29, 2.45, 3.62, 5.89),
        },
    },
    more_rows={
        "float": (1.00, 0.94, 1.11, 1.29),
        "hybrid": (1.00, 1.73, 1.90, 2.34),
        "int8": (1.00, 1.36, 1.89, 2.33),
    },
    alone={
        "hybrid": {64: 2.26, 128: 4.18, 256: 7.16, 512: 10.43, 1024: 9.79, 2048: 10.52},
        "int8": {64: 2.37, 128: 4.29, 256: 7.19, 512: 10.37, 1024: 9.03, 2048: 6.95},
    },
    convolved={64: 1.01, 128: 1.03, 256: 1.02, 512: 1.01, 1024: 1.05, 2048: 1.00},
    few_positions={64: 1.12, 128: 1.61, 256: 2.37, 512: 3.90, 1024: 3.61, 2048: 6.70},
    many_positions={64: 1.47, 128: 2.62, 256: 3.46, 512: 3.94, 1024: 4.18, 2048: 4.56},
)

MEASURED = {"avx2": _AVX2, "avx512": _AVX512, "avx512-cached": _AVX512_CACHED, "zen4": _ZEN4}
"""The measured machines by name. If no CPU is asked for, the first one decides whether an option is slower."""
