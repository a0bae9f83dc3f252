"""Ops built of values and options by name: `FullyConnectedOp(x, w, b, activation="RELU")`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import IntegerAttr, NoneType, StringAttr, f32, i8, i32
from xdsl.ir import Block, SSAValue
from xdsl.irdl import IRDLOperation

from tflir.ir.constants import elements
from tflir.ir.errors import Error
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.activations import LeakyReluOp, ReluOp
from tflir.ir.tfl.arithmetic import AddOp, MaximumOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.building import build_plan, option_attribute, option_value
from tflir.ir.tfl.comparison import LessOp
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.tfl.dialect import get_dialect
from tflir.ir.tfl.elementwise import CastOp
from tflir.ir.tfl.linear import Conv2DOp, FullyConnectedOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.tfl.reduction import ArgMaxOp, SumOp
from tflir.ir.tfl.shaping import ConcatenationOp, PackOp, ReshapeOp, SplitOp, TransposeOp, UnpackOp
from tflir.ir.tfl.spatial import AveragePool2DOp
from tflir.ir.types import tensor_type

ROW, MATRIX = tensor_type((1, 4), f32), tensor_type((3, 4), f32)
IMAGE, KERNEL = tensor_type((1, 8, 8, 3), f32), tensor_type((4, 3, 3, 3), f32)


def values(*types: Any) -> tuple[SSAValue, ...]:
    return Block(arg_types=types).args


def constant(numbers: Any) -> SSAValue:
    value = elements(np.array(numbers, np.int32))
    return ConstOp.create(result_types=[value.type], properties={"value": value}).results[0]


def types(op: TflOp) -> list[str]:
    op.verify()
    return [str(result.type) for result in op.results]


def test_options_have_the_defaults_of_the_schema() -> None:
    row, matrix = values(ROW, MATRIX)
    op = FullyConnectedOp(row, matrix, activation="RELU")
    assert op.fused_activation_function == StringAttr("RELU")
    assert (op.option("activation"), op.option("weights_format"), op.option("keep_num_dims")) == (
        "RELU",
        "DEFAULT",
        False,
    )
    assert isinstance(op.bias.type, NoneType)
    assert op.option("asymmetric_quantize_inputs") is False
    assert types(op) == ["tensor<1x3xf32>"]


def test_operands_come_in_order_or_by_name() -> None:
    row, matrix, bias = values(ROW, MATRIX, tensor_type((3,), f32))
    by_name = FullyConnectedOp(filter=matrix, bias=bias, input=row)
    assert list(by_name.operands) == list(FullyConnectedOp(row, matrix, bias).operands) == [row, matrix, bias]


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (lambda row, matrix, image, kernel: AddOp(row, matrix), ["tensor<3x4xf32>"]),
        (lambda row, matrix, image, kernel: LessOp(row, row), ["tensor<1x4xi1>"]),
        (lambda row, matrix, image, kernel: LeakyReluOp(row, alpha=0.5), ["tensor<1x4xf32>"]),
        (
            lambda row, matrix, image, kernel: Conv2DOp(image, kernel, padding="VALID", stride_h=2, stride_w=1),
            ["tensor<1x3x6x4xf32>"],
        ),
        (
            lambda row, matrix, image, kernel: AveragePool2DOp(
                image, filter_height=2, filter_width=2, stride_h=2, stride_w=2
            ),
            ["tensor<1x4x4x3xf32>"],
        ),
        (lambda row, matrix, image, kernel: ConcatenationOp(row, matrix, axis=0), ["tensor<4x4xf32>"]),
        (lambda row, matrix, image, kernel: ConcatenationOp([row, row, row], axis=-1), ["tensor<1x12xf32>"]),
        (lambda row, matrix, image, kernel: PackOp(row, row, axis=0), ["tensor<2x1x4xf32>"]),
        (lambda row, matrix, image, kernel: UnpackOp(matrix, num=3, axis=0), ["tensor<4xf32>"] * 3),
        (lambda row, matrix, image, kernel: SplitOp(constant(1), matrix, num_splits=2), ["tensor<3x2xf32>"] * 2),
        (lambda row, matrix, image, kernel: ReshapeOp(matrix, new_shape=[2, 6]), ["tensor<2x6xf32>"]),
        (lambda row, matrix, image, kernel: ReshapeOp(matrix, constant([6, -1])), ["tensor<6x2xf32>"]),
        (lambda row, matrix, image, kernel: TransposeOp(matrix, constant([1, 0])), ["tensor<4x3xf32>"]),
        (lambda row, matrix, image, kernel: SumOp(matrix, constant([0]), keep_dims=True), ["tensor<1x4xf32>"]),
        (
            lambda row, matrix, image, kernel: CastOp(row, result_type=tensor_type((1, 4), i32)),
            ["tensor<1x4xi32>"],
        ),
    ],
)
def test_result_types_follow_from_operands_and_options(made: Any, wanted: list[str]) -> None:
    assert types(made(*values(ROW, MATRIX, IMAGE, KERNEL))) == wanted


def test_scales_follow_only_where_the_op_keeps_them() -> None:
    scaled = tensor_type((1, 4), UniformQuantizedType.get(i8, f32, Layout(np.array(0.5), np.array(3))))
    (value,) = values(scaled)
    assert MaximumOp(value, value).results[0].type == scaled
    with pytest.raises(Error, match="the scale of its quantized result does not follow"):
        AddOp(value, value)
    assert types(AddOp(value, value, result_type=scaled)) == [str(scaled)]
    assert types(DequantizeOp(value)) == ["tensor<1x4xf32>"]
    (plain,) = values(ROW)
    assert QuantizeOp(plain, result_type=scaled).qtype == scaled


def test_the_same_op_of_another_constant_has_another_type() -> None:
    (matrix,) = values(MATRIX)
    shapes = [types(ReshapeOp(matrix, constant(shape))) for shape in ([12], [2, 6], [12])]
    assert shapes == [["tensor<12xf32>"], ["tensor<2x6xf32>"], ["tensor<12xf32>"]]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda x: AddOp(x), "tfl.add needs its operand rhs"),
        (lambda x: AddOp(x, x, x), "tfl.add takes 2 operands (lhs, rhs), not 3"),
        (lambda x: AddOp(x, x, lhs=x), "tfl.add is given its operand lhs twice"),
        (lambda x: AddOp(x, 3), "tfl.add operand rhs is a value, or the op that makes it, not int"),
        (lambda x: AddOp(x, x, activatio="RELU"), "no operand or option 'activatio'; did you mean 'activation'?"),
        (lambda x: AddOp(x, x, activation="RELUX"), "can't be 'RELUX' (NONE, RELU,"),
        (lambda x: LeakyReluOp(x, alpha="much"), "option alpha can't be 'much'"),
        (lambda x: QuantizeOp(x), "tfl.quantize needs its option qtype"),
        (lambda x: ArgMaxOp(x, constant(0)), "the element type of its result does not follow"),
        (lambda x: SumOp(x, x), "the shape of its result does not follow from its operands and options"),
        (lambda x: ReluOp(x).option("alpha"), "tfl.relu has no option 'alpha'"),
    ],
)
def test_what_is_wrong_is_said(made: Any, said: str) -> None:
    with pytest.raises(Error) as caught:
        made(*values(ROW))
    assert said in str(caught.value)


def test_xdsls_own_constructor_works_as_before() -> None:
    (row,) = values(ROW)
    op = AddOp(operands=[row, row], result_types=[ROW], properties={"fused_activation_function": StringAttr("NONE")})
    op.verify()
    assert list(op.operands) == [row, row]


def test_every_op_has_a_plan_and_its_defaults_read_back() -> None:
    for op in get_dialect().operations:
        assert issubclass(op, IRDLOperation)
        plan = build_plan(op)
        for name, default in plan.defaults.items():
            made = op.create(properties={name: default})
            assert option_attribute(op, name, option_value(made, name)) == default


def test_set_option_takes_python_values() -> None:
    row, kernel = values(IMAGE, KERNEL)
    op = Conv2DOp(row, kernel, stride_h=1, stride_w=1)
    op.set_option("stride_h", 3)
    assert op.stride_h == IntegerAttr(3, 32)
    with pytest.raises(Error, match="option padding can't be 'FULL'"):
        op.set_option("padding", "FULL")
