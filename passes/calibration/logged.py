"""Which values of a function calibration records, and the position of each value in the function."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import BlockArgument, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constness import is_constant
from tflir.ir.tfl.constants import ConstOp
from tflir.passes.quantization.facts import KEEP_FLOAT, MODEL_QUANTIZED
from tflir.passes.rewriting.values import is_float

REORDERS = frozenset(
    f"tfl.{name}"
    for name in [
        "reshape",
        "squeeze",
        "expand_dims",
        "transpose",
        "reverse_v2",
        "reverse_sequence",
        "space_to_depth",
        "depth_to_space",
    ]
)
"""Ops whose result has exactly the elements of operand 0, in another order or shape."""

MAY_MAKE_NAN = frozenset(
    f"tfl.{name}"
    for name in ["div", "floor_div", "floor_mod", "pow", "sqrt", "rsqrt", "log", "bitcast", "custom", "builtin"]
)
"""Ops that may return NaN for finite operands. Other ops only do so by way of an infinity, which the ranges show."""


def values_of(function: FuncOp) -> Iterator[SSAValue]:
    """A function's arguments, then its ops' results in program order; a value's index in this is its *position*."""
    block = function.body.block
    yield from block.args
    for op in block.ops:
        yield from op.results


def is_state(value: SSAValue) -> bool:
    """Whether `value` is a variable tensor, such as an LSTM's state, which the op that reads it updates."""
    return isinstance(value, OpResult) and isinstance(value.op, ConstOp) and names.IS_VARIABLE in value.op.attributes


def logged(function: FuncOp) -> list[tuple[int, SSAValue]]:
    """(position, value) of every float32 tensor that some op reads or writes.

    Constants in any form are excluded, and so are values in parts that `tfl-preserve-quantized` marked to stay float.
    """
    positions: list[tuple[int, SSAValue]] = []
    for position, value in enumerate(values_of(function)):
        if not is_float(value) or _is_preserved(value):
            continue
        if isinstance(value, BlockArgument):
            if any(not isinstance(use.operation, ReturnOp) for use in value.uses):
                positions.append((position, value))
        elif not is_constant(value) and not is_state(value):
            positions.append((position, value))
    return positions


def _is_preserved(value: SSAValue) -> bool:
    """Whether no op that makes or reads the value will be changed, so that its range is not needed."""
    neighbours = [use.operation for use in value.uses if not isinstance(use.operation, ReturnOp)]
    if isinstance(value, OpResult):
        neighbours.append(value.op)
    return bool(neighbours) and all(
        KEEP_FLOAT in op.attributes or MODEL_QUANTIZED in op.attributes for op in neighbours
    )
