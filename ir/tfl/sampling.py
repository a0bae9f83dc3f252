"""Random numbers. No two runs need agree, so these are not pure."""

from __future__ import annotations

from abc import ABC
from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, opt_prop_def, result_def

from tflir.ir.tfl.base import I64, TflOp
from tflir.ir.tfl.constraints import FLOAT, INT32, INT32_OR_64
from tflir.ir.tfl.info import OpInfo


class _Random(TflOp, ABC):
    shape = operand_def(INT32)
    out = result_def(FLOAT)
    seed = opt_prop_def(I64)
    seed2 = opt_prop_def(I64)


@irdl_op_definition
class RandomUniformOp(_Random):
    """Numbers from [0, 1), all equally likely."""

    name = "tfl.random_uniform"
    INFO: ClassVar = OpInfo("RANDOM_UNIFORM", "RandomOptions", (1, 1))


@irdl_op_definition
class RandomStandardNormalOp(_Random):
    """Numbers from the standard normal distribution."""

    name = "tfl.random_standard_normal"
    INFO: ClassVar = OpInfo("RANDOM_STANDARD_NORMAL", "RandomOptions", (1, 1))


@irdl_op_definition
class MultinomialOp(TflOp):
    """Class numbers drawn with the probabilities that the logits stand for."""

    name = "tfl.multinomial"
    INFO: ClassVar = OpInfo("MULTINOMIAL", "RandomOptions", (1, 1))
    logits = operand_def(FLOAT)
    num_samples = operand_def(INT32)
    out = result_def(INT32_OR_64)
    seed = opt_prop_def(I64)
    seed2 = opt_prop_def(I64)
