"""Definitions for operators outside TensorFlow's dialect: any number of operands and results, and subgraphs by name."""

from __future__ import annotations

from abc import ABC

from xdsl.dialects.builtin import ArrayAttr, SymbolRefAttr
from xdsl.irdl import base, var_operand_def, var_result_def

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constraints import ANY, ANY_OR_NONE

SYMBOL = base(SymbolRefAttr)
SYMBOLS = ArrayAttr[SymbolRefAttr]


class VariadicOp(TflOp, ABC):
    inputs = var_operand_def(ANY_OR_NONE)
    outputs = var_result_def(ANY)
