"""What the vendor's chip runs and how fast it is."""

from tflir.ir.targets.cpus import Cpu
from tflir.ir.targets.elements import target_by_elements
from tflir.ir.targets.latency import Grid, LatencyTable
from tflir.ir.targets.sparse_times import BATCHES, SHARES, Machine

_EVEN = dict.fromkeys((64, 2048), 1.0)
KERNELS = target_by_elements(
    "acme",
    {"CONV_2D": ("", "INT8"), "RELU": ("FLOAT32", "INT8"), "AcmeSoftClip": ("FLOAT32", "INT8")},
    "the vendor's chip",
    known="published: the vendor's manual",
)
"""Convolutions of int8 alone; activations in float too; no other operator."""
_SPARSE = Machine(
    direct={
        kernel: {64: SHARES, 2048: SHARES} for kernel in (("float", 1), ("float", 4), ("hybrid", 16), ("int8", 16))
    },
    more_rows={kernel: (1.0,) * len(BATCHES) for kernel in ("float", "hybrid", "int8")},
    alone={"hybrid": _EVEN, "int8": _EVEN},
    convolved=_EVEN,
    few_positions=_EVEN,
    many_positions=_EVEN,
)
"""It skips what is not stored: an op takes the share of time that is the share of blocks stored."""
_LATENCY = LatencyTable(
    fixed={"invoke": 1000.0},
    kernels={"litert CONV_2D qi8": Grid(((16, 1024), (9, 576), (8, 64)), (10, 80, 60, 480, 600, 4800, 3600, 28000))},
)
"""Nanoseconds of int8 convolutions: positions, products for each result, channels."""
CHIP = Cpu(_SPARSE, _LATENCY)
