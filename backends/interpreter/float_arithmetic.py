"""Arithmetic of two or more tensors that are not quantized: floats, and integers that wrap around."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.fused import activated
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, kernel, picked, refuse
from tflir.ir.tfl.arithmetic import (
    AddNOp,
    AddOp,
    Atan2Op,
    BitwiseXorOp,
    DivOp,
    FloorDivOp,
    FloorModOp,
    MaximumOp,
    MinimumOp,
    MulOp,
    PowOp,
    RightShiftOp,
    SquaredDifferenceOp,
    SubOp,
)


@float_kernel(AddOp, exact=True)
def add(op: AddOp, operands: Operands) -> Results:
    return [activated(operands[0] + operands[1], op.fused_activation_function)]


@float_kernel(SubOp, exact=True)
def subtract(op: SubOp, operands: Operands) -> Results:
    return [activated(operands[0] - operands[1], op.fused_activation_function)]


@float_kernel(MulOp, exact=True)
def multiply(op: MulOp, operands: Operands) -> Results:
    return [activated(operands[0] * operands[1], op.fused_activation_function)]


@float_kernel(DivOp, exact=True)
def divide(op: DivOp, operands: Operands) -> Results:
    return [activated(divided(*operands), op.fused_activation_function)]


def divided(lhs: Array, rhs: Array) -> Array:
    """The quotient; for integers, rounded toward zero."""
    return lhs / rhs if lhs.dtype.kind == "f" else _truncated(lhs, rhs)


def _truncated(lhs: Array, rhs: Array) -> Array:
    """Integer quotients rounded toward zero."""
    quotient = _floor_quotient(lhs, rhs)
    inexact = quotient * rhs != lhs
    return quotient + (inexact & ((lhs < 0) != (rhs < 0))).astype(lhs.dtype)


def _floor_quotient(lhs: Array, rhs: Array) -> Array:
    if not np.all(rhs):
        raise refuse("divides an integer by zero", "keep zeros out of the divisor")
    return lhs // rhs


@float_kernel(FloorDivOp, exact=True)
def floor_divide(op: FloorDivOp, operands: Operands) -> Results:
    lhs, rhs = operands
    return [np.floor(lhs / rhs) if lhs.dtype.kind == "f" else _floor_quotient(lhs, rhs)]


@float_kernel(FloorModOp, exact=True)
def floor_modulo(op: FloorModOp, operands: Operands) -> Results:
    lhs, rhs = operands
    if lhs.dtype.kind != "f" and not np.all(rhs):
        raise refuse("divides an integer by zero", "keep zeros out of the divisor")
    rest: Array = np.fmod(lhs, rhs)
    return [picked((rest != 0) & ((rhs < 0) != (rest < 0)), rest + rhs, rest)]


@float_kernel(PowOp)
def power(op: PowOp, operands: Operands) -> Results:
    base, exponent = np.broadcast_arrays(*operands)
    if base.dtype.kind == "f":
        return [np.power(base, exponent)]
    if np.any(exponent < 0):
        raise refuse("raises an integer to a negative power", "cast both operands to float")
    return [np.power(base, exponent)]


@float_kernel(SquaredDifferenceOp, exact=True)
def squared_difference(op: SquaredDifferenceOp, operands: Operands) -> Results:
    difference = operands[0] - operands[1]
    return [difference * difference]


@float_kernel(BitwiseXorOp)
def exclusive_or(op: BitwiseXorOp, operands: Operands) -> Results:
    return [operands[0] ^ operands[1]]


@float_kernel(RightShiftOp)
def right_shift(op: RightShiftOp, operands: Operands) -> Results:
    lhs, rhs = operands
    widest = lhs.dtype.itemsize * 8 - 1
    return [lhs >> np.clip(rhs, 0, widest).astype(lhs.dtype)]


@kernel(MaximumOp)
def maximum(op: MaximumOp, operands: Operands) -> Results:
    return [larger(*operands)]


@kernel(MinimumOp)
def minimum(op: MinimumOp, operands: Operands) -> Results:
    lhs, rhs = operands
    return [picked(lhs < rhs, lhs, rhs)]


def larger(lhs: Array, rhs: Array) -> Array:
    """The larger of two elements; the second if neither is larger (NaN, zeros of different signs)."""
    return picked(lhs > rhs, lhs, rhs)


@float_kernel(Atan2Op)
def angle(op: Atan2Op, operands: Operands) -> Results:
    return [np.arctan2(operands[0], operands[1])]


@float_kernel(AddNOp)
def add_all(op: AddNOp, operands: Operands) -> Results:
    total = operands[0]
    for operand in operands[1:]:
        total = total + operand
    return [total]
