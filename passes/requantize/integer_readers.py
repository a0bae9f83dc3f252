"""Ops that read the integers of a quantized tensor instead of the real numbers: their operands must stay quantized."""

from __future__ import annotations

from xdsl.dialects.func import CallOp, ReturnOp
from xdsl.ir import Operation

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import CustomOp
from tflir.ir.tfl.control_flow import YieldOp

_READ_BITS = frozenset(("BITCAST", "CAST"))
"""Builtin ops that read the stored integers and ignore their scale."""
_ACCEPT_FLOAT = frozenset(("TFLite_Detection_PostProcess",))
"""Custom ops whose kernels accept float32 operands as well as quantized ones."""


def reads_integers(op: Operation) -> bool:
    """Whether quantized operands and results of the op must stay quantized."""
    if isinstance(op, CustomOp):
        return op.custom_code.data not in _ACCEPT_FLOAT
    if isinstance(op, TflOp):
        return op.INFO.builtin in _READ_BITS or (bool(op.INFO.custom_code) and not op.INFO.quantizable)
    return not isinstance(op, ReturnOp | CallOp | YieldOp)
