"""`tfl-expand-dequantize`: replaces the dequantization of a constant by arithmetic ops, as TensorFlow does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import UnitAttr

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.tfl.arithmetic import MulOp, SubOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.elementwise import CastOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import quantized_element, shape_of, tensor_type
from tflir.passes.quantization.facts import VOLATILE
from tflir.passes.quantization.parameters import F32
from tflir.passes.rewriting import PatternRewriter, RewritePass, RewritePattern, op_type_rewrite_pattern
from tflir.passes.rewriting.values import producer


@dataclass(frozen=True)
class ExpandDequantizePass(RewritePass):
    """
    Replaces a `tfl.dequantize` of a constant by a cast, a subtraction and a multiplication.

    ```mlir
    %c = "tfl.pseudo_qconst"() {volatile} …
    %y = "tfl.dequantize"(%c) …
    ```
    becomes
    ```mlir
    %i = "tfl.pseudo_const"() <{value = … : tensor<4xi8>}> …
    %f = "tfl.cast"(%i) : (tensor<4xi8>) -> tensor<4xf32>
    %d = "tfl.sub"(%f, %zero_point) …
    %y = "tfl.mul"(%d, %scale) …
    ```
    This concerns constants with one scale that were quantized because of recorded ranges (`volatile`).
    """

    name = "tfl-expand-dequantize"
    changes = "rounding"
    per_function = True

    def rules(self) -> Iterator[RewritePattern]:
        yield ExpandDequantize()


class ExpandDequantize(RewritePattern):
    """Replaces dequantize(constant) by (cast(constant) - zero point) * scale."""

    does = "dequantizes spelled out"

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: DequantizeOp, rewriter: PatternRewriter) -> None:
        source = producer(op.operands[0])
        if not isinstance(source, QConstOp) or VOLATILE not in source.attributes:
            return
        params = quantized_element(source.output)
        if params is None or params.layout.axes:
            return
        shape = shape_of(source.output.type) or ()
        wide = tensor_type(shape, F32)
        integers = ConstOp.create(
            result_types=[tensor_type(shape, params.storage)],
            properties={"value": source.value},
            location=source.location,
        )
        cast = CastOp.create(operands=integers.results, result_types=[wide], attributes={names.NO_OPTIONS: UnitAttr()})
        point, scale = (_scalar(float(value)) for value in (params.layout.zero_points, params.layout.scales))
        difference = SubOp(cast, point, result_type=wide)
        product = MulOp(difference, scale, result_type=op.results[0].type)
        product.location = names.named(names.name_of(op.results[0]))
        rewriter.replace(op, [integers, cast, point, difference, scale, product])


def _scalar(value: float) -> ConstOp:
    return ConstOp.create(
        result_types=[tensor_type((), F32)], properties={"value": elements(np.array(value, np.float32))}
    )
