"""StableHLO operations on single elements, carried as builtin operators."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, opt_prop_def

from tflir.ir.tfl.base import STRING
from tflir.ir.tfl.info import OpInfo
from tflir.ir.tfl.variadic import VariadicOp


@irdl_op_definition
class StablehloLogisticOp(VariadicOp):
    """The sigmoid."""

    name = "tfl.stablehlo_logistic"
    INFO: ClassVar = OpInfo("STABLEHLO_LOGISTIC", None, (0, 0))


@irdl_op_definition
class StablehloAddOp(VariadicOp):
    """Sum."""

    name = "tfl.stablehlo_add"
    INFO: ClassVar = OpInfo("STABLEHLO_ADD", None, (1, 1))


@irdl_op_definition
class StablehloDivideOp(VariadicOp):
    """Quotient."""

    name = "tfl.stablehlo_divide"
    INFO: ClassVar = OpInfo("STABLEHLO_DIVIDE", None, (0, 0))


@irdl_op_definition
class StablehloMultiplyOp(VariadicOp):
    """Product."""

    name = "tfl.stablehlo_multiply"
    INFO: ClassVar = OpInfo("STABLEHLO_MULTIPLY", None, (1, 1))


@irdl_op_definition
class StablehloMaximumOp(VariadicOp):
    """The larger of two elements."""

    name = "tfl.stablehlo_maximum"
    INFO: ClassVar = OpInfo("STABLEHLO_MAXIMUM", None, (1, 1))


@irdl_op_definition
class StablehloClampOp(VariadicOp):
    """Elements clipped to [min, max]."""

    name = "tfl.stablehlo_clamp"
    INFO: ClassVar = OpInfo("STABLEHLO_CLAMP", None, (0, 0))


@irdl_op_definition
class StablehloAbsOp(VariadicOp):
    """Absolute value."""

    name = "tfl.stablehlo_abs"
    INFO: ClassVar = OpInfo("STABLEHLO_ABS", None, (0, 0))


@irdl_op_definition
class StablehloAndOp(VariadicOp):
    """And of bits or booleans."""

    name = "tfl.stablehlo_and"
    INFO: ClassVar = OpInfo("STABLEHLO_AND", None, (1, 1))


@irdl_op_definition
class StablehloCosineOp(VariadicOp):
    """The cosine."""

    name = "tfl.stablehlo_cosine"
    INFO: ClassVar = OpInfo("STABLEHLO_COSINE", None, (0, 0))


@irdl_op_definition
class StablehloExponentialOp(VariadicOp):
    """e to the power of each element."""

    name = "tfl.stablehlo_exponential"
    INFO: ClassVar = OpInfo("STABLEHLO_EXPONENTIAL", None, (0, 0))


@irdl_op_definition
class StablehloFloorOp(VariadicOp):
    """The largest integer not above each element."""

    name = "tfl.stablehlo_floor"
    INFO: ClassVar = OpInfo("STABLEHLO_FLOOR", None, (0, 0))


@irdl_op_definition
class StablehloLogOp(VariadicOp):
    """The natural logarithm."""

    name = "tfl.stablehlo_log"
    INFO: ClassVar = OpInfo("STABLEHLO_LOG", None, (0, 0))


@irdl_op_definition
class StablehloMinimumOp(VariadicOp):
    """The smaller of two elements."""

    name = "tfl.stablehlo_minimum"
    INFO: ClassVar = OpInfo("STABLEHLO_MINIMUM", None, (1, 1))


@irdl_op_definition
class StablehloNegateOp(VariadicOp):
    """The negative."""

    name = "tfl.stablehlo_negate"
    INFO: ClassVar = OpInfo("STABLEHLO_NEGATE", None, (0, 0))


@irdl_op_definition
class StablehloOrOp(VariadicOp):
    """Or of bits or booleans."""

    name = "tfl.stablehlo_or"
    INFO: ClassVar = OpInfo("STABLEHLO_OR", None, (0, 0))


@irdl_op_definition
class StablehloPowerOp(VariadicOp):
    """The left to the power of the right."""

    name = "tfl.stablehlo_power"
    INFO: ClassVar = OpInfo("STABLEHLO_POWER", None, (0, 0))


@irdl_op_definition
class StablehloRemainderOp(VariadicOp):
    """Remainder with the sign of the dividend."""

    name = "tfl.stablehlo_remainder"
    INFO: ClassVar = OpInfo("STABLEHLO_REMAINDER", None, (0, 0))


@irdl_op_definition
class StablehloRsqrtOp(VariadicOp):
    """One over the square root."""

    name = "tfl.stablehlo_rsqrt"
    INFO: ClassVar = OpInfo("STABLEHLO_RSQRT", None, (0, 0))


@irdl_op_definition
class StablehloSelectOp(VariadicOp):
    """One of two elements by a condition."""

    name = "tfl.stablehlo_select"
    INFO: ClassVar = OpInfo("STABLEHLO_SELECT", None, (0, 0))


@irdl_op_definition
class StablehloSubtractOp(VariadicOp):
    """Difference."""

    name = "tfl.stablehlo_subtract"
    INFO: ClassVar = OpInfo("STABLEHLO_SUBTRACT", None, (0, 0))


@irdl_op_definition
class StablehloTanhOp(VariadicOp):
    """The hyperbolic tangent."""

    name = "tfl.stablehlo_tanh"
    INFO: ClassVar = OpInfo("STABLEHLO_TANH", None, (0, 0))


@irdl_op_definition
class StablehloCompareOp(VariadicOp):
    """A comparison, its direction a property."""

    name = "tfl.stablehlo_compare"
    INFO: ClassVar = OpInfo("STABLEHLO_COMPARE", "StablehloCompareOptions", (0, 0))
    comparison_direction = opt_prop_def(STRING)
    compare_type = opt_prop_def(STRING)


@irdl_op_definition
class StablehloConvertOp(VariadicOp):
    """Each element converted to the result's element type."""

    name = "tfl.stablehlo_convert"
    INFO: ClassVar = OpInfo("STABLEHLO_CONVERT", None, (0, 0))


@irdl_op_definition
class StablehloShiftLeftOp(VariadicOp):
    """Bits shifted left."""

    name = "tfl.stablehlo_shift_left"
    INFO: ClassVar = OpInfo("STABLEHLO_SHIFT_LEFT", "StablehloShiftLeftOptions", (1, 1))


@irdl_op_definition
class StablehloCbrtOp(VariadicOp):
    """The cube root."""

    name = "tfl.stablehlo_cbrt"
    INFO: ClassVar = OpInfo("STABLEHLO_CBRT", None, (0, 0))
