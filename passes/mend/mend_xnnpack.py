"""`tfl-mend-xnnpack`: what LiteRT's default delegate refuses in a form that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tflir.passes.mend.mirroring import MirrorPad
from tflir.passes.mend.numbers import L2Normalization, MissingBias, Power, Relu0To1, SumOfMany
from tflir.passes.mend.repeating import BroadcastOfReader, BroadcastTo, ResizeNearest, Tile
from tflir.passes.mend.scales import AddTinyConstant, ResizeOfOtherScale
from tflir.passes.mend.shapes import DimensionsOfOne, ShapeOfReshape
from tflir.passes.mend.slicing import GatherInOrder, SliceToTheEnd, StridedSlice
from tflir.passes.mend.stacking import ConcatenationOfMany, ConcatenationOfScales, Pack, Split, SplitV, Unpack
from tflir.passes.mend.through_float import FunctionOfMany, FunctionOfOne, SumOfFarScales
from tflir.passes.rewriting import RewritePass, RewritePattern


@dataclass(frozen=True)
class MendXnnpackPass(RewritePass):
    """
    Rewrites ops that XNNPACK refuses, and that LiteRT then runs on slow kernels of its own, into ops that it takes.

    ```mlir
    %y = "tfl.broadcast_to"(%x, %shape) : (tensor<1x1x1x16xf32>, tensor<4xi32>) -> tensor<1x8x8x16xf32>
    ```
    becomes
    ```mlir
    %ones = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<1x8x8x1xf32>}>
    %y = tfl.mul(%x, %ones) … : (tensor<1x1x1x16xf32>, tensor<1x8x8x1xf32>) -> tensor<1x8x8x16xf32>
    ```
    It works on float models and on quantized ones, after quantization. An op stays where the new form is not faster.
    """

    name = "tfl-mend-xnnpack"
    changes = "rounding"
    per_function = True

    always: bool = False
    """Rewrite also where that is not faster."""

    inexact: bool = False
    """Rewrite also where float results differ in their last bits: L2_NORMALIZATION."""

    allow_float: bool = True
    """Integer ops may become float ones between conversions."""

    most_mirrored: int = 64
    """Mirror pads by more rows on one side are left alone: each row is a slice."""

    def rules(self) -> Iterator[RewritePattern]:
        yield MirrorPad(self.always, self.most_mirrored)
        yield BroadcastOfReader(self.always)
        yield BroadcastTo(self.always)
        yield Tile(self.always)
        yield ResizeNearest(self.always)
        yield Pack(self.always)
        yield Unpack(self.always)
        yield Split(self.always)
        yield SplitV(self.always)
        yield ConcatenationOfMany(self.always)
        yield ConcatenationOfScales(self.always)
        yield DimensionsOfOne(self.always)
        yield ShapeOfReshape(self.always)
        yield SliceToTheEnd(self.always)
        yield StridedSlice(self.always)
        yield GatherInOrder(self.always)
        yield MissingBias(self.always)
        yield Power(self.always)
        yield SumOfMany(self.always)
        yield Relu0To1(self.always)
        if self.inexact:
            yield L2Normalization(self.always)
        yield AddTinyConstant(self.always)
        if self.allow_float:
            yield FunctionOfOne(self.always)
            yield FunctionOfMany(self.always)
            yield SumOfFarScales(self.always)
        yield ResizeOfOtherScale(self.always)
