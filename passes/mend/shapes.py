"""SQUEEZE and EXPAND_DIMS as RESHAPE, and RESHAPE to shapes that are known."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects.builtin import NoneType

from tflir.ir.tfl.shaping import ExpandDimsOp, ReshapeOp, SqueezeOp
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import UNKNOWN_SHAPE, MendRule, moved
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import known_elements


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


@dataclass(frozen=True)
class ShapeOfReshape(MendRule):
    """A reshape whose shape is computed while the model runs, or is [-1], gets the shape that its types say.

    Of `reshape(x, pack([strided_slice(shape(x)), 784]))` from [?, 28, 28] to [?, 784] the shape is [-1, 784].
    """

    does = "shapes of reshapes made constants"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        wanted = known_elements(op.shape)
        if isinstance(op.shape.type, NoneType) or (wanted is not None and wanted.tolist() != [-1]):
            return None
        if (why := moved(op, [op.input])) is not None:
            return rewriter.decline(why)
        source, made = known_shape(op.input), known_shape(op.output)
        if made.count(-1) > 1 or made == (-1,) or made.count(-1) != source.count(-1):
            return rewriter.decline(UNKNOWN_SHAPE)
        if abs(prod(source)) != abs(prod(made)):
            return rewriter.decline("its types have other numbers of elements")
        draft = Draft(op)
        if -1 not in made and len(made) > 1 and made[0] == source[0]:
            made = (-1, *made[1:])  # another batch may be set before the model runs
        reshaped = ReshapeOp(op.input, draft.numbers(made), result_type=op.output.type)
        self.put(rewriter, draft, draft.add(reshaped))
