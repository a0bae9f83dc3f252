"""8-bit ops whose scales the delegate refuses, with scales that it takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from tflir.ir.constants import as_numpy
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.arithmetic import AddOp, SubOp
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.spatial import ResizeBilinearOp
from tflir.ir.types import tensor_type
from tflir.passes.canonicalize.interface import can_replace
from tflir.passes.mend.draft import Draft, known_shape
from tflir.passes.mend.rule import MendRule, computed, quantized
from tflir.passes.mend.through_float import far_scales
from tflir.passes.rewriting import PatternRewriter, op_type_rewrite_pattern
from tflir.passes.rewriting.values import producer

_LEAST_OF_RESULT = 1 / 512
"""Of the result's scale, what a constant that is added gets at least: a step of it moves no result by more than 1/512
of a step."""
_NOTHING = 1 / 4
"""Of a step: a smaller constant moves no result, which is rounded to the nearest step."""


@dataclass(frozen=True)
class AddTinyConstant(MendRule):
    """A constant that is added in steps far below the result's is stored in larger ones, which the delegate takes.

    `x + 0.01` whose result has steps of 20: the constant's scale is 1e-4, and becomes 20 / 512. Where the result has
    the scale of `x`, in which the constant is less than a quarter of a step, the op does nothing, and goes.
    """

    does = "added constants of tiny scales made larger, or removed"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddOp | SubOp, rewriter: PatternRewriter) -> None:
        if not far_scales(op):
            return None
        result = quantized(op.output)
        places = [index for index in (0, 1) if isinstance(producer(op.operands[index]), QConstOp)]
        if result is None or len(places) != 1:
            return rewriter.decline("it adds no constant")
        draft, place = Draft(op), places[0]
        kept = op.operands[1 - place]
        if _adds_nothing(op, place, result) and can_replace(op.output, kept):
            return self.put(rewriter, draft, kept)
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
        self.put(rewriter, draft, draft.requantize(draft.add(same), op.output.type))


def _adds_nothing(op: AddOp | SubOp, place: int, result: UniformQuantizedType) -> bool:
    """Whether the result is the other operand, number for number."""
    if op.output.type != op.operands[1 - place].type or op.option("activation") != "NONE":
        return False
    if isinstance(op, SubOp) and place == 0:
        return False
    return bool(np.abs(_numbers(op.operands[place])).max() < float(result.layout.scales) * _NOTHING)


def _numbers(constant: SSAValue) -> npt.NDArray[np.float64]:
    """What the integers of a constant stand for."""
    element, source = quantized(constant), producer(constant)
    assert element is not None
    assert isinstance(source, QConstOp)
    return (as_numpy(source.value).astype(np.float64) - element.layout.zero_points) * element.layout.scales


def _in_larger_steps(draft: Draft, value: SSAValue, result: UniformQuantizedType) -> SSAValue:
    """The same constant in steps that are not too small beside those of `result`."""
    element, numbers = quantized(value), _numbers(value)
    assert element is not None
    low, high = element.range.data
    least = float(result.layout.scales) * _LEAST_OF_RESULT
    center = (low + high + 1) // 2
    scale = float(np.float32(max(least, np.abs(numbers).max() / (high - center))))
    wanted = UniformQuantizedType.get(element.storage, element.expressed, Layout(scale, center))  # pyright: ignore[reportArgumentType]
    made = np.clip(np.rint(numbers / scale) + center, low, high)
    return draft.constant(made.astype(np.uint8 if element.is_unsigned else np.int8), wanted)
