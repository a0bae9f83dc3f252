"""Tensors created from shapes and numbers: fill, range, one-hot and the like."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Operands, Results, integers, kernel, picked, refuse, result_dtype
from tflir.backends.interpreter.options import number
from tflir.ir.tfl.filling import (
    FillOp,
    MatrixDiagOp,
    MatrixSetDiagOp,
    OneHotOp,
    RangeOp,
    RankOp,
    ShapeOp,
    ZerosLikeOp,
)


@kernel(ShapeOp)
def shape(op: ShapeOp, operands: Operands) -> Results:
    return [np.array(operands[0].shape, result_dtype(op))]


@kernel(RankOp)
def rank(op: RankOp, operands: Operands) -> Results:
    return [np.array(operands[0].ndim, result_dtype(op))]


@kernel(FillOp)
def fill(op: FillOp, operands: Operands) -> Results:
    dims, value = operands
    return [np.full(integers(dims), value.reshape(())[()], value.dtype)]


@kernel(ZerosLikeOp)
def zeros_like(op: ZerosLikeOp, operands: Operands) -> Results:
    return [np.zeros_like(operands[0])]


@kernel(RangeOp)
def count_up(op: RangeOp, operands: Operands) -> Results:
    """The range's floats are computed by repeated addition in the element type, as in LiteRT."""
    start, limit, delta = (operand.reshape(-1)[0] for operand in operands)
    if delta == 0 or ((delta > 0) != (start < limit) and start != limit):
        raise refuse(f"a range from {start} to {limit} can't be made by steps of {delta}", "turn the sign of the step")
    if start.dtype.kind != "f":
        return [np.arange(start, limit, delta, dtype=start.dtype)]
    count = max(int(np.ceil(np.abs((limit - start) / delta))), 0)
    steps = np.full(count, delta, start.dtype)
    if count:
        steps[0] = start
    return [np.cumsum(steps, dtype=start.dtype)]


@kernel(OneHotOp)
def one_hot(op: OneHotOp, operands: Operands) -> Results:
    indices, depth, on_value, off_value = operands
    axis = number(op.axis)
    chosen = np.expand_dims(indices, axis if axis >= 0 else -1)
    along = [1] * chosen.ndim
    along[axis if axis >= 0 else -1] = -1
    positions = np.arange(integers(depth)[0]).reshape(along)
    return [picked(chosen == positions, on_value.reshape(()), off_value.reshape(()))]


@kernel(MatrixDiagOp)
def matrix_diag(op: MatrixDiagOp, operands: Operands) -> Results:
    diagonal = operands[0]
    size = diagonal.shape[-1]
    out = np.zeros((*diagonal.shape, size), diagonal.dtype)
    out[..., range(size), range(size)] = diagonal
    return [out]


@kernel(MatrixSetDiagOp)
def matrix_set_diag(op: MatrixSetDiagOp, operands: Operands) -> Results:
    x, diagonal = operands
    size = min(x.shape[-2:])
    out = x.copy()
    out[..., range(size), range(size)] = diagonal
    return [out]
