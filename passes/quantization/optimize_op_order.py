"""`tfl-optimize-op-order`: dequantizes the result of an op instead of its operand if the result is smaller."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.rewriter import InsertPoint

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.quantization.facts import is_preserved, is_same_scale
from tflir.passes.quantization.pairs import in_integers
from tflir.passes.rewriting import PatternRewriter, RewritePass, RewritePattern, op_type_rewrite_pattern


@dataclass(frozen=True)
class OptimizeOpOrderPass(RewritePass):
    """
    Moves a `tfl.dequantize` below its only user if the user keeps scales and its result has fewer elements.

    ```mlir
    %d = "tfl.dequantize"(%table) : (tensor<64x32x!quant.uniform<…>>) -> tensor<64x32xf32>
    %y = "tfl.gather"(%d, %i) … -> tensor<5x32xf32>
    ```
    becomes
    ```mlir
    %g = "tfl.gather"(%table, %i) … -> tensor<5x32x!quant.uniform<…>>
    %y = "tfl.dequantize"(%g) : (tensor<5x32x!quant.uniform<…>>) -> tensor<5x32xf32>
    ```
    """

    name = "tfl-optimize-op-order"
    changes = "rounding"
    per_function = True

    def rules(self) -> Iterator[RewritePattern]:
        yield SinkDequantize()


def _elements(shape: tuple[int, ...] | None) -> int:
    """The number of elements of a tensor; a dynamic dimension counts as 1."""
    return math.prod(max(d, 1) for d in shape or ())


class SinkDequantize(RewritePattern):
    """Moves a dequantize below its only user if the user keeps scales and its result has fewer elements."""

    does = "dequantize moved below"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: DequantizeOp, rewriter: PatternRewriter) -> None:
        if is_preserved(op):
            return None
        element = element_of(op.operands[0].type)
        use = op.results[0].first_use
        if not isinstance(element, UniformQuantizedType) or use is None or op.results[0].has_more_than_one_use():
            return None
        user = use.operation
        if not isinstance(user, TflOp) or not is_same_scale(user) or len(user.results) != 1:
            return None
        if user.parent is not op.parent:
            return None
        if element.layout.axes:
            return rewriter.decline("scales per channel don't survive the op", user)
        if _elements(shape_of(user.results[0].type)) >= _elements(shape_of(op.results[0].type)):
            return rewriter.decline("the op's result is no smaller", user)
        if _float_operands(user) != [use.index]:
            return rewriter.decline("the op has other float operands", user)
        narrow, widen = in_integers(user, use.index, op.operands[0], "quantized")
        rewriter.insert([narrow, widen], InsertPoint.before(user))
        rewriter.replace_all_uses_with(user.results[0], widen.results[0])
        rewriter.erase(user)
        rewriter.erase(op)


def _float_operands(user: TflOp) -> list[int]:
    return [
        index
        for index, value in enumerate(user.operands)
        if (element := element_of(value.type)) is not None and element.name in ("f32", "f16")
    ]
