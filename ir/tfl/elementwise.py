"""Functions of one tensor, element by element."""

from __future__ import annotations

from abc import ABC
from math import pi
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def, traits_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import STRING, TflOp
from tflir.ir.tfl.constraints import ANY, BIAS, COMPLEX, FLOAT, NUMBER, VALUE
from tflir.ir.tfl.element_rules import elements_alike, unchanged
from tflir.ir.tfl.info import OpInfo


class _Unary(TflOp, ABC):
    RULES: ClassVar = (unchanged, elements_alike())
    x = operand_def(NUMBER)
    y = result_def(NUMBER)
    traits = traits_def(Pure())


class _ComplexPart(TflOp, ABC):
    RULES: ClassVar = (unchanged,)
    input = operand_def(COMPLEX)
    output = result_def(FLOAT)
    traits = traits_def(Pure())


@irdl_op_definition
class AbsOp(_Unary):
    """Absolute value."""

    name = "tfl.abs"
    INFO: ClassVar = OpInfo("ABS", "AbsOptions", (1, 5), pure=True, quantizable=True, int16=True)


@irdl_op_definition
class NegOp(_Unary):
    """The negative."""

    name = "tfl.neg"
    INFO: ClassVar = OpInfo("NEG", "NegOptions", (1, 1), pure=True, int16=True)


@irdl_op_definition
class SignOp(TflOp):
    """-1, 0 or 1 by the sign of each element."""

    name = "tfl.sign"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("SIGN", "SignOptions", (1, 2), pure=True)
    x = operand_def(BIAS)
    output = result_def(BIAS)
    traits = traits_def(Pure())


@irdl_op_definition
class SquareOp(_Unary):
    """The square."""

    name = "tfl.square"
    INFO: ClassVar = OpInfo("SQUARE", "SquareOptions", (1, 1), pure=True)


@irdl_op_definition
class SqrtOp(_Unary):
    """The square root."""

    name = "tfl.sqrt"
    INFO: ClassVar = OpInfo("SQRT", None, (1, 2), pure=True, quantizable=True, int16=True)


@irdl_op_definition
class RsqrtOp(_Unary):
    """One over the square root."""

    name = "tfl.rsqrt"
    INFO: ClassVar = OpInfo("RSQRT", None, (1, 3), pure=True, quantizable=True, int16=True, steep=(0,))


@irdl_op_definition
class ExpOp(_Unary):
    """e to the power of each element."""

    name = "tfl.exp"
    INFO: ClassVar = OpInfo("EXP", "ExpOptions", (1, 2), pure=True, quantizable=True, int16=True)


@irdl_op_definition
class LogOp(_Unary):
    """The natural logarithm."""

    name = "tfl.log"
    INFO: ClassVar = OpInfo("LOG", None, (1, 2), pure=True, quantizable=True, int16=True, steep=(0,))


@irdl_op_definition
class SinOp(_Unary):
    """The sine of an angle in radians."""

    name = "tfl.sin"
    INFO: ClassVar = OpInfo("SIN", None, (1, 2), pure=True, period=2 * pi)


@irdl_op_definition
class CosOp(_Unary):
    """The cosine of an angle in radians."""

    name = "tfl.cos"
    INFO: ClassVar = OpInfo("COS", "CosOptions", (1, 2), pure=True, period=2 * pi)


@irdl_op_definition
class FloorOp(_Unary):
    """The largest integer not above each element."""

    name = "tfl.floor"
    INFO: ClassVar = OpInfo("FLOOR", None, (1, 1), pure=True)


@irdl_op_definition
class CeilOp(_Unary):
    """The smallest integer not below each element."""

    name = "tfl.ceil"
    INFO: ClassVar = OpInfo("CEIL", None, (1, 1), pure=True)


@irdl_op_definition
class RoundOp(_Unary):
    """The nearest integer; halves go to the even one."""

    name = "tfl.round"
    INFO: ClassVar = OpInfo("ROUND", None, (1, 1), pure=True)


@irdl_op_definition
class RealOp(_ComplexPart):
    """The real part."""

    name = "tfl.real"
    INFO: ClassVar = OpInfo("REAL", None, (1, 1), pure=True)


@irdl_op_definition
class ImagOp(_ComplexPart):
    """The imaginary part."""

    name = "tfl.imag"
    INFO: ClassVar = OpInfo("IMAG", None, (1, 1), pure=True)


@irdl_op_definition
class ComplexAbsOp(_ComplexPart):
    """The magnitude of complex numbers."""

    name = "tfl.complex_abs"
    INFO: ClassVar = OpInfo("COMPLEX_ABS", None, (1, 1), pure=True)


@irdl_op_definition
class CastOp(TflOp):
    """Each element converted to the result's element type."""

    name = "tfl.cast"
    RULES: ClassVar = (unchanged,)
    INFO: ClassVar = OpInfo("CAST", "CastOptions", (1, 9), pure=True)
    input = operand_def(VALUE)
    output = result_def(VALUE)
    in_data_type = opt_prop_def(STRING)
    out_data_type = opt_prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class BitcastOp(TflOp):
    """The same bytes read as another element type."""

    name = "tfl.bitcast"
    INFO: ClassVar = OpInfo("BITCAST", "BitcastOptions", (1, 1), pure=True)
    input = operand_def(ANY)
    output = result_def(ANY)
    traits = traits_def(Pure())
