"""`tfl-optimize-op-order`: dequantizes after an op that shrinks its input, not before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import element_of, shape_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import is_preserved, is_same_scale
from tflir.passes.quantization.pairs import quantized_tensor


@dataclass(frozen=True)
class OptimizeOpOrderPass(TflPass):
    """
    Moves a `tfl.dequantize` below its only user where that keeps scales and has fewer elements.

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
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for op in list(module.walk()):
            if isinstance(op, DequantizeOp):
                _sink(op, report)


def _elements(shape: tuple[int, ...] | None) -> int:
    """Elements of a tensor; a dynamic dimension counts as 1."""
    return math.prod(max(d, 1) for d in shape or ())


def _sink(op: DequantizeOp, report: PassReport) -> None:
    if is_preserved(op):
        return
    element = element_of(op.operands[0].type)
    use = op.results[0].first_use
    if not isinstance(element, UniformQuantizedType) or use is None or op.results[0].has_more_than_one_use():
        return
    user = use.operation
    if not isinstance(user, TflOp) or not is_same_scale(user) or len(user.results) != 1 or user.parent is not op.parent:
        return
    if element.layout.axes:
        report.decline("scales per channel don't survive the op", user)
        return
    if _elements(shape_of(user.results[0].type)) >= _elements(shape_of(op.results[0].type)):
        report.decline("the op's result is no smaller", user)
        return
    if _float_operands(user) != [use.index]:
        report.decline("the op has other float operands", user)
        return
    _move_below(op, user, use.index, element)
    report.count("dequantize moved below")


def _float_operands(user: TflOp) -> list[int]:
    return [
        index
        for index, value in enumerate(user.operands)
        if (found := element_of(value.type)) is not None and found.name in ("f32", "f16")
    ]


def _move_below(op: DequantizeOp, user: Operation, index: int, element: UniformQuantizedType) -> None:
    block = user.parent
    assert block is not None
    result = user.results[0]
    name = names.name_of(result)
    operands = list(user.operands)
    operands[index] = op.operands[0]
    attributes = {k: v for k, v in user.attributes.items() if k != names.VERSION}
    narrow = type(user).create(
        operands=operands,
        result_types=[quantized_tensor(result, element)],
        properties=dict(user.properties),
        attributes=attributes,
    )
    narrow.location = names.named(None if name is None else f"{name}_quantized")
    widen = DequantizeOp.create(operands=narrow.results, result_types=[result.type])
    widen.location = user.location
    block.insert_ops_before([narrow, widen], user)
    result.replace_all_uses_with(widen.results[0])
    block.erase_op(user)
    block.erase_op(op)
