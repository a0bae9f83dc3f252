"""Comparisons and logic of tensors that are not quantized, and selection between tensors of any element type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Operands, Results, float_kernel, kernel, picked
from tflir.ir.tfl.comparison import (
    EqualOp,
    GreaterEqualOp,
    GreaterOp,
    LessEqualOp,
    LessOp,
    LogicalAndOp,
    LogicalNotOp,
    LogicalOrOp,
    NotEqualOp,
    SelectOp,
    SelectV2Op,
)


def _binary(function: Callable[[Any, Any], Any], op: type[Operation]) -> None:
    """Registers a numpy function of two arrays as the kernel of `op`, whose results are booleans."""

    def run(op: Operation, operands: Operands) -> Results:
        return [np.asarray(function(operands[0], operands[1]), np.bool_)]

    float_kernel(op, exact=True)(run)


_binary(np.equal, EqualOp)
_binary(np.not_equal, NotEqualOp)
_binary(np.less, LessOp)
_binary(np.less_equal, LessEqualOp)
_binary(np.greater, GreaterOp)
_binary(np.greater_equal, GreaterEqualOp)
_binary(np.logical_and, LogicalAndOp)
_binary(np.logical_or, LogicalOrOp)


@float_kernel(LogicalNotOp)
def logical_not(op: LogicalNotOp, operands: Operands) -> Results:
    return [np.logical_not(operands[0])]


@kernel(SelectOp)
def select(op: SelectOp, operands: Operands) -> Results:
    """A condition of one dimension picks whole rows, unless the operands have its shape."""
    condition, x, y = operands
    if condition.ndim == 1 and x.ndim > 1 and condition.shape[0] == x.shape[0]:
        condition = condition.reshape(-1, *[1] * (x.ndim - 1))
    return [picked(condition, x, y)]


@kernel(SelectV2Op)
def select_v2(op: SelectV2Op, operands: Operands) -> Results:
    return [picked(operands[0], operands[1], operands[2])]
