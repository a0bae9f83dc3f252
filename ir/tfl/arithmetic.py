"""Arithmetic of two or more tensors, element by element with broadcasting."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def, var_operand_def
from xdsl.traits import Commutative, Pure

from tflir.ir.tfl.base import BOOL, STRING, TflOp
from tflir.ir.tfl.constraints import FLOAT, NUMBER
from tflir.ir.tfl.element_rules import all_alike, broadcasts, elements_alike, two_or_more
from tflir.ir.tfl.info import OpInfo


class _Binary(TflOp, ABC):
    RULES: ClassVar = (broadcasts, elements_alike())
    lhs = operand_def(NUMBER)
    rhs = operand_def(NUMBER)
    output = result_def(NUMBER)
    traits = traits_def(Pure())


class _FusedBinary(_Binary, ABC):
    fused_activation_function = prop_def(STRING)


@irdl_op_definition
class AddOp(_FusedBinary):
    """Sum of two tensors, then the fused activation."""

    name = "tfl.add"
    INFO: ClassVar = OpInfo("ADD", "AddOptions", (1, 6), pure=True, commutative=True, quantizable=True, int16=True)
    pot_scale_int16 = opt_prop_def(BOOL)
    traits = traits_def(Commutative())


@irdl_op_definition
class SubOp(_FusedBinary):
    """Difference `lhs - rhs`, then the fused activation."""

    name = "tfl.sub"
    INFO: ClassVar = OpInfo("SUB", "SubOptions", (1, 5), pure=True, quantizable=True, int16=True)
    pot_scale_int16 = opt_prop_def(BOOL)


@irdl_op_definition
class MulOp(_FusedBinary):
    """Product of two tensors, then the fused activation."""

    name = "tfl.mul"
    INFO: ClassVar = OpInfo("MUL", "MulOptions", (1, 8), pure=True, commutative=True, quantizable=True, int16=True)
    traits = traits_def(Commutative())


@irdl_op_definition
class DivOp(_FusedBinary):
    """Quotient `lhs / rhs`, then the fused activation; integers round toward zero."""

    name = "tfl.div"
    INFO: ClassVar = OpInfo("DIV", "DivOptions", (1, 2), pure=True, quantizable=True, poles=(1,))


@irdl_op_definition
class FloorDivOp(_Binary):
    """Quotient rounded toward minus infinity."""

    name = "tfl.floor_div"
    INFO: ClassVar = OpInfo("FLOOR_DIV", "FloorDivOptions", (1, 3), pure=True, poles=(1,))


@irdl_op_definition
class FloorModOp(_Binary):
    """Remainder with the sign of the divisor."""

    name = "tfl.floor_mod"
    INFO: ClassVar = OpInfo("FLOOR_MOD", "FloorModOptions", (1, 2), pure=True, poles=(1,))


@irdl_op_definition
class PowOp(_Binary):
    """`lhs` to the power of `rhs`."""

    name = "tfl.pow"
    INFO: ClassVar = OpInfo("POW", "PowOptions", (1, 1), pure=True, poles=(0,))


@irdl_op_definition
class SquaredDifferenceOp(_Binary):
    """Square of `lhs - rhs`."""

    name = "tfl.squared_difference"
    INFO: ClassVar = OpInfo("SQUARED_DIFFERENCE", "SquaredDifferenceOptions", (1, 2), pure=True, quantizable=True)


@irdl_op_definition
class BitwiseXorOp(_Binary):
    """Exclusive or of the bits of two integers."""

    name = "tfl.bitwise_xor"
    INFO: ClassVar = OpInfo("BITWISE_XOR", "BitwiseXorOptions", (1, 1), pure=True, commutative=True)
    traits = traits_def(Commutative())


@irdl_op_definition
class RightShiftOp(_Binary):
    """Bits of `lhs` shifted right by `rhs`; signed integers keep their sign."""

    name = "tfl.right_shift"
    INFO: ClassVar = OpInfo("RIGHT_SHIFT", "RightShiftOptions", (1, 1), pure=True)


@irdl_op_definition
class MaximumOp(TflOp):
    """The larger of two elements."""

    name = "tfl.maximum"
    RULES: ClassVar = (broadcasts, elements_alike())
    INFO: ClassVar = OpInfo(
        "MAXIMUM",
        "MaximumMinimumOptions",
        (1, 4),
        pure=True,
        commutative=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    lhs = operand_def(NUMBER)
    rhs = operand_def(NUMBER)
    max = result_def(NUMBER)
    traits = traits_def(Pure(), Commutative())


@irdl_op_definition
class MinimumOp(TflOp):
    """The smaller of two elements."""

    name = "tfl.minimum"
    RULES: ClassVar = (broadcasts, elements_alike())
    INFO: ClassVar = OpInfo(
        "MINIMUM",
        "MaximumMinimumOptions",
        (1, 4),
        pure=True,
        commutative=True,
        quantizable=True,
        same_scale=True,
        int16=True,
    )
    lhs = operand_def(NUMBER)
    rhs = operand_def(NUMBER)
    min = result_def(NUMBER)
    traits = traits_def(Pure(), Commutative())


@irdl_op_definition
class Atan2Op(TflOp):
    """Angle of the point (x, y), in radians."""

    name = "tfl.atan2"
    RULES: ClassVar = (all_alike, elements_alike())
    INFO: ClassVar = OpInfo("ATAN2", "ATan2Options", (1, 1), pure=True)
    y = operand_def(FLOAT)
    x = operand_def(FLOAT)
    output = result_def(FLOAT)
    traits = traits_def(Pure())


@irdl_op_definition
class AddNOp(TflOp):
    """Sum of any number of tensors of one shape."""

    name = "tfl.add_n"
    RULES: ClassVar = (two_or_more, all_alike, elements_alike())
    INFO: ClassVar = OpInfo("ADD_N", "AddNOptions", (1, 1), pure=True, commutative=True, same_scale=True)
    inputs = var_operand_def(NUMBER)
    sum = result_def(NUMBER)
    traits = traits_def(Pure(), Commutative())
