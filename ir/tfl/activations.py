"""Activations and normalizations."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Iterable
from typing import ClassVar

from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation
from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import BOOL, F32, I32, STRING, TflOp
from tflir.ir.tfl.constraints import FLOAT, FLOAT_OR_QUANTIZED, NUMBER
from tflir.ir.tfl.element_rules import elements_alike, prelu, unchanged
from tflir.ir.tfl.info import OpInfo


class _Activation(TflOp, ABC):
    RULES: ClassVar = (unchanged, elements_alike())
    x = operand_def(FLOAT_OR_QUANTIZED)
    y = result_def(FLOAT_OR_QUANTIZED)
    traits = traits_def(Pure())


@irdl_op_definition
class ReluOp(_Activation):
    """Clips to [0, ∞)."""

    name = "tfl.relu"
    INFO: ClassVar = OpInfo("RELU", None, (1, 3), pure=True, quantizable=True, int16=True)


@irdl_op_definition
class Relu6Op(_Activation):
    """Clips to [0, 6]."""

    name = "tfl.relu6"
    INFO: ClassVar = OpInfo("RELU6", None, (1, 3), pure=True, quantizable=True, int16=True)


@irdl_op_definition
class ReluN1To1Op(_Activation):
    """Clips to [-1, 1]."""

    name = "tfl.relu_n1_to_1"
    INFO: ClassVar = OpInfo("RELU_N1_TO_1", None, (1, 1), pure=True, quantizable=True)


FUSED: dict[type[Operation], str] = {ReluOp: "RELU", Relu6Op: "RELU6", ReluN1To1Op: "RELU_N1_TO_1"}
"""The names of those that another op can apply to its result."""
LIMITS: dict[str, tuple[float, float]] = {
    "RELU": (0.0, math.inf),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}
"""The smallest and the largest number after an activation that clips, be it an op or fused; none fuses RELU_0_TO_1."""


def fused_activation(op: Operation) -> str:
    """The activation that an op applies to its result; NONE if it has none."""
    fused = op.properties.get("fused_activation_function")
    return fused.data if isinstance(fused, StringAttr) else "NONE"


def are_fused(ops: Iterable[Operation], word: str) -> bool:
    """Whether `word` is the kind of an activation, such as `RELU6` or `tfl.relu6`, which any of the ops applies to its
    result.
    """
    kind = word.upper().removeprefix("TFL.")
    return kind in FUSED.values() and any(fused_activation(op) == kind for op in ops)


@irdl_op_definition
class Relu0To1Op(_Activation):
    """Clips to [0, 1]."""

    name = "tfl.relu_0_to_1"
    INFO: ClassVar = OpInfo("RELU_0_TO_1", None, (1, 1), pure=True, quantizable=True)


@irdl_op_definition
class EluOp(_Activation):
    """x where positive, else exp(x) - 1."""

    name = "tfl.elu"
    INFO: ClassVar = OpInfo("ELU", None, (1, 1), pure=True)


@irdl_op_definition
class LogisticOp(_Activation):
    """The sigmoid 1 / (1 + exp(-x))."""

    name = "tfl.logistic"
    INFO: ClassVar = OpInfo(
        "LOGISTIC", None, (1, 3), pure=True, quantizable=True, fixed_output=(1 / 256, -128), int16=True
    )


@irdl_op_definition
class TanhOp(TflOp):
    """The hyperbolic tangent."""

    name = "tfl.tanh"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("TANH", None, (1, 3), pure=True, quantizable=True, fixed_output=(1 / 128, 0), int16=True)
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    traits = traits_def(Pure())


@irdl_op_definition
class LeakyReluOp(TflOp):
    """x where positive, else alpha · x."""

    name = "tfl.leaky_relu"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("LEAKY_RELU", "LeakyReluOptions", (1, 2), pure=True, quantizable=True, int16=True)
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    alpha = prop_def(F32)
    traits = traits_def(Pure())


@irdl_op_definition
class PReluOp(TflOp):
    """x where positive, else alpha · x with a learned alpha that broadcasts."""

    name = "tfl.prelu"
    RULES: ClassVar = (prelu, elements_alike())
    INFO: ClassVar = OpInfo("PRELU", None, (1, 1), pure=True, quantizable=True, weight=(1, -1))
    input = operand_def(FLOAT_OR_QUANTIZED)
    alpha = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    traits = traits_def(Pure())


@irdl_op_definition
class GeluOp(TflOp):
    """x times the normal distribution's probability below x, exact or by its tanh approximation."""

    name = "tfl.gelu"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("GELU", "GeluOptions", (1, 3), pure=True, quantizable=True, int16=True)
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    approximate = opt_prop_def(BOOL)
    traits = traits_def(Pure())


@irdl_op_definition
class HardSwishOp(TflOp):
    """x · relu6(x + 3) / 6."""

    name = "tfl.hard_swish"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("HARD_SWISH", "HardSwishOptions", (1, 1), pure=True, quantizable=True)
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    traits = traits_def(Pure())


@irdl_op_definition
class SoftmaxOp(TflOp):
    """Exponentials of beta · x over their sum along the last axis."""

    name = "tfl.softmax"
    RULES: ClassVar = (unchanged,)
    INFO: ClassVar = OpInfo(
        "SOFTMAX",
        "SoftmaxOptions",
        (1, 4),
        pure=True,
        quantizable=True,
        fixed_output=(1 / 256, -128),
        int16=True,
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    beta = prop_def(F32)
    traits = traits_def(Pure())


@irdl_op_definition
class LogSoftmaxOp(TflOp):
    """The logarithm of the softmax along the last axis."""

    name = "tfl.log_softmax"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo(
        "LOG_SOFTMAX", "LogSoftmaxOptions", (1, 2), pure=True, quantizable=True, fixed_output=(1 / 16, 127)
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    traits = traits_def(Pure())


@irdl_op_definition
class L2NormalizationOp(TflOp):
    """Divides by the Euclidean norm along the last axis."""

    name = "tfl.l2_normalization"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo(
        "L2_NORMALIZATION", "L2NormOptions", (1, 2), pure=True, quantizable=True, fixed_output=(1 / 128, 0)
    )
    input = operand_def(NUMBER)
    output = result_def(NUMBER)
    fused_activation_function = prop_def(STRING)
    traits = traits_def(Pure())


@irdl_op_definition
class LocalResponseNormalizationOp(TflOp):
    """Divides each element by a power of the squares of its neighbours in depth."""

    name = "tfl.local_response_normalization"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("LOCAL_RESPONSE_NORMALIZATION", "LocalResponseNormalizationOptions", (1, 1), pure=True)
    input = operand_def(FLOAT)
    output = result_def(FLOAT)
    radius = prop_def(I32)
    bias = prop_def(F32)
    alpha = prop_def(F32)
    beta = prop_def(F32)
    traits = traits_def(Pure())
