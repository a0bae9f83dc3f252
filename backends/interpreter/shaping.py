"""Ops that change the shape and order of elements of any type."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from xdsl.ir import Attribute, SSAValue

from tflir.backends.interpreter.kernel import (
    Array,
    Operands,
    Results,
    has_quant,
    integers,
    kernel,
    picked,
    places,
    quant_of,
    refuse,
    result_dtype,
)
from tflir.backends.interpreter.options import number, numbers, word
from tflir.backends.interpreter.rounding import round_away
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.shaping import (
    BroadcastArgsOp,
    BroadcastToOp,
    ConcatenationOp,
    ExpandDimsOp,
    PackOp,
    ReshapeOp,
    ReverseSequenceOp,
    ReverseV2Op,
    SplitOp,
    SplitVOp,
    SqueezeOp,
    TileOp,
    TransposeOp,
    UnpackOp,
)
from tflir.ir.types import element_of


@kernel(ReshapeOp)
def reshape(op: ReshapeOp, operands: Operands) -> Results:
    x, shape = operands
    wanted = numbers(op.new_shape) if shape is None else integers(shape)
    return [x.reshape([] if wanted == [0] and x.size == 1 else _without_unknown(wanted, x.size))]


def _without_unknown(shape: Sequence[int], size: int) -> list[int]:
    """`shape` with its -1 replaced by the size that follows, also if other dimensions are 0."""
    known = math.prod(dim for dim in shape if dim != -1)
    return [size // known if dim == -1 and known else max(dim, 0) for dim in shape]


@kernel(SqueezeOp)
def squeeze(op: SqueezeOp, operands: Operands) -> Results:
    x = operands[0]
    axes = tuple(numbers(op.squeeze_dims)) or None
    return [np.squeeze(x, axes)]


@kernel(ExpandDimsOp)
def expand_dims(op: ExpandDimsOp, operands: Operands) -> Results:
    return [np.expand_dims(operands[0], integers(operands[1])[0])]


@kernel(TransposeOp)
def transpose(op: TransposeOp, operands: Operands) -> Results:
    return [np.transpose(operands[0], integers(operands[1]))]


@kernel(ConcatenationOp)
def concatenation(op: ConcatenationOp, operands: Operands) -> Results:
    if word(op.fused_activation_function, "NONE") != "NONE":
        raise refuse("no kernel of concatenation applies an activation", "put the activation behind it")
    arrays = [_rescaled(op, value.type, array) for value, array in zip(op.operands, operands, strict=True)]
    return [np.concatenate(arrays, number(op.axis))]


def _rescaled(op: ConcatenationOp, source: Attribute, array: Array) -> Array:
    """An operand, rescaled to the result's scale; only the uint8 kernel allows operands of different scales."""
    if element_of(source) == element_of(op.output.type) or not has_quant(source):
        return array
    source_layout, result_layout = quant_of(source).layout, quant_of(op.output.type).layout
    if np.array_equal(source_layout.scales, result_layout.scales) and np.array_equal(
        source_layout.zero_points, result_layout.zero_points
    ):
        return array
    if array.dtype != np.uint8:
        raise refuse("its operands have several scales, which only the uint8 kernel takes", "requantize them first")
    ratio = np.float32(source_layout.scales) * (np.float32(1) / np.float32(result_layout.scales))
    moved = round_away(array * ratio - np.float32(source_layout.zero_points) * ratio) + result_layout.zero_points
    return np.clip(moved, 0, 255).astype(np.uint8)


@kernel(PackOp)
def pack(op: PackOp, operands: Operands) -> Results:
    return [np.stack(list(operands), number(op.axis))]


@kernel(UnpackOp)
def unpack(op: UnpackOp, operands: Operands) -> Results:
    x, axis = operands[0], number(op.axis)
    return [np.take(x, index, axis) for index in range(x.shape[axis])]


@kernel(SplitOp)
def split(op: SplitOp, operands: Operands) -> Results:
    axis, x = operands
    return np.split(x, len(op.results), integers(axis)[0])


@kernel(SplitVOp)
def split_v(op: SplitVOp, operands: Operands) -> Results:
    x, axis = operands[0], integers(operands[2])[0]
    sizes = integers(operands[1])
    rest = x.shape[axis] - sum(size for size in sizes if size >= 0)
    ends = np.cumsum([rest if size < 0 else size for size in sizes])
    if ends[-1] != x.shape[axis]:
        raise refuse(f"its parts have {ends[-1]} elements in all where there are {x.shape[axis]}", "fix size_splits")
    return np.split(x, ends[:-1].tolist(), axis)


@kernel(TileOp)
def tile(op: TileOp, operands: Operands) -> Results:
    return [np.tile(operands[0], integers(operands[1]))]


@kernel(BroadcastToOp)
def broadcast_to(op: BroadcastToOp, operands: Operands) -> Results:
    return [np.broadcast_to(operands[0], integers(operands[1]))]


@kernel(BroadcastArgsOp)
def broadcast_args(op: BroadcastArgsOp, operands: Operands) -> Results:
    shape = np.broadcast_shapes(tuple(integers(operands[0])), tuple(integers(operands[1])))
    return [np.array(shape, result_dtype(op))]


@kernel(ReverseV2Op)
def reverse(op: ReverseV2Op, operands: Operands) -> Results:
    return [np.flip(operands[0], tuple(integers(operands[1])))]


@kernel(ReverseSequenceOp)
def reverse_sequence(op: ReverseSequenceOp, operands: Operands) -> Results:
    x, lengths = operands
    sequence, batch = number(op.seq_dim) % x.ndim, number(op.batch_dim) % x.ndim
    steps = places(x.shape[sequence])
    ends = np.asarray(lengths, np.int64).reshape(-1, 1)
    sources = picked(steps < ends, ends - 1 - steps, steps)  # [batch, sequence]
    along = [1] * x.ndim
    along[batch], along[sequence] = x.shape[batch], x.shape[sequence]
    indices = (sources if batch < sequence else sources.T).reshape(along)
    return [np.take_along_axis(x, indices, sequence)]


def zero_of(value: SSAValue) -> int:
    """The value of padding in a tensor: 0, or the zero point of a quantized one."""
    element = element_of(value.type)
    return int(element.layout.zero_points.reshape(-1)[0]) if isinstance(element, UniformQuantizedType) else 0
