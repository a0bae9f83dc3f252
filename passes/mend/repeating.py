"""BROADCAST_TO, TILE and RESIZE_NEAREST_NEIGHBOR as products with ones: the delegate broadcasts what it multiplies."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.ir import SSAValue, Use

from tflir.ir.tfl.arithmetic import AddOp, DivOp, MaximumOp, MinimumOp, MulOp, SquaredDifferenceOp, SubOp
from tflir.ir.tfl.shaping import BroadcastToOp, TileOp
from tflir.ir.tfl.spatial import ResizeNearestNeighborOp
from tflir.ir.types import shape_of
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import UNKNOWN_SHAPE, MendRule, is_static, moved
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import known_elements

_BROADCASTING = (AddOp, SubOp, MulOp, DivOp, MaximumOp, MinimumOp, SquaredDifferenceOp)
_MOST_BROADCAST = 4


@dataclass(frozen=True)
class BroadcastTo(MendRule):
    """`broadcast_to(x, [1, 8, 8, 16])` of [1, 1, 1, 16] is `x * ones([1, 8, 8, 1])`."""

    does = "broadcasts made products with ones"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: BroadcastToOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        if not is_static(op.input, op.output):
            return rewriter.decline(UNKNOWN_SHAPE)
        draft = Draft(op)
        self.put(rewriter, draft, draft.spread(op.input, known_shape(op.output)))


@dataclass(frozen=True)
class BroadcastOfReader(MendRule):
    """A broadcast whose readers all broadcast by themselves to the same shape is not needed.

    `broadcast_to(x, [1, 8, 8, 16]) + y` with y of [1, 8, 8, 16] is `x + y`.
    """

    does = "broadcasts left to their readers"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: BroadcastToOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        if not is_static(op.output):
            return rewriter.decline(UNKNOWN_SHAPE)
        if len(known_shape(op.output)) > _MOST_BROADCAST:
            return rewriter.decline("built-in kernels broadcast 4 dimensions at most")
        if not all(_reaches_shape(use, op.output) for use in op.output.uses):
            return rewriter.decline("what reads it does not broadcast to its shape")
        self.put(rewriter, Draft(op), op.input)


def _reaches_shape(use: Use, wide: SSAValue) -> bool:
    """Whether a reader of `wide` has its shape from another operand too, so that a narrower one does as well."""
    if not isinstance(use.operation, _BROADCASTING):
        return False
    other = use.operation.operands[1 - use.index]
    return other is not wide and shape_of(other.type) == known_shape(wide)


@dataclass(frozen=True)
class Tile(MendRule):
    """A tensor repeated along an axis is a reshape, a product with ones that broadcasts a new axis, and a reshape.

    `tile(x, [1, 3])` of [2, 4] is `reshape(reshape(x, [2, 1, 4]) * ones([1, 3, 1]), [2, 12])`.
    """

    does = "tiles made products with ones"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: TileOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        times = known_elements(op.multiples)
        if times is None or not is_static(op.input):
            return rewriter.decline(UNKNOWN_SHAPE)
        draft, value, shape = Draft(op), op.input, list(known_shape(op.input))
        for axis, count in enumerate(times.tolist()):
            if count > 1:
                value = draft.repeat(value, prod(shape[:axis]), count, prod(shape[axis:]))
                shape[axis] *= count
        self.put(rewriter, draft, draft.reshape(value, shape))


@dataclass(frozen=True)
class ResizeNearest(MendRule):
    """An image made larger by whole numbers is each pixel, and then each row, repeated."""

    does = "nearest-neighbour resizes made products with ones"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ResizeNearestNeighborOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        if not is_static(op.input, op.output):
            return rewriter.decline(UNKNOWN_SHAPE)
        batch, height, width, channels = known_shape(op.input)
        _, high, wide, _ = shape = known_shape(op.output)
        if not (_repeats(op, height, high) and _repeats(op, width, wide)):
            return rewriter.decline("it does not repeat each pixel as often as every other")
        draft, value = Draft(op), op.input
        if wide > width:
            value = draft.repeat(value, batch * height * width, wide // width, channels)
        if high > height:
            value = draft.repeat(value, batch * height, high // height, wide * channels)
        self.put(rewriter, draft, draft.reshape(value, shape))


def _repeats(op: ResizeNearestNeighborOp, size: int, wanted: int) -> bool:
    """Whether each of `size` pixels comes up the same number of times, as the kernel picks them in float32."""
    if wanted % size:
        return False
    aligned, centred = op.option("align_corners"), op.option("half_pixel_centers")
    corners = 1 if aligned and wanted > 1 else 0
    scale = np.float32(size - corners) / np.float32(wanted - corners)
    places = (np.arange(wanted, dtype=np.float32) + np.float32(0.5 if centred else 0)) * scale
    picked = np.floor(places + np.float32(0.5)) if aligned else np.floor(places)
    return np.array_equal(np.clip(picked, 0, size - 1), np.arange(wanted) // (wanted // size))
