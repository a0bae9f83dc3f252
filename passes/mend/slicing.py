"""SLICE, STRIDED_SLICE and GATHER at places that are known, as slices of given size, pads and reshapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from tflir.ir.tfl.indexing import GatherOp, SliceOp, StridedSliceOp
from tflir.ir.tfl.picking_rules import strided_range
from tflir.ir.tfl.shaping import PadOp
from tflir.ir.types import element_of, tensor_type
from tflir.passes.mend.draft import Draft, Shape, known_shape
from tflir.passes.mend.rule import MOST_DIMENSIONS, UNKNOWN_SHAPE, MendRule, is_static, moved
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import known_elements


@dataclass(frozen=True)
class SliceToTheEnd(MendRule):
    """A size of -1 means all that follows: the delegate wants the number."""

    does = "sizes of slices made explicit"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SliceOp, rewriter: PatternRewriter) -> None:
        begin, size = known_elements(op.begin), known_elements(op.size)
        if begin is None or size is None or not (size < 0).any():
            return None
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        shape = known_shape(op.input)
        ends = [dim if count < 0 else 0 for dim, count in zip(shape, size.tolist(), strict=True)]
        if -1 in ends:
            return rewriter.decline(UNKNOWN_SHAPE)
        draft = Draft(op)
        sizes = [dim - first if count < 0 else count for dim, first, count in zip(shape, begin, size, strict=True)]
        self.put(rewriter, draft, draft.slice(op.input, begin.tolist(), [int(each) for each in sizes]))


@dataclass(frozen=True)
class StridedSlice(MendRule):
    """A slice with strides, or one that adds or drops dimensions, in steps that the delegate takes.

    Every second element of [a, b, c, d, e] is that of [a, b, c, d, e, 0] seen as [[a, b], [c, d], [e, 0]], whose first
    column it is. A dimension that goes or comes is a reshape.
    """

    does = "strided slices made slices and reshapes"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: StridedSliceOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        if not is_static(op.input, op.output):
            return rewriter.decline(UNKNOWN_SHAPE)
        masks = ("shrink_axis_mask", "new_axis_mask", "ellipsis_mask")
        strides = known_elements(op.strides)
        if strides is not None and (strides == 1).all() and not any(op.option(mask) for mask in masks):
            return None
        picked = _picked(op)
        if picked is None:
            return rewriter.decline("where it begins and ends is known only when the model runs")
        if any(each.step < 1 for each in picked):
            return rewriter.decline("it counts backwards")
        if len(picked) + sum(each.step > 1 for each in picked) > MOST_DIMENSIONS:
            return rewriter.decline("it would take more than 6 dimensions")
        draft = Draft(op)
        self.put(rewriter, draft, draft.reshape(_strided(draft, op.input, picked), known_shape(op.output)))


@dataclass(frozen=True)
class GatherInOrder(MendRule):
    """Constant indices that are one number, or that go up in equal steps, pick a slice.

    `gather(x, 3, axis=1)` of [2, 5, 4] is `reshape(slice(x, [0, 3, 0], [2, 1, 4]), [2, 4])`.
    """

    does = "gathers made slices"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: GatherOp, rewriter: PatternRewriter) -> None:
        indices = known_elements(op.indices)
        if indices is None:
            return rewriter.decline("the indices are known only when the model runs")
        if (why := moved(op, [op.params])) is not None:
            return rewriter.decline(why)
        if not is_static(op.params, op.output):
            return rewriter.decline(UNKNOWN_SHAPE)
        if op.option("batch_dims"):
            return rewriter.decline("it gathers in batches")
        shape = known_shape(op.params)
        axis = op.option("axis") % len(shape)
        places = indices.reshape(-1)
        steps = np.diff(places)
        step = int(steps[0]) if steps.size else 1
        if (steps != step).any() or step < 1 or places[0] < 0 or places[-1] >= shape[axis]:
            return rewriter.decline("the indices do not go up in equal steps")
        if step > 1 and len(shape) == MOST_DIMENSIONS:
            return rewriter.decline("it would take more than 6 dimensions")
        picked = [range(dim) for dim in shape]
        picked[axis] = range(int(places[0]), int(places[-1]) + 1, step)
        draft = Draft(op)
        self.put(rewriter, draft, draft.reshape(_strided(draft, op.params, picked), known_shape(op.output)))


def _picked(op: StridedSliceOp) -> list[range] | None:
    """The places that a strided slice picks along each dimension of its input, dropped dimensions among them."""
    vectors = [known_elements(value) for value in (op.begin, op.end, op.strides)]
    if any(vector is None for vector in vectors):
        return None
    entries = list(zip(*(vector.tolist() for vector in vectors if vector is not None), strict=True))
    shape, picked = known_shape(op.input), list[range]()
    new, hidden = op.option("new_axis_mask"), op.option("ellipsis_mask")
    for number, (begin, end, stride) in enumerate(entries):
        dim = shape[len(picked)] if len(picked) < len(shape) else 1
        if hidden >> number & 1:
            following = sum(not new >> later & 1 for later in range(number + 1, len(entries)))
            picked += [range(each) for each in shape[len(picked) : len(shape) - following]]
        elif new >> number & 1:
            continue
        elif op.option("shrink_axis_mask") >> number & 1:
            place = 0 if op.option("begin_mask") >> number & 1 else begin % dim
            picked.append(range(place, place + 1))
        else:
            first = None if op.option("begin_mask") >> number & 1 else begin
            last = None if op.option("end_mask") >> number & 1 else end
            picked.append(strided_range(dim, first, last, stride, offset=bool(op.option("offset"))))
    return picked + [range(dim) for dim in shape[len(picked) :]]


def _strided(draft: Draft, value: SSAValue, picked: Sequence[range]) -> SSAValue:
    """The elements at these places of each dimension, in steps that the delegate takes."""
    shape = known_shape(value)
    windows = [_window(dim, each) for dim, each in zip(shape, picked, strict=True)]
    value = draft.slice(value, [each.start for each in windows], [len(each) for each in windows])
    if all(each.step == 1 for each in picked):
        return value
    value = _padded(draft, value, [-len(each) % pick.step for each, pick in zip(windows, picked, strict=True)])
    parted, begin, size = list[int](), list[int](), list[int]()
    for dim, window, each in zip(known_shape(value), windows, picked, strict=True):
        step, first = each.step, each.start - window.start
        parted += [dim] if step == 1 else [dim // step, step]
        begin += [0] if step == 1 else [first // step, first % step]
        size += [dim] if step == 1 else [len(each), 1]
    value = draft.slice(draft.reshape(value, parted), begin, size)
    return draft.reshape(value, [len(each) for each in picked])


def _window(dim: int, picked: range) -> range:
    """What to cut out of a dimension before it is seen as rows of `picked.step`, one of which each place is in.

    All of it where it has a whole number of rows; what is picked and the rest of its last row where that is there;
    else from the first place on.
    """
    step = picked.step
    if step == 1:
        return picked
    if dim % step == 0:
        return range(dim)
    least = max(picked[-1] + 1 - len(picked) * step, 0)
    first = min(picked.start, dim - len(picked) * step)
    return range(first, first + len(picked) * step) if first >= least else range(picked.start, dim)


def _padded(draft: Draft, value: SSAValue, after: Sequence[int]) -> SSAValue:
    """`value` with elements added at the end of each dimension, which nothing reads."""
    if not any(after):
        return value
    shape: Shape = tuple(dim + more for dim, more in zip(known_shape(value), after, strict=True))
    amounts = np.array([(0, more) for more in after], np.int32)
    element = element_of(value.type)
    assert element is not None
    return draft.add(PadOp(value, draft.constant(amounts), result_type=tensor_type(shape, element)))
