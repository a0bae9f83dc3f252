"""Comparisons, logic and selection."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, result_def, traits_def
from xdsl.traits import Commutative, Pure

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constraints import BOOLEAN, NUMBER, VALUE
from tflir.ir.tfl.element_rules import broadcasts, elements_alike, select, unchanged
from tflir.ir.tfl.info import OpInfo


class _Ordering(TflOp, ABC):
    RULES: ClassVar = (broadcasts, elements_alike(0, 1, results=False))
    lhs = operand_def(NUMBER)
    rhs = operand_def(NUMBER)
    output = result_def(BOOLEAN)
    traits = traits_def(Pure())


class _Logical(TflOp, ABC):
    RULES: ClassVar = (broadcasts,)
    lhs = operand_def(BOOLEAN)
    rhs = operand_def(BOOLEAN)
    output = result_def(BOOLEAN)
    traits = traits_def(Pure())


@irdl_op_definition
class EqualOp(TflOp):
    """Whether two elements are equal."""

    name = "tfl.equal"
    RULES: ClassVar = (broadcasts, elements_alike(0, 1, results=False))
    INFO: ClassVar = OpInfo("EQUAL", "EqualOptions", (1, 5), pure=True, commutative=True, quantizable=True)
    x = operand_def(VALUE)
    y = operand_def(VALUE)
    output = result_def(BOOLEAN)
    traits = traits_def(Pure(), Commutative())


@irdl_op_definition
class NotEqualOp(TflOp):
    """Whether two elements differ."""

    name = "tfl.not_equal"
    RULES: ClassVar = (broadcasts, elements_alike(0, 1, results=False))
    INFO: ClassVar = OpInfo("NOT_EQUAL", "NotEqualOptions", (1, 4), pure=True, commutative=True)
    lhs = operand_def(VALUE)
    rhs = operand_def(VALUE)
    output = result_def(BOOLEAN)
    traits = traits_def(Pure(), Commutative())


@irdl_op_definition
class LessOp(_Ordering):
    """Whether `lhs < rhs`."""

    name = "tfl.less"
    INFO: ClassVar = OpInfo("LESS", "LessOptions", (1, 3), pure=True, quantizable=True)


@irdl_op_definition
class LessEqualOp(_Ordering):
    """Whether `lhs <= rhs`."""

    name = "tfl.less_equal"
    INFO: ClassVar = OpInfo("LESS_EQUAL", "LessEqualOptions", (1, 2), pure=True, quantizable=True)


@irdl_op_definition
class GreaterOp(_Ordering):
    """Whether `lhs > rhs`."""

    name = "tfl.greater"
    INFO: ClassVar = OpInfo("GREATER", "GreaterOptions", (1, 2), pure=True, quantizable=True)


@irdl_op_definition
class GreaterEqualOp(_Ordering):
    """Whether `lhs >= rhs`."""

    name = "tfl.greater_equal"
    INFO: ClassVar = OpInfo("GREATER_EQUAL", "GreaterEqualOptions", (1, 3), pure=True, quantizable=True)


@irdl_op_definition
class LogicalAndOp(_Logical):
    """Whether both are true."""

    name = "tfl.logical_and"
    INFO: ClassVar = OpInfo("LOGICAL_AND", "LogicalAndOptions", (1, 1), pure=True)


@irdl_op_definition
class LogicalOrOp(_Logical):
    """Whether either is true."""

    name = "tfl.logical_or"
    INFO: ClassVar = OpInfo("LOGICAL_OR", "LogicalOrOptions", (1, 1), pure=True)


@irdl_op_definition
class LogicalNotOp(TflOp):
    """The opposite of a boolean."""

    name = "tfl.logical_not"
    RULES: ClassVar = (unchanged,)
    INFO: ClassVar = OpInfo("LOGICAL_NOT", "LogicalNotOptions", (1, 1), pure=True)
    lhs = operand_def(BOOLEAN)
    output = result_def(BOOLEAN)
    traits = traits_def(Pure())


@irdl_op_definition
class SelectOp(TflOp):
    """`x` where the condition holds, else `y`; a vector condition picks rows."""

    name = "tfl.select"
    RULES: ClassVar = (select, elements_alike(1, 2))
    INFO: ClassVar = OpInfo("SELECT", "SelectOptions", (1, 4), pure=True, quantizable=True, same_scale=True, int16=True)
    condition = operand_def(BOOLEAN)
    x = operand_def(VALUE)
    y = operand_def(VALUE)
    output = result_def(VALUE)
    traits = traits_def(Pure())


@irdl_op_definition
class SelectV2Op(TflOp):
    """`x` where the condition holds, else `y`, all three broadcast."""

    name = "tfl.select_v2"
    RULES: ClassVar = (broadcasts, elements_alike(1, 2))
    INFO: ClassVar = OpInfo(
        "SELECT_V2", "SelectV2Options", (1, 2), pure=True, quantizable=True, same_scale=True, int16=True
    )
    condition = operand_def(BOOLEAN)
    x = operand_def(VALUE)
    y = operand_def(VALUE)
    output = result_def(VALUE)
    traits = traits_def(Pure())
