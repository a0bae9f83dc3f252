"""8-bit ops whose scales the delegate refuses, with scales that it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from tflir.ir.constants import as_numpy
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.spatial import ResizeBilinearOp
from tflir.ir.types import tensor_type
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import MendRule, computed, quantized
from tflir.passes.mend.through_float import as_quantized, far_scales
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import producer

_LEAST_OF_RESULT = 1 / 512
"""Of the result's scale, what a constant that is added gets at least: a step of it moves no result by more than 1/512
of a step."""


@dataclass(frozen=True)
class AddTinyConstant(MendRule):
    """A constant that is added in steps far below the result's is stored in larger ones, which the delegate takes.

    `x + 1e-7` whose result has steps of 0.05: the constant's scale is 1e-7, and becomes 0.05 / 512.
    """

    does = "scales of added constants made larger"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp | SubOp, rewriter: PatternRewriter) -> None:
        if not far_scales(op):
            return None
        result = quantized(op.output)
        places = [index for index in (0, 1) if isinstance(producer(op.operands[index]), QConstOp)]
        if result is None or len(places) != 1:
            return rewriter.decline("it adds no constant")
        draft, place = Draft(op), places[0]
        operands = list(op.operands)
        operands[place] = _in_larger_steps(draft, operands[place], result)
        mended = type(op).create(operands=operands, result_types=[op.output.type], properties=op.properties)
        value = draft.add(mended)
        if far_scales(mended):
            draft.discard()
            return rewriter.decline("its scales are too far apart in other ways")
        self.put(rewriter, draft, value)


@dataclass(frozen=True)
class ResizeOfOtherScale(MendRule):
    """A bilinear resize to another scale is one of the same scale, and a QUANTIZE.

    With the delegate LiteRT refuses to load the former.
    """

    does = "resizes to other scales made resizes and quantizations"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: ResizeBilinearOp, rewriter: PatternRewriter) -> None:
        source, result = quantized(op.input), quantized(op.output)
        if source is None or result is None or source.layout == result.layout:
            return None
        if (why := computed(op.input, op.output)) is not None:
            return rewriter.decline(why)
        draft = Draft(op)
        kind = tensor_type(known_shape(op.output), source)
        same = type(op).create(operands=op.operands, result_types=[kind], properties=op.properties)
        self.put(rewriter, draft, as_quantized(draft, draft.add(same), op.output.type))


def _in_larger_steps(draft: Draft, value: SSAValue, result: UniformQuantizedType) -> SSAValue:
    """The same constant in steps that are not too small beside those of `result`."""
    element, source = quantized(value), producer(value)
    assert element is not None
    assert isinstance(source, QConstOp)
    stored = as_numpy(source.value).astype(np.float64) - element.layout.zero_points
    numbers = stored * element.layout.scales
    low, high = element.range.data
    least = float(result.layout.scales) * _LEAST_OF_RESULT
    center = (low + high + 1) // 2
    scale = float(np.float32(max(least, np.abs(numbers).max() / (high - center))))
    wanted = UniformQuantizedType.get(element.storage, element.expressed, Layout(scale, center))  # pyright: ignore[reportArgumentType]
    made = np.clip(np.rint(numbers / scale) + center, low, high)
    return draft.constant(made.astype(as_numpy(source.value).dtype), wanted)
