"""Rules for ops that compute each channel of their result only from the same channel of their operands."""

from __future__ import annotations

import numpy as np

from tflir.ir.tfl.activations import fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import shape_of
from tflir.passes.channels.channel_ids import Channels
from tflir.passes.channels.known import BINARY, UNARY, activated, compute, only_zeros
from tflir.passes.channels.trace import Trace, integers, number, width_of


def unary(trace: Trace, op: TflOp) -> Channels | None:
    """A function of one operand, such as RELU."""
    x = move(trace, op)
    if x is None:
        return None
    if op.INFO.builtin == "LEAKY_RELU":
        return Channels(x.ids, compute(BINARY["PRELU"], x.known, np.full_like(x.known, number(op, "alpha"))))
    return Channels(x.ids, compute(UNARY[op.INFO.builtin], x.known))


def binary(trace: Trace, op: TflOp) -> Channels | None:
    """A function of two operands, such as ADD. Their channels are kept or removed together.

    An operand with a single channel that is broadcast over many keeps it.
    """
    width, x, y = width_of(op.results[0]), trace.read(op, 0), trace.read(op, 1)
    if x is None or y is None or width != max(x.ids.size, y.ids.size):
        return None
    if x.ids.size == y.ids.size:
        trace.spaces.unite(x.ids, y.ids)
    else:
        trace.spaces.fix(x.ids if x.ids.size < y.ids.size else y.ids, "one channel is read as many")
    known = activated(fused_activation(op), compute(BINARY[op.INFO.builtin], x.known, y.known))
    return Channels(x.ids if x.ids.size == width else y.ids, known)


def pool(trace: Trace, op: TflOp) -> Channels | None:
    """Pooling. Windows ignore what lies outside the image, so a constant channel stays the same constant."""
    x = move(trace, op)
    return None if x is None else Channels(x.ids, activated(fused_activation(op), x.known))


def move(trace: Trace, op: TflOp) -> Channels | None:
    """Ops that only move, repeat or drop elements of a channel: the result has the operand's channels.

    None if the numbers of channels differ.
    """
    x = trace.read(op, 0)
    return x if x is not None and width_of(op.results[0]) == x.ids.size else None


def reduce(trace: Trace, op: TflOp) -> Channels | None:
    """MEAN, REDUCE_MAX, REDUCE_MIN and SUM over dimensions other than the channels."""
    axes, shape = integers(op.operands[1]), shape_of(op.operands[0].type)
    if axes is None or not shape or (axes % len(shape) == len(shape) - 1).any():
        return None
    x = move(trace, op)
    if x is not None and op.INFO.builtin == "SUM":
        return Channels(x.ids, only_zeros(x.known))
    return x


def transpose(trace: Trace, op: TflOp) -> Channels | None:
    """TRANSPOSE, if the last dimension stays the last."""
    order = integers(op.operands[1])
    return move(trace, op) if order is not None and order.size and order[-1] == order.size - 1 else None


def tile(trace: Trace, op: TflOp) -> Channels | None:
    """TILE, if channels are not repeated."""
    times = integers(op.operands[1])
    return move(trace, op) if times is not None and times.size and times[-1] == 1 else None


def space_to_batch(trace: Trace, op: TflOp) -> Channels | None:
    """SPACE_TO_BATCH_ND: it may add a border of zeros, after which only constant channels of 0 are still constant."""
    x = move(trace, op)
    return None if x is None else Channels(x.ids, only_zeros(x.known))
