"""`tfl-optimize`: fuses activations and simplifies ops, on float and on quantized values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, NoneType, UnitAttr

from tflir.ir import names
from tflir.ir.tfl.activations import FUSED, Relu6Op, ReluN1To1Op, ReluOp
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.indexing import SliceOp, StridedSliceOp
from tflir.ir.tfl.shaping import ReshapeOp
from tflir.ir.types import shape_of
from tflir.passes.optimize.same_padding import FoldPad
from tflir.passes.rewriting import PatternRewriter, RewritePass, RewritePattern, op_type_rewrite_pattern
from tflir.passes.rewriting.values import known_elements
from tflir.passes.rewriting.values import producer as producer_of
from tflir.passes.weights.blocks import ignores_activation

TAKES_ACTIVATION = frozenset(
    ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "SUB", "MUL", "AVERAGE_POOL_2D", "MAX_POOL_2D")
)
_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


@dataclass(frozen=True)
class OptimizePass(RewritePass):
    """
    Fuses an activation into the op before it and a pad into the convolution after it, replaces a strided slice of
    stride 1 by a slice, and replaces `(x - x) + y` by y.

    ```mlir
    %c = "tfl.conv_2d"(%x, %w, %b) <{fused_activation_function = "NONE", …}> …
    %y = "tfl.relu6"(%c) …
    ```
    becomes
    ```mlir
    %y = "tfl.conv_2d"(%x, %w, %b) <{fused_activation_function = "RELU6", …}> …
    ```
    On quantized values, the result of the fused op has the activation's scale and zero point.
    """

    name = "tfl-optimize"
    changes = "rounding"
    per_function = True

    shape_operands: bool = False
    """Give each reshape its shape as an operand, as MLIR's dialect wants it; an attribute takes fewer bytes."""

    def rules(self) -> Iterator[RewritePattern]:
        yield FuseActivation()
        yield SliceOfStrideOne()
        yield AddOfNothing()
        yield FoldPad()
        if self.shape_operands:
            yield ShapeOperand()


class FuseActivation(RewritePattern):
    """Replaces `relu(conv(x))` by a convolution with that activation, if nothing else reads `conv(x)`."""

    does = "activations fused"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReluOp | Relu6Op | ReluN1To1Op, rewriter: PatternRewriter) -> None:
        source = op.operands[0]
        producer = producer_of(source)
        if not isinstance(producer, TflOp) or producer.INFO.builtin not in TAKES_ACTIVATION:
            return rewriter.decline("what it reads comes from no op that takes an activation")
        if source.has_more_than_one_use():
            return rewriter.decline("others read the value before the activation", producer)
        if len(producer.results) != 1 or producer.parent is not op.parent:
            return None
        if producer.option("activation") != "NONE":
            return rewriter.decline("the op before it has an activation already", producer)
        if ignores_activation(producer):
            return rewriter.decline(
                "the op before it ignores activations: its weights have scales for blocks", producer
            )
        rewriter.fuse(op, into=producer, activation=FUSED[type(op)])


class SliceOfStrideOne(RewritePattern):
    """Replaces a strided slice whose strides are all 1 by a slice."""

    does = "strided slices of stride 1"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: StridedSliceOp, rewriter: PatternRewriter) -> None:
        begin, end, strides = (known_elements(value) for value in (op.begin, op.end, op.strides))
        if begin is None or end is None or strides is None:
            return rewriter.decline("where it begins and ends is known only when the model runs")
        if op.option("offset") or any(op.option(mask) for mask in _MASKS):
            return rewriter.decline("it has masks")
        if not (strides == 1).all() or (begin < 0).any() or (end <= begin).any():
            return rewriter.decline("it has strides, or counts from the end")
        shape = shape_of(op.input.type)
        if shape is None or len(shape) != len(begin):
            return rewriter.decline("a slice needs a begin for each dimension")
        if any(0 <= dim < last for dim, last in zip(shape, end.tolist(), strict=True)):
            return rewriter.decline("it ends beyond its operand, where a slice must not")
        size = rewriter.constant((end - begin).astype(end.dtype), names.name_of(op.end))
        rewriter.replace(op, SliceOp(op.input, op.begin, size, result_type=op.output.type))


class AddOfNothing(RewritePattern):
    """Replaces `(x - x) + y` by y; if they are quantized, y must have the scale of the sum."""

    does = "sums with nothing"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp, rewriter: PatternRewriter) -> None:
        if op.option("activation") != "NONE":
            return
        for zero, other in ((0, 1), (1, 0)):
            source, kept = op.operands[zero], op.operands[other]
            producer = producer_of(source)
            if not isinstance(producer, SubOp) or producer.operands[0] is not producer.operands[1]:
                continue
            if kept.type == op.results[0].type and producer.option("activation") == "NONE":
                rewriter.replace(op, kept)
                return


class ShapeOperand(RewritePattern):
    """Makes the shape of a reshape an operand if it is an attribute."""

    does = "shapes made operands"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ReshapeOp, rewriter: PatternRewriter) -> None:
        shape = op.new_shape
        if shape is None or not isinstance(op.shape.type, NoneType):
            return
        wanted = cast("DenseArrayBase[Any]", shape).get_values()
        op.properties.pop("new_shape")
        op.attributes.pop(names.OPERAND_COUNT, None)
        op.attributes[names.NO_OPTIONS] = UnitAttr()
        rewriter.set_operand(op, 1, rewriter.constant(np.array(wanted, np.int32)))
