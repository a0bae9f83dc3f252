"""Reductions along axes of tensors that are not quantized, arg-max and arg-min, and running sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, integers, kernel, result_dtype
from tflir.backends.interpreter.options import flag, option
from tflir.ir.tfl.reduction import (
    ArgMaxOp,
    ArgMinOp,
    CumsumOp,
    MeanOp,
    ReduceAllOp,
    ReduceAnyOp,
    ReduceMaxOp,
    ReduceMinOp,
    ReduceProdOp,
    SumOp,
)


def reduced_axes(operand: Any, rank: int) -> tuple[int, ...]:
    """The axes of a reduction without duplicates, counted from the front."""
    return tuple(sorted({axis % rank for axis in integers(operand)})) if rank else ()


def reduced_shape(op: Operation, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a reduction's result, by `keep_dims`."""
    if flag(option(op, "keep_dims")):
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def rows_first(x: Array, axes: tuple[int, ...]) -> Array:
    """`x` as a matrix [reduced elements, kept elements], the former in the tensor's order."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    count = int(np.prod([x.shape[axis] for axis in axes], dtype=np.int64))
    return x.transpose(*axes, *kept).reshape(count, -1)


def in_order(x: Array, axes: tuple[int, ...], combine: Any) -> Array:
    """The elements along `axes` combined one after the other, as LiteRT does: float sums depend on the order."""
    rows = rows_first(x, axes)
    if rows.shape[1] == 1 and len(rows):
        return combine.accumulate(rows[:, 0])[-1:]  # numpy adds the elements of one row in another order
    return combine.reduce(np.ascontiguousarray(rows), 0, dtype=x.dtype)


@float_kernel(SumOp)
def total(op: SumOp, operands: Operands) -> Results:
    return [_reduced(op, operands, np.add)]


@float_kernel(ReduceProdOp)
def product(op: ReduceProdOp, operands: Operands) -> Results:
    return [_reduced(op, operands, np.multiply)]


def _reduced(op: Operation, operands: Operands, combine: Any) -> Array:
    x = operands[0]
    axes = reduced_axes(operands[1], x.ndim)
    return in_order(x, axes, combine).reshape(reduced_shape(op, x.shape, axes))


@float_kernel(MeanOp)
def mean(op: MeanOp, operands: Operands) -> Results:
    """Integers are summed exactly, and the quotient is rounded toward zero."""
    x = operands[0]
    axes = reduced_axes(operands[1], x.ndim)
    count = int(np.prod([x.shape[axis] for axis in axes], dtype=np.int64))
    shape = reduced_shape(op, x.shape, axes)
    if x.dtype.kind != "f":
        sums = rows_first(x, axes).sum(0, dtype=np.int64)
        return [(np.sign(sums) * (np.abs(sums) // max(count, 1))).astype(x.dtype).reshape(shape)]
    return [(in_order(x, axes, np.add) / x.dtype.type(count)).reshape(shape)]


def _extreme(function: Callable[..., Any], *ops: type[Operation]) -> None:
    """Registers a numpy reduction that only compares elements as the kernel of `ops`."""

    def run(op: Operation, operands: Operands) -> Results:
        x = operands[0]
        axes = reduced_axes(operands[1], x.ndim)
        return [np.asarray(function(x, axes, keepdims=flag(option(op, "keep_dims"))), x.dtype)]

    kernel(*ops)(run)


_extreme(np.max, ReduceMaxOp)
_extreme(np.min, ReduceMinOp)
_extreme(np.any, ReduceAnyOp)
_extreme(np.all, ReduceAllOp)


@kernel(ArgMaxOp)
def arg_max(op: ArgMaxOp, operands: Operands) -> Results:
    return [np.argmax(operands[0], integers(operands[1])[0]).astype(result_dtype(op))]


@kernel(ArgMinOp)
def arg_min(op: ArgMinOp, operands: Operands) -> Results:
    return [np.argmin(operands[0], integers(operands[1])[0]).astype(result_dtype(op))]


@float_kernel(CumsumOp)
def running_sum(op: CumsumOp, operands: Operands) -> Results:
    x, axis = operands[0], integers(operands[1])[0]
    source = np.flip(x, axis) if flag(op.reverse) else x
    sums = np.cumsum(source, axis, dtype=x.dtype)
    if flag(op.exclusive):
        head = np.zeros_like(np.take(sums, [0], axis)) if x.shape[axis] else sums
        sums = np.concatenate([head, np.take(sums, range(max(x.shape[axis] - 1, 0)), axis)], axis)
    return [np.flip(sums, axis) if flag(op.reverse) else sums]
