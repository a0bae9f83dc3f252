"""Rules of ops that put channels side by side or in another shape."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import NoneType
from xdsl.ir import OpResult, SSAValue

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.indexing import StridedSliceOp
from tflir.ir.tfl.shaping import PackOp
from tflir.ir.types import shape_of
from tflir.passes.channels.elementwise import move
from tflir.passes.channels.known import activated, same_in_all
from tflir.passes.channels.spaces import Channels
from tflir.passes.channels.trace import Padded, Trace, constant_array, integers, number, text, width_of


def concatenation(trace: Trace, op: TflOp) -> Channels | None:
    """Values side by side; along another dimension than the last their channels are one another's."""
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
    return Channels(ids, activated(text(op, "fused_activation_function"), known))


def reshape(trace: Trace, op: TflOp) -> Channels | None:
    """Element `i` of one shape is element `i` of the other, so that the shorter last dimension divides the longer."""
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
    """Whether the last number of a shape can be set: it is a constant, or packed of scalars the last of which is."""
    if integers(shape) is not None:
        return True
    if not isinstance(shape, OpResult) or not isinstance(shape.op, PackOp):
        return False
    last = integers(shape.op.operands[-1])
    return last is not None and last.ndim == 0


def squeeze(trace: Trace, op: TflOp) -> Channels | None:
    """Dimensions of size 1 go; which ones must be said, else the channels' would go too were one left."""
    return move(trace, op) if op.properties.get("squeeze_dims") else None


def expand_dims(trace: Trace, op: TflOp) -> Channels | None:
    """A dimension of size 1 before the last."""
    return move(trace, op) if width_of(op.results[0]) != 1 else None


def pad(trace: Trace, op: TflOp) -> Channels | None:
    """A border, perhaps of channels too."""
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
    """What a pad puts around; NaN where that is not finite."""
    if op.INFO.builtin == "PAD":
        return 0.0
    found = constant_array(op.operands[2])
    if found is None or found.size != 1:
        return None
    return float(found.reshape(-1)[0]) if np.isfinite(found).all() else np.nan


def shape(trace: Trace, op: TflOp) -> Channels | None:
    """Whoever asks for the shape must not look at the number of channels."""
    rank = len(shape_of(op.operands[0].type) or ())
    if op.operands[0] in trace.channels and not all(_before_last(use.operation, rank) for use in op.results[0].uses):
        trace.keep(op, "their number is read from the shape")
    return None


def _before_last(op: object, rank: int) -> bool:
    """Whether the op takes one number of a shape of so many, and not the last."""
    if not isinstance(op, StridedSliceOp) or number(op, "shrink_axis_mask") != 1 or number(op, "begin_mask"):
        return False
    begin = integers(op.operands[1])
    return begin is not None and begin.size == 1 and int(begin.reshape(-1)[0]) % max(rank, 1) != rank - 1
