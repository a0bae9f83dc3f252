"""StableHLO operations that move elements, and general dot products."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, integers, kernel, result_dtype
from tflir.backends.interpreter.options import number, numbers, option
from tflir.ir.tfl import stablehlo as ops
from tflir.ir.tfl.variadic import VariadicOp
from tflir.ir.types import shape_of


@kernel(ops.StablehloReshapeOp)
def reshape(op: VariadicOp, operands: Operands) -> Results:
    return [operands[0].reshape(shape_of(op.results[0].type) or ())]


@kernel(ops.StablehloConcatenateOp)
def concatenate(op: VariadicOp, operands: Operands) -> Results:
    return [np.concatenate(list(operands), number(option(op, "dimension")))]


@kernel(ops.StablehloTransposeOp)
def transpose(op: VariadicOp, operands: Operands) -> Results:
    return [np.transpose(operands[0], numbers(option(op, "permutation")))]


@kernel(ops.StablehloBroadcastInDimOp)
def broadcast_in_dim(op: VariadicOp, operands: Operands) -> Results:
    """Dimension i of the operand becomes dimension `broadcast_dimensions[i]` of the result."""
    x, shape = operands[0], shape_of(op.results[0].type) or ()
    along = [1] * len(shape)
    for dimension, size in zip(numbers(option(op, "broadcast_dimensions")), x.shape, strict=True):
        along[dimension] = size
    return [np.broadcast_to(x.reshape(along), shape)]


@kernel(ops.StablehloSliceOp)
def block(op: VariadicOp, operands: Operands) -> Results:
    limits = (numbers(option(op, name)) for name in ("start_indices", "limit_indices", "strides"))
    return [operands[0][tuple(slice(*part) for part in zip(*limits, strict=True))]]


@kernel(ops.StablehloDynamicSliceOp)
def dynamic_slice(op: VariadicOp, operands: Operands) -> Results:
    sizes = numbers(option(op, "slice_sizes"))
    return [operands[0][_inside(operands[0].shape, operands[1:], sizes)]]


@kernel(ops.StablehloDynamicUpdateSliceOp)
def dynamic_update_slice(op: VariadicOp, operands: Operands) -> Results:
    out = operands[0].copy()
    out[_inside(out.shape, operands[2:], operands[1].shape)] = operands[1]
    return [out]


def _inside(shape: tuple[int, ...], starts: Operands, sizes: tuple[int, ...] | list[int]) -> tuple[slice, ...]:
    """The block of `sizes` at `starts`, moved so that it lies within `shape`."""
    firsts = [min(max(integers(start)[0], 0), n - size) for start, n, size in zip(starts, shape, sizes, strict=True)]
    return tuple(slice(first, first + size) for first, size in zip(firsts, sizes, strict=True))


@kernel(ops.StablehloPadOp)
def pad(op: VariadicOp, operands: Operands) -> Results:
    low, high, interior = (
        numbers(option(op, name)) for name in ("edge_padding_low", "edge_padding_high", "interior_padding")
    )
    return [padded_between(operands[0], operands[1].reshape(-1)[0], low, high, interior)]


def padded_between(x: Array, value: object, low: list[int], high: list[int], interior: list[int]) -> Array:
    """`x` with `value` before, after and between its elements; a negative count removes elements."""
    shape = [(size - 1) * (gap + 1) + 1 if size else 0 for size, gap in zip(x.shape, interior, strict=True)]
    spread = np.full(shape, value, x.dtype)
    spread[tuple(slice(None, None, gap + 1) for gap in interior)] = x
    margins = [(max(before, 0), max(after, 0)) for before, after in zip(low, high, strict=True)]
    out = np.full([size + sum(pair) for size, pair in zip(shape, margins, strict=True)], value, x.dtype)
    out[tuple(slice(before, before + size) for size, (before, _) in zip(shape, margins, strict=True))] = spread
    cut = (slice(max(-a, 0), size + min(b, 0)) for a, b, size in zip(low, high, out.shape, strict=True))
    return out[tuple(cut)]


@kernel(ops.StablehloIotaOp)
def count_up(op: VariadicOp, operands: Operands) -> Results:
    shape, dimension = shape_of(op.results[0].type) or (), number(option(op, "iota_dimension"))
    along = [1] * len(shape)
    along[dimension] = -1
    counted = np.arange(shape[dimension]).astype(result_dtype(op))
    return [np.broadcast_to(counted.reshape(along), shape)]


@float_kernel(ops.StablehloDotGeneralOp)
def dot_general(op: VariadicOp, operands: Operands) -> Results:
    x, y = operands
    batches, batches_y, sums, sums_y = (
        numbers(option(op, f"{side}_{kind}_dimensions"))
        for kind in ("batching", "contracting")
        for side in ("lhs", "rhs")
    )
    names = iter(range(x.ndim + y.ndim))
    of_x = [next(names) for _ in range(x.ndim)]
    of_y = [next(names) for _ in range(y.ndim)]
    for one, other in zip([*batches, *sums], [*batches_y, *sums_y], strict=True):
        of_y[other] = of_x[one]
    free = [of_x[axis] for axis in range(x.ndim) if axis not in (*batches, *sums)]
    free += [of_y[axis] for axis in range(y.ndim) if axis not in (*batches_y, *sums_y)]
    return [np.einsum(x, of_x, y, of_y, [*(of_x[axis] for axis in batches), *free]).astype(result_dtype(op))]
