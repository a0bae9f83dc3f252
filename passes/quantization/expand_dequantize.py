"""`tfl-expand-dequantize`: spells out the dequantization of constants, as TensorFlow does where one is left over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.ir import Operation, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.arithmetic import MulOp, SubOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.elementwise import CastOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import shape_of, tensor_type
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import VOLATILE, producer, quantized_element
from tflir.passes.quantization.parameters import F32

_NO_ACTIVATION = {"fused_activation_function": StringAttr("NONE")}


@dataclass(frozen=True)
class ExpandDequantizePass(TflPass):
    """
    Makes a `tfl.dequantize` of a constant of one scale that a recorded range quantized cast, subtract and multiply.

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
    """

    name = "tfl-expand-dequantize"
    per_function = True

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for op in list(module.walk()):
            source = producer(op.operands[0]) if isinstance(op, DequantizeOp) else None
            if isinstance(source, QConstOp) and VOLATILE in source.attributes:
                params = quantized_element(source.output)
                if params is not None and not params.layout.axes:
                    _expand(op, source, params)
                    report.count("dequantizes spelled out")


def _expand(op: Operation, source: QConstOp, params: UniformQuantizedType) -> None:
    shape = shape_of(source.output.type) or ()
    wide = tensor_type(shape, F32)
    integers = ConstOp.create(result_types=[tensor_type(shape, params.storage)], properties={"value": source.value})
    cast = CastOp.create(operands=integers.results, result_types=[wide], attributes={names.NO_OPTIONS: UnitAttr()})
    point, scale = (_scalar(float(value)) for value in (params.layout.zero_points, params.layout.scales))
    difference = SubOp.create(
        operands=[cast.results[0], point.results[0]], result_types=[wide], properties=dict(_NO_ACTIVATION)
    )
    product = MulOp.create(
        operands=[difference.results[0], scale.results[0]],
        result_types=[op.results[0].type],
        properties=dict(_NO_ACTIVATION),
    )
    integers.location = source.location
    product.location = names.named(names.name_of(op.results[0]))
    block = op.parent
    assert block is not None
    block.insert_ops_before([integers, cast, point, difference, scale, product], op)
    made: SSAValue = product.results[0]
    op.results[0].replace_all_uses_with(made)
    block.erase_op(op)


def _scalar(value: float) -> ConstOp:
    return ConstOp.create(
        result_types=[tensor_type((), F32)], properties={"value": elements(np.array(value, np.float32))}
    )
