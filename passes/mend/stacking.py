"""PACK, UNPACK, CONCATENATION of many, SPLIT and SPLIT_V as few reshapes, slices and concatenations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from xdsl.ir import Operation, SSAValue

from tflir.ir.tfl.shaping import ConcatenationOp, PackOp, SplitOp, SplitVOp, UnpackOp
from tflir.ir.types import tensor_type
from tflir.passes.mend.draft import MOST_JOINED, Draft, known_shape
from tflir.passes.mend.rule import UNKNOWN_SHAPE, MendRule, computed, moved, quantized
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import known_elements

_MOST_SPLIT = 4
"""Results of a split that the delegate takes."""


@dataclass(frozen=True)
class Pack(MendRule):
    """Tensors stacked along a new axis are joined along the axis that stands there, and reshaped.

    `pack([a, b], axis=1)` of [2, 3] is `reshape(concatenation([a, b], axis=1), [2, 2, 3])`; along a new last axis each
    is reshaped first.
    """

    does = "packs made concatenations"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: PackOp, rewriter: PatternRewriter) -> None:
        values = list(op.values)
        if (why := moved(op, values)) is not None:
            return rewriter.decline(why)
        shape, result = known_shape(values[0]), known_shape(op.output)
        axis = op.option("axis") % len(result)
        if result.count(-1) > 1 or (axis < len(shape) and shape[axis] < 0):
            return rewriter.decline(UNKNOWN_SHAPE)
        draft = Draft(op)
        if axis == len(shape):
            values = [draft.reshape(value, (*shape, 1)) for value in values]
        self.put(rewriter, draft, draft.reshape(draft.join(values, axis), result))


@dataclass(frozen=True)
class Unpack(MendRule):
    """The tensors along an axis are slices of what has that axis and the next made one.

    `unpack(x, axis=1)` of [2, 2, 3] gives slices of 3 along axis 1 of `reshape(x, [2, 6])`.
    """

    does = "unpacks made slices"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: UnpackOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        shape = known_shape(op.input)
        axis: int = op.option("axis") % len(shape)
        rest = (*shape[:axis], *shape[axis + 1 :])
        if rest.count(-1) > 1 or -1 in shape[axis : axis + 2]:
            return rewriter.decline(UNKNOWN_SHAPE)
        draft = Draft(op)
        if axis == len(rest):
            parts = _parts(draft, op.input, axis, [1] * shape[axis])
            made = [None if part is None else draft.reshape(part, rest) for part in parts]
        else:
            merged = draft.reshape(op.input, (*rest[:axis], shape[axis] * rest[axis], *rest[axis + 1 :]))
            made = _parts(draft, merged, axis, [rest[axis]] * shape[axis])
        self.put(rewriter, draft, *made)


@dataclass(frozen=True)
class Split(MendRule):
    """Equal parts of which the delegate does not make as many are slices."""

    does = "splits made slices"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SplitOp, rewriter: PatternRewriter) -> None:
        if 1 < len(op.outputs) <= _MOST_SPLIT:
            return None
        _put_split(self, rewriter, op)


@dataclass(frozen=True)
class SplitV(MendRule):
    """Parts of given sizes are slices."""

    does = "splits by sizes made slices"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SplitVOp, rewriter: PatternRewriter) -> None:
        _put_split(self, rewriter, op)


@dataclass(frozen=True)
class ConcatenationOfMany(MendRule):
    """More tensors than the delegate joins at once are joined by a tree of concatenations."""

    does = "concatenations of many made trees"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatenationOp, rewriter: PatternRewriter) -> None:
        values = list(op.values)
        if len(values) <= MOST_JOINED:
            return None
        if op.option("activation") != "NONE":
            return rewriter.decline("it has an activation")
        if (why := moved(op, values)) is not None:
            return rewriter.decline(why)
        axis: int = op.option("axis") % len(known_shape(op.output))
        if any(known_shape(value)[axis] < 0 for value in values):
            return rewriter.decline(UNKNOWN_SHAPE)
        draft = Draft(op)
        self.put(rewriter, draft, draft.join(values, axis))


@dataclass(frozen=True)
class ConcatenationOfScales(MendRule):
    """8-bit tensors of other scales than the result's are quantized to its scale, and joined."""

    does = "operands of concatenations brought to one scale"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ConcatenationOp, rewriter: PatternRewriter) -> None:
        values, result = list(op.values), quantized(op.output)
        if result is None or all(quantized(value) == result for value in values):
            return None
        if (why := computed(*values, op.output)) is not None:
            return rewriter.decline(why)
        if op.option("activation") != "NONE":
            return rewriter.decline("it has an activation")
        axis: int = op.option("axis") % len(known_shape(op.output))
        if any(known_shape(value)[axis] < 0 for value in values):
            return rewriter.decline(UNKNOWN_SHAPE)
        draft = Draft(op)
        alike = [
            value if quantized(value) == result else draft.requantize(value, tensor_type(known_shape(value), result))
            for value in values
        ]
        self.put(rewriter, draft, draft.join(alike, axis))


def _put_split(rule: MendRule, rewriter: PatternRewriter, op: SplitOp | SplitVOp) -> None:
    """Lets slices take the place of a split, whose results say where each ends."""
    if (why := moved(op, [op.value])) is not None:
        return rewriter.decline(why)
    axis = known_elements(op.split_dim)
    if axis is None:
        return rewriter.decline("the axis is known only when the model runs")
    along = int(axis.item()) % len(known_shape(op.value))
    _put_parts(rule, rewriter, op, op.value, along, [known_shape(result)[along] for result in op.outputs])


def _put_parts(
    rule: MendRule, rewriter: PatternRewriter, op: Operation, value: SSAValue, axis: int, sizes: Sequence[int]
) -> None:
    """Lets the slices of `sizes` along an axis take the place of the results of `op`."""
    if -1 in sizes:
        return rewriter.decline(UNKNOWN_SHAPE)
    draft = Draft(op)
    rule.put(rewriter, draft, *_parts(draft, value, axis, sizes))


def _parts(draft: Draft, value: SSAValue, axis: int, sizes: Sequence[int]) -> list[SSAValue | None]:
    """The slices of these sizes one after another; None for one that nothing reads."""
    starts = accumulate(sizes, initial=0)
    return [
        None if result.first_use is None else draft.part(value, axis, start, size)
        for result, start, size in zip(draft.op.results, starts, sizes, strict=False)
    ]
