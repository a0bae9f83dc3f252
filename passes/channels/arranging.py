"""Rules for ops that join channels or change the shape of a value: CONCATENATION, RESHAPE, SQUEEZE, PAD and SHAPE."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import NoneType
from xdsl.ir import OpResult, SSAValue

from tflir.ir.tfl.activations import fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.indexing import StridedSliceOp
from tflir.ir.tfl.shaping import PackOp
from tflir.ir.types import shape_of
from tflir.passes.channels.channel_ids import Channels
from tflir.passes.channels.elementwise import move
from tflir.passes.channels.known import activated, same_in_all
from tflir.passes.channels.trace import Padded, Trace, constant_array, integers, number, width_of


def concatenation(trace: Trace, op: TflOp) -> Channels | None:
    """CONCATENATION: along the last dimension, the result has the channels of all operands one after the other.

    Along any other dimension, channel `i` of the result holds channel `i` of every operand, so that these must be
    kept or removed together.
    """
    parts = [found for index in range(len(op.operands)) if (found := trace.read(op, index)) is not None]
    rank = len(shape_of(op.results[0].type) or ())
    if len(parts) != len(op.operands) or not rank:
        return None
    width = width_of(op.results[0])
    if number(op, "axis") % rank == rank - 1:
        if sum(part.ids.size for part in parts) != width:
            return None
        ids = np.concatenate([part.ids for part in parts])
        known = np.concatenate([part.known for part in parts])
    else:
        if len({part.ids.size for part in parts}) != 1:
            return None
        ids = parts[0].ids
        for part in parts[1:]:
            trace.spaces.unite(ids, part.ids)
        known = same_in_all(np.stack([part.known for part in parts]))
    if width != ids.size:
        return None
    return Channels(ids, activated(fused_activation(op), known))


def reshape(trace: Trace, op: TflOp) -> Channels | None:
    """RESHAPE: element `i` stays element `i`, so channels can be followed if one last dimension divides the other.

    A reshape of 2x3 to 6 repeats the three channels twice: a, b, c, a, b, c. A reshape of 6 to 2x3 gives one channel
    to elements 0 and 3, which must therefore be kept or removed together.
    """
    width = width_of(op.results[0])
    if width is None or not (isinstance(op.operands[1].type, NoneType) or is_adjustable(op.operands[1])):
        return None
    x = trace.read(op, 0)
    if x is None:
        return None
    if width % x.ids.size == 0:
        times = width // x.ids.size
        trace.spaces.spend(width)
        return Channels(np.tile(x.ids, times), np.tile(x.known, times))
    if x.ids.size % width:
        return None
    ids = x.ids[:width]
    trace.spaces.unite(np.tile(ids, x.ids.size // width), x.ids)
    return Channels(ids, same_in_all(x.known.reshape(-1, width)))


def is_adjustable(shape: SSAValue) -> bool:
    """Whether the last number of a shape operand can be changed.

    It can if the operand is a constant, or the result of a PACK whose last scalar is a constant.
    """
    if integers(shape) is not None:
        return True
    if not isinstance(shape, OpResult) or not isinstance(shape.op, PackOp):
        return False
    last = integers(shape.op.operands[-1])
    return last is not None and last.ndim == 0


def squeeze(trace: Trace, op: TflOp) -> Channels | None:
    """SQUEEZE: removes dimensions of size 1.

    The op must list them. Without a list, the channel dimension would also be removed once it has a single channel.
    """
    return move(trace, op) if op.properties.get("squeeze_dims") else None


def expand_dims(trace: Trace, op: TflOp) -> Channels | None:
    """EXPAND_DIMS: inserts a dimension of size 1 before the last one."""
    return move(trace, op) if width_of(op.results[0]) != 1 else None


def pad(trace: Trace, op: TflOp) -> Channels | None:
    """PAD and PADV2: adds a border of one value, possibly also along the channel dimension.

    A channel that holds a constant still does so only if the border has the same value.
    """
    amounts, x, width = integers(op.operands[1]), trace.read(op, 0), width_of(op.results[0])
    filler = _filler(op)
    if amounts is None or x is None or width is None or filler is None:
        return None
    if (amounts[-1:] < 0).any() or x.ids.size + int(amounts[-1:].astype(np.int64).sum()) != width:
        return None
    known = x.known
    if amounts[:-1].any():
        known = np.where(known == filler, known, np.float32(np.nan))
    before, after = (trace.spaces.fresh(int(count)) for count in amounts[-1])
    ids = np.concatenate((before, x.ids, after))
    if before.size or after.size:
        trace.padded.append(Padded(op, before, after))
    sides = [np.full(part.size, filler, np.float32) for part in (before, after)]
    return Channels(ids, np.concatenate((sides[0], known, sides[1])))


def _filler(op: TflOp) -> float | None:
    """The value that a pad fills its border with; NaN if it is not finite, None if it is not a constant."""
    if op.INFO.builtin == "PAD":
        return 0.0
    found = constant_array(op.operands[2])
    if found is None or found.size != 1:
        return None
    return float(found.reshape(-1)[0]) if np.isfinite(found).all() else np.nan


def shape(trace: Trace, op: TflOp) -> Channels | None:
    """SHAPE: its operand keeps all channels, unless every user of the shape takes another number than the last."""
    rank = len(shape_of(op.operands[0].type) or ())
    if op.operands[0] in trace.channels and not all(_before_last(use.operation, rank) for use in op.results[0].uses):
        trace.keep(op, "their number is read from the shape")
    return None


def _before_last(op: object, rank: int) -> bool:
    """Whether the op takes exactly one number of a shape of `rank` numbers, and not the last one."""
    if not isinstance(op, StridedSliceOp) or number(op, "shrink_axis_mask") != 1 or number(op, "begin_mask"):
        return False
    begin = integers(op.operands[1])
    return begin is not None and begin.size == 1 and int(begin.reshape(-1)[0]) % max(rank, 1) != rank - 1
