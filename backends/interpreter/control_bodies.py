"""StableHLO operations that combine elements by a function of the module: scatters, reductions, windows and sorts.

As in LiteRT, the function is not run for each element; it must consist of one operation on its two arguments, for
which numpy's function is used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.ir import Operation

from tflir.backends.interpreter.control import control
from tflir.backends.interpreter.kernel import Array, refuse
from tflir.backends.interpreter.options import number, numbers, option, symbol
from tflir.backends.interpreter.stablehlo import padded_between
from tflir.backends.interpreter.stablehlo_indexing import element_indices, first_elements
from tflir.ir.functions import functions

_COMBINED: dict[str, Any] = {
    "add": np.add,
    "multiply": np.multiply,
    "mul": np.multiply,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
}


def _combination(interpreter: Interpreter, op: Operation, name: str) -> Any:
    """numpy's function for the function in option `name`; None if that returns its second argument."""
    symbol_name = symbol(option(op, name))
    function = next((each for each in functions(interpreter.module) if each.sym_name.data == symbol_name), None)
    operation = None if function is None else _read(function)
    if operation is None:
        raise refuse(
            f"@{symbol_name} is more than one operation of two elements", "write it as one add, mul, max or min"
        )
    return operation[0]


def _read(function: FuncOp) -> tuple[Any] | None:
    ops = list(function.body.block.ops)
    if len(ops) == 1 and isinstance(ops[0], ReturnOp) and list(ops[0].operands) == [function.body.block.args[-1]]:
        return (None,)
    kind = ops[0].name.removeprefix("tfl.").removeprefix("stablehlo_")
    return (_COMBINED[kind],) if len(ops) == 2 and kind in _COMBINED else None


@control("tfl.stablehlo_scatter")
def _scatter(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    """Updates whose window is not inside the operand are ignored."""
    x, indices, updates = args
    combine = _combination(interpreter, op, "update_computation_subgraph")
    windows = numbers(option(op, "update_window_dims"))
    inserted = numbers(option(op, "inserted_window_dims"))
    axes = numbers(option(op, "scatter_dims_to_operand_dims"))
    starts = first_elements(indices, number(option(op, "index_vector_dim")), axes, x)
    sizes = [updates.shape[axis] for axis in windows]
    for axis in sorted(inserted):
        sizes.insert(axis, 1)
    batches = [axis for axis in range(updates.ndim) if axis not in windows]
    values = updates.transpose(*batches, *windows).reshape(-1, *sizes)
    starts = starts.reshape(-1, x.ndim)
    inside = ((starts >= 0) & (starts + np.array(sizes) <= np.array(x.shape))).all(-1)
    out, index_arrays = x.copy(), element_indices(starts[inside], sizes)
    if combine is None:
        out[index_arrays] = values[inside]
    else:
        combine.at(out, index_arrays, values[inside])
    return (out,)


@control("tfl.stablehlo_reduce_window")
def _reduce_window(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    x, start = args
    combine = _combination(interpreter, op, "body_subgraph")
    if combine is None:
        raise refuse("a window of which one element is taken can't be computed", "combine the elements, as by a max")
    sizes = numbers(option(op, "window_dimensions"))
    ones = [1] * x.ndim
    strides, spread, pace = (
        numbers(option(op, name)) or ones for name in ("window_strides", "base_dilations", "window_dilations")
    )
    margins = numbers(option(op, "padding")) or [0] * (2 * x.ndim)
    source = padded_between(x, start.reshape(-1)[0], margins[::2], margins[1::2], [gap - 1 for gap in spread])
    return (_windows_combined(source, start, combine, (sizes, strides, pace)),)


def _windows_combined(
    source: Array, start: Array, combine: Any, window: tuple[list[int], list[int], list[int]]
) -> Array:
    sizes, strides, pace = window
    counts = [
        max((n - (size - 1) * gap - 1) // stride + 1, 0)
        for n, size, stride, gap in zip(source.shape, sizes, strides, pace, strict=True)
    ]
    steps = [s * stride for s, stride in zip(source.strides, strides, strict=True)]
    taps = [s * gap for s, gap in zip(source.strides, pace, strict=True)]
    view = np.lib.stride_tricks.as_strided(source, (*counts, *sizes), (*steps, *taps), writeable=False)
    return combine.reduce(view, tuple(range(source.ndim, 2 * source.ndim)), initial=start.reshape(-1)[0])


@control("tfl.stablehlo_reduce")
def _reduce(interpreter: Interpreter, op: Operation, args: PythonValues) -> PythonValues:
    combine = _combination(interpreter, op, "body_subgraph")
    if len(args) != 2 or combine is None:
        raise refuse("a reduction of several tensors can't be computed", "reduce one tensor at a time")
    axes = tuple(numbers(option(op, "dimensions")))
    return (np.asarray(combine.reduce(args[0], axes, initial=args[1].reshape(-1)[0]), args[0].dtype),)
