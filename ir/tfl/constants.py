"""Constants, the placeholder of omitted operands, and operators whose options are opaque bytes."""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, DenseResourceAttr, NoneType, UnitAttr
from xdsl.ir import Attribute
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.traits import ConstantLike, Pure
from xdsl.utils.exceptions import VerifyException

from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.sparsity import encoding_fault
from tflir.ir.tfl.attributes import ConstBytesAttr, ExternalBufferAttr, SparsityParameterAttr
from tflir.ir.tfl.base import BOOL, F32, I32, STRING
from tflir.ir.tfl.constraints import ANY, ANY_OR_NONE, FLOAT, TYPE, VALUE
from tflir.ir.types import element_of, schema_name, shape_of

ELEMENTS = AnyAttr()
"""The attribute with a constant's elements."""


def _check_value(value: Attribute, result: Attribute, shaped: bool = True) -> None:
    """Checks that the elements, unless left out, have the result's storage type and, if `shaped`, its shape."""
    if not isinstance(value, ArrayElementsAttr | DenseResourceAttr | DenseIntOrFPElementsAttr):
        raise VerifyException(f"a constant's value is dense<…> or dense_resource<…>, not {value}")
    value_type = cast("Attribute", value.get_type())
    expected, actual = shape_of(result), shape_of(value_type) or ()
    fits = expected is None or len(expected) == len(actual)
    fits = fits and all(w in (f, -1) for w, f in zip(expected or (), actual, strict=False))
    held = schema_name(element_of(value_type) or value_type)
    if held is None or schema_name(element_of(result) or result) != held or (shaped and not fits):
        raise VerifyException(f"its value is a {value_type}, which does not fit {result}")


def _check_sparse(op: SparseConstOp | SparseQConstOp) -> None:
    """Checks that the stored elements have the result's storage type, and that the encoding fits its shape."""
    _check_value(op.value, op.output.type)
    _check_value(op.compressed_data, op.output.type, shaped=False)
    shape, stored = shape_of(op.output.type), op.compressed_data
    if shape is None or not isinstance(stored, ArrayElementsAttr):
        return
    if (fault := encoding_fault(op.s_param.data, shape, stored.size)) is not None:
        raise VerifyException(f"its encoding is not valid for {op.output.type}: {fault}")


def _check_type(qtype: Attribute, result: Attribute) -> None:
    if qtype != result:
        raise VerifyException(f"qtype is {qtype} where the result is {result}")


@irdl_op_definition
class ConstOp(IRDLOperation):
    """A constant tensor that is not quantized."""

    name = "tfl.pseudo_const"
    value = prop_def(ELEMENTS)
    output = result_def(ANY)
    traits = traits_def(ConstantLike(), Pure())

    def verify_(self) -> None:
        _check_value(self.value, self.output.type)


@irdl_op_definition
class QConstOp(IRDLOperation):
    """A quantized constant: the stored integers and the type that they have."""

    name = "tfl.pseudo_qconst"
    qtype = prop_def(TYPE)
    value = prop_def(ELEMENTS)
    output = result_def(ANY)
    traits = traits_def(ConstantLike(), Pure())

    def verify_(self) -> None:
        _check_type(self.qtype, self.output.type)
        _check_value(self.value, self.output.type)


@irdl_op_definition
class SparseConstOp(IRDLOperation):
    """A constant of which only the elements that are not zero are stored, with where they belong."""

    name = "tfl.pseudo_sparse_const"
    value = prop_def(ELEMENTS)
    s_param = prop_def(SparsityParameterAttr)
    compressed_data = prop_def(ELEMENTS)
    output = result_def(ANY)
    traits = traits_def(Pure())

    def verify_(self) -> None:
        _check_sparse(self)


@irdl_op_definition
class SparseQConstOp(IRDLOperation):
    """A sparse constant of quantized elements."""

    name = "tfl.pseudo_sparse_qconst"
    qtype = prop_def(TYPE)
    value = prop_def(ELEMENTS)
    s_param = prop_def(SparsityParameterAttr)
    compressed_data = prop_def(ELEMENTS)
    output = result_def(ANY)
    traits = traits_def(Pure())

    def verify_(self) -> None:
        _check_type(self.qtype, self.output.type)
        _check_sparse(self)


@irdl_op_definition
class ExternalConstOp(IRDLOperation):
    """A constant whose bytes lie outside the model."""

    name = "tfl.external_const"
    buffer_index = opt_prop_def(I32)
    external_buffer = opt_prop_def(ExternalBufferAttr)
    output = result_def(ANY)
    traits = traits_def(Pure())


@irdl_op_definition
class NoValueOp(IRDLOperation):
    """Stands where an optional operand is left out."""

    name = "tfl.no_value"
    value = prop_def(UnitAttr)
    none_val = result_def(NoneType)
    traits = traits_def(ConstantLike(), Pure())


@irdl_op_definition
class CustomOp(IRDLOperation):
    """An operator that the runtime finds by name, with options that only its kernel reads."""

    name = "tfl.custom"
    custom_code = prop_def(STRING)
    custom_option = prop_def(ConstBytesAttr)
    inputs = var_operand_def(ANY_OR_NONE)
    outputs = var_result_def(ANY_OR_NONE)


@irdl_op_definition
class BuiltinOp(IRDLOperation):
    """A builtin operator, by number, that has no typed op or that its typed op can't hold."""

    name = "tfl.builtin"
    code = opt_prop_def(I32)
    version = opt_prop_def(I32)
    options = opt_prop_def()
    inputs = var_operand_def(ANY_OR_NONE)
    outputs = var_result_def(ANY_OR_NONE)


@irdl_op_definition
class NumericVerifyOp(IRDLOperation):
    """The difference of a dequantized tensor and its float reference, for debugging quantization."""

    name = "tfl.NumericVerify"
    input = operand_def(VALUE)
    ref = operand_def(FLOAT)
    output = result_def(FLOAT)
    tolerance = opt_prop_def(F32)
    log_if_failed = opt_prop_def(BOOL)
