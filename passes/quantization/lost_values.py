"""Says which values become 0, since the steps of their integers are wider than the values are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.ir import SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import may_be_integer
from tflir.passes.rewriting.values import producer

_WHY = "its results become 0: the steps of integers are wider, as its kernel or float32 scales need it"


def note_lost(
    ranges: Mapping[SSAValue, Range], chosen: Mapping[SSAValue, UniformQuantizedType | None], report: PassReport
) -> None:
    """Notes values that are recorded to be other than 0, but are all below half a step of the chosen type."""
    lost = 0
    for value, bounds in ranges.items():
        op, kind = producer(value), chosen.get(value)
        most = max(-bounds.low, bounds.high)
        if kind is None or (op is not None and not may_be_integer(op)) or most == 0:
            continue
        if most < float(np.max(kind.layout.scales)) / 2:
            report.decline(_WHY, op)
            lost += 1
    if lost:
        becomes = "1 value becomes" if lost == 1 else f"{lost} values become"
        report.remarks.append(f"{becomes} 0, smaller than the steps of integers can be there (-v says more)")
