"""Replaces a pad before a convolution by the convolution's own SAME padding."""

from __future__ import annotations

import numpy as np

from tflir.ir.tfl.linear import Conv2DOp, DepthwiseConv2DOp
from tflir.ir.tfl.shaping import PadOp
from tflir.ir.types import shape_of
from tflir.passes.rewriting import PatternRewriter, RewritePattern, op_type_rewrite_pattern
from tflir.passes.rewriting.values import known_elements, producer

_SPATIAL = (1, 2)
"""Height and width, of an NHWC input and of either convolution's filter."""


class FoldPad(RewritePattern):
    """Folds a pad into a convolution without padding, if the pad adds the same zeros as SAME padding.

    SAME padding adds max((ceil(n / stride) - 1) stride + (k - 1) dilation + 1 - n, 0) zeros to a dimension of length n,
    for a kernel of length k, the smaller half of them before it.
    """

    does = "pads that a convolution does itself"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: Conv2DOp | DepthwiseConv2DOp, rewriter: PatternRewriter) -> None:
        source = op.operands[0]
        pad = producer(source)
        if not isinstance(pad, PadOp):
            return None
        if op.option("padding") != "VALID":
            return rewriter.decline("the convolution pads by itself as well")
        if source.has_more_than_one_use():
            return rewriter.decline("others read the padded value", pad)
        amounts = known_elements(pad.padding)
        if amounts is None:
            return rewriter.decline("the amounts are known only when the model runs", pad)
        shape, kernel = shape_of(pad.input.type), shape_of(op.operands[1].type)
        if shape is None or kernel is None or len(shape) != 4 or len(kernel) != 4 or min(shape[1:3]) < 0:
            return rewriter.decline("the size of the image is known only when the model runs", pad)
        if not np.array_equal(amounts, _same_padding(op, shape, kernel)):
            return rewriter.decline("SAME padding adds other amounts", pad)
        rewriter.set_operand(op, 0, pad.input)
        rewriter.modify(op, padding="SAME")


def _same_padding(
    op: Conv2DOp | DepthwiseConv2DOp, shape: tuple[int, ...], kernel: tuple[int, ...]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The number of zeros that SAME padding adds before and after each dimension, shape (4, 2)."""
    wanted = np.zeros((4, 2), np.int64)
    for axis, side in zip(_SPATIAL, "hw", strict=True):
        stride, dilation = op.option(f"stride_{side}"), op.option(f"dilation_{side}_factor")
        total = max((-(-shape[axis] // stride) - 1) * stride + (kernel[axis] - 1) * dilation + 1 - shape[axis], 0)
        wanted[axis] = total // 2, total - total // 2
    return wanted
