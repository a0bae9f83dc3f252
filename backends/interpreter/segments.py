"""Reductions over the rows of each segment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, integers
from tflir.ir.tfl.reduction import (
    SegmentSumOp,
    UnsortedSegmentMaxOp,
    UnsortedSegmentMinOp,
    UnsortedSegmentProdOp,
    UnsortedSegmentSumOp,
)


@float_kernel(SegmentSumOp)
def segment_sum(op: SegmentSumOp, operands: Operands) -> Results:
    x, ids = operands
    out = np.zeros((int(ids[-1]) + 1 if len(ids) else 0, *x.shape[1:]), x.dtype)
    np.add.at(out, ids, x)
    return [out]


def _unsorted(op: type[Operation], combine: Any, start: Callable[[np.dtype[Any]], Any]) -> None:
    """Registers a reduction by segment; rows with a negative segment number are ignored, and `start` is the value of
    an empty segment."""

    def run(op: Operation, operands: Operands) -> Results:
        x, ids = operands[:2]
        count = integers(operands[2])[0]
        rows = x.reshape(ids.size, -1)
        flat: Array = ids.reshape(-1)
        out = np.full((count, rows.shape[1]), start(x.dtype), x.dtype)
        kept = flat >= 0
        combine.at(out, flat[kept], rows[kept])
        return [out.reshape(count, *x.shape[ids.ndim :])]

    float_kernel(op)(run)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


_unsorted(UnsortedSegmentSumOp, np.add, lambda dtype: 0)
_unsorted(UnsortedSegmentProdOp, np.multiply, lambda dtype: 1)
_unsorted(UnsortedSegmentMaxOp, np.maximum, _lowest)
_unsorted(UnsortedSegmentMinOp, np.minimum, _highest)
