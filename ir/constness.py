"""Which values are constants, whether a model stores them as float32 or in another form."""

from __future__ import annotations

from xdsl.ir import OpResult, SSAValue

from tflir.ir import names
from tflir.ir.tfl.constants import (
    ConstOp,
    ExternalConstOp,
    NoValueOp,
    QConstOp,
    SparseConstOp,
    SparseQConstOp,
)
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.tfl.quantization import DequantizeOp, FakeQuantOp, QuantizeOp

CONSTANTS = (ConstOp, QConstOp, SparseConstOp, SparseQConstOp, ExternalConstOp, NoValueOp)
"""Ops that hold a constant."""

_STORAGE = (DequantizeOp, QuantizeOp, DensifyOp, FakeQuantOp)
"""Ops that change how a tensor is stored; their result is a constant if their operand is one."""


def is_constant(value: SSAValue) -> bool:
    """Whether `value` is a constant: stored as such, or in another form (float16, quantized, sparse) behind ops that
    only restore it, as in `tfl.dequantize(tfl.densify(tfl.pseudo_sparse_const))`.

    A variable tensor, which ops update, is not a constant.
    """
    while isinstance(value, OpResult):
        if isinstance(value.op, CONSTANTS):
            return names.IS_VARIABLE not in value.op.attributes
        if not isinstance(value.op, _STORAGE):
            return False
        value = value.op.operands[0]
    return False
