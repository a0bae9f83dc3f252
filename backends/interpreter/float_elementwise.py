"""Elementwise functions of a tensor that is not quantized."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Array, Operands, Results, dtype_of, float_kernel, kernel, result_dtype
from tflir.ir.tfl.elementwise import (
    AbsOp,
    BitcastOp,
    CastOp,
    CeilOp,
    ComplexAbsOp,
    CosOp,
    ExpOp,
    FloorOp,
    ImagOp,
    LogOp,
    NegOp,
    RealOp,
    RoundOp,
    RsqrtOp,
    SignOp,
    SinOp,
    SqrtOp,
    SquareOp,
)


def _unary(function: Callable[[Array], Array], op: type[Operation], *, exact: bool = False) -> None:
    """Registers a numpy function as the kernel of `op`."""

    def run(op: Operation, operands: Operands) -> Results:
        return [function(operands[0])]

    float_kernel(op, exact=exact)(run)


def reciprocal_root(x: Array) -> Array:
    """1 / the square root."""
    return x.dtype.type(1) / np.sqrt(x)


_unary(np.abs, AbsOp, exact=True)
_unary(np.negative, NegOp, exact=True)
_unary(np.sign, SignOp, exact=True)
_unary(np.square, SquareOp, exact=True)
_unary(np.sqrt, SqrtOp, exact=True)
_unary(reciprocal_root, RsqrtOp)
_unary(np.exp, ExpOp)
_unary(np.log, LogOp)
_unary(np.sin, SinOp)
_unary(np.cos, CosOp)
_unary(np.floor, FloorOp, exact=True)
_unary(np.ceil, CeilOp, exact=True)
_unary(np.rint, RoundOp, exact=True)
_unary(np.real, RealOp, exact=True)
_unary(np.imag, ImagOp, exact=True)
_unary(np.abs, ComplexAbsOp)


@float_kernel(CastOp, exact=True)
def cast(op: CastOp, operands: Operands) -> Results:
    source: Any = operands[0].real if operands[0].dtype.kind == "c" else operands[0]
    wanted = result_dtype(op)
    if wanted.kind in "iu" and source.dtype.kind == "f" and wanted.itemsize < 4:
        source = source.astype(np.int32)  # as in C++: to an integer of 32 bits, whose low bits are kept
    return [_converted(operands[0] if wanted.kind == "c" else source, wanted)]


def _converted(x: Array, dtype: np.dtype[Any]) -> Array:
    return x.astype(dtype)


@kernel(BitcastOp)
def bitcast(op: BitcastOp, operands: Operands) -> Results:
    """A narrower element type adds a last dimension, a wider one removes it."""
    return [_viewed(operands[0], dtype_of(op.output.type))]


def _viewed(x: Array, dtype: np.dtype[Any]) -> Array:
    flat: Array = np.ascontiguousarray(x).reshape(-1).view(dtype)
    if x.itemsize == dtype.itemsize:
        return flat.reshape(x.shape)
    return flat.reshape(*x.shape, -1) if x.itemsize > dtype.itemsize else flat.reshape(x.shape[:-1])
