"""Between float and quantized tensors."""

from __future__ import annotations

from typing import ClassVar

from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from tflir.ir.tfl.base import BOOL, F32, I32, TflOp
from tflir.ir.tfl.constraints import FLOAT, NUMBER, QUANTIZED, TYPE
from tflir.ir.tfl.element_rules import elements_alike, unchanged
from tflir.ir.tfl.info import OpInfo


@irdl_op_definition
class QuantizeOp(TflOp):
    """Float to quantized, or quantized to other parameters."""

    name = "tfl.quantize"
    RULES: ClassVar = (unchanged,)
    INFO: ClassVar = OpInfo("QUANTIZE", "QuantizeOptions", (1, 6), pure=True)
    input = operand_def(NUMBER)
    output = result_def(QUANTIZED)
    qtype = prop_def(TYPE)
    traits = traits_def(Pure())


@irdl_op_definition
class DequantizeOp(TflOp):
    """Quantized, or narrow float, to float."""

    name = "tfl.dequantize"
    RULES: ClassVar = (unchanged,)
    INFO: ClassVar = OpInfo("DEQUANTIZE", "DequantizeOptions", (1, 9), pure=True)
    input = operand_def(NUMBER)
    output = result_def(FLOAT)
    traits = traits_def(Pure())


@irdl_op_definition
class FakeQuantOp(TflOp):
    """Float rounded to the steps of a quantization, left as float."""

    name = "tfl.fake_quant"
    RULES: ClassVar = (unchanged, elements_alike())
    INFO: ClassVar = OpInfo("FAKE_QUANT", "FakeQuantOptions", (1, 2), pure=True, quantizable=True)
    input = operand_def(FLOAT)
    output = result_def(FLOAT)
    min = prop_def(F32)
    max = prop_def(F32)
    num_bits = prop_def(I32)
    narrow_range = prop_def(BOOL)
    traits = traits_def(Pure())
