"""SQUEEZE and EXPAND_DIMS as RESHAPE."""

from __future__ import annotations

from dataclasses import dataclass

from tflir.ir.tfl.shaping import ExpandDimsOp, SqueezeOp
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import UNKNOWN_SHAPE, MendRule, moved
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern


@dataclass(frozen=True)
class DimensionsOfOne(MendRule):
    """Dimensions of 1 that come or go are a reshape."""

    does = "squeezes and new dimensions made reshapes"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: SqueezeOp | ExpandDimsOp, rewriter: PatternRewriter) -> None:
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        shape = known_shape(op.output)
        if shape.count(-1) > 1 or shape == (-1,):
            return rewriter.decline(UNKNOWN_SHAPE)
        draft = Draft(op)
        self.put(rewriter, draft, draft.reshape(op.input, shape))
