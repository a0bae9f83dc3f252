"""Ops that read the integers of a quantized tensor instead of the real numbers: their operands must stay quantized."""

from __future__ import annotations

from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import CustomOp
from tflir.ir.tfl.control_flow import YieldOp
from tflir.ir.tfl.element_rules import storage
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.requantize.scales import scales_of

_READ_BITS = frozenset(("BITCAST", "CAST"))
"""Builtin ops that read the stored integers and ignore their scale."""
_ACCEPT_FLOAT = frozenset(("TFLite_Detection_PostProcess",))
"""Custom ops whose kernels accept float32 operands as well as quantized ones."""
_NARROW = frozenset(("INT8", "UINT8", "INT16"))
"""Types of activations, if they have a scale."""


def reads_integers(op: Operation) -> bool:
    """Whether quantized operands and results of the op must stay quantized."""
    if isinstance(op, CustomOp):
        return op.custom_code.data not in _ACCEPT_FLOAT
    if isinstance(op, TflOp):
        return op.INFO.builtin in _READ_BITS or (bool(op.INFO.custom_code) and not op.INFO.quantizable)
    return not isinstance(op, ReturnOp | CallOp | YieldOp)


def takes_scaled_as_plain(op: Operation, function: FuncOp) -> bool:
    """Whether the op has tensors of the same integer type with a scale and without one, such as a tensor that is
    moved and gets its scale there: what stands in one of them is what stands in the other.
    """
    if not isinstance(op, TflOp) or isinstance(op, QuantizeOp | DequantizeOp):
        return False
    kinds: dict[bool, set[str | None]] = {True: set(), False: set()}
    for value in (*op.operands, *op.results):
        kinds[scales_of(value, function) is not None].add(storage(value))
    return bool(kinds[True] & kinds[False] & _NARROW)
