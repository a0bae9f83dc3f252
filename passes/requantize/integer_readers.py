"""Ops that read integers as such, not as the real numbers that they stand for: they keep quantized operands."""

from __future__ import annotations

from xdsl.dialects.func import CallOp, ReturnOp
from xdsl.ir import Operation

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import CustomOp
from tflir.ir.tfl.control_flow import YieldOp

_READ_BITS = frozenset(("BITCAST", "CAST"))
"""Builtin ops that look at the stored integers, whatever their scale."""
_TAKE_FLOAT = frozenset(("TFLite_Detection_PostProcess",))
"""Custom ops whose kernels take float32 where they take quantized integers."""


def reads_integers(op: Operation) -> bool:
    """Whether quantized operands and results of the op must stay what they are."""
    if isinstance(op, CustomOp):
        return op.custom_code.data not in _TAKE_FLOAT
    if isinstance(op, TflOp):
        return op.INFO.builtin in _READ_BITS or (bool(op.INFO.custom_code) and not op.INFO.quantizable)
    return not isinstance(op, ReturnOp | CallOp | YieldOp)
