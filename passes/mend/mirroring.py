"""MIRROR_PAD as slices and concatenations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.ir import SSAValue

from tflir.ir.tfl.shaping import MirrorPadOp
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import UNKNOWN_SHAPE, MendRule, moved
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import known_elements


@dataclass(frozen=True)
class MirrorPad(MendRule):
    """A tensor padded with its mirror image is a concatenation of slices: one of 1 for each row that is mirrored.

    `REFLECT` by 2 of [a, b, c, d] is [c, b, a, b, c, d, c, b]; `SYMMETRIC` is [b, a, a, b, c, d, d, c].
    """

    does = "mirror pads made slices and concatenations"
    most: int = 64

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: MirrorPadOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        amounts = known_elements(op.pad)
        if amounts is None:
            return rewriter.decline("the amounts are known only when the model runs")
        if amounts.max() > self.most:
            return rewriter.decline("it mirrors more rows than the option allows")
        shape = known_shape(op.input)
        if any(dim < 0 and pair.any() for dim, pair in zip(shape, amounts, strict=True)):
            return rewriter.decline(UNKNOWN_SHAPE)
        draft, value = Draft(op), op.input
        edge = 0 if op.option("mode") == "SYMMETRIC" else 1
        for axis, (before, after) in enumerate(amounts.tolist()):
            value = _mirrored(draft, value, axis, range(before, 0, -1), range(1, after + 1), edge)
        self.put(rewriter, draft, value)


def _mirrored(
    draft: Draft, value: SSAValue, axis: int, before: Iterable[int], after: Iterable[int], edge: int
) -> SSAValue:
    """`value` with rows put before and after it along `axis`; rows are counted from 1 from the nearer end.

    With `edge` 1 the outermost row is not repeated.
    """
    last = known_shape(value)[axis] - 1
    heads = [draft.part(value, axis, row - 1 + edge, 1) for row in before]
    tails = [draft.part(value, axis, last - (row - 1 + edge), 1) for row in after]
    parts = [draft.join(rows, axis) for rows in (heads, [value], tails) if rows]
    return draft.join(parts, axis)
