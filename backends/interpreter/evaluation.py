"""Runs a single op on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from tflir.backends.interpreter.control import controls
from tflir.backends.interpreter.kernel import Array, Kernel, Operands, Rounding, is_exact
from tflir.backends.interpreter.state import State
from tflir.backends.interpreter.table import kernel_of
from tflir.ir.errors import Error
from tflir.ir.names import place
from tflir.ir.types import element_of

_NO_CONSTANT = ("tfl.random_uniform", "tfl.random_standard_normal", "tfl.multinomial")


def evaluate(op: Operation, operands: Operands, *, rounding: Rounding = "reference") -> Sequence[Array] | None:
    """The results of `op` for these operands if they equal LiteRT's to the bit; else None.

    For passes that replace an op by a constant. Also None if the op has no kernel, or its kernel refuses the operands.
    """
    kernel = kernel_of(op, rounding)
    if kernel is None or not is_exact(op, kernel) or op.name in _NO_CONSTANT:
        return None
    try:
        return run_kernel(kernel, op, operands)
    except Error:
        return None


def run_op(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    """The results of a `tfl` op: control flow and variables by functions of their own, other ops by their kernel.

    Raises `Error` if it has no kernel for its element types, or if the kernel can't compute it.
    """
    if (control := controls().get(op.name)) is not None:
        return control(interpreter, op, args)
    kernel = kernel_of(op, State.of(interpreter).rounding)
    if kernel is None:
        raise no_kernel(op)
    return run_kernel(kernel, op, args)


def no_kernel(op: Operation) -> Error:
    """The error for an op that the interpreter has no kernel for."""
    types = ", ".join(str(element_of(value.type) or "none") for value in (*op.operands, *op.results))
    return Error(
        f"the interpreter has no kernel for elements of {types}" if types else "the interpreter has no kernel for it",
        op=op.name,
        location=place(op),
        hint="run the model in LiteRT, or register an implementation (docs/interpreter.md)",
    )


def run_kernel(kernel: Kernel, op: Operation, operands: Operands) -> tuple[Any, ...]:
    """The results of `kernel` for `op`. Raises `Error`, which names the op, if it can't compute them."""
    try:
        with np.errstate(all="ignore"):
            return tuple(kernel(op, operands))
    except Error as error:
        error.op = error.op or op.name
        error.location = error.location or place(op)
        raise
    except (ArithmeticError, IndexError, TypeError, ValueError) as error:
        raise Error(
            f"can't be computed for operands of shapes {_shapes(operands)}: {error}",
            op=op.name,
            location=place(op),
            hint="give inputs of the shapes that the model takes",
        ) from error


def _shapes(operands: Operands) -> str:
    return ", ".join("none" if value is None else str(list(np.shape(value))) for value in operands)
