"""The choice of sparse weights and their encodings in TensorFlow 2.21.

It counts no bytes, and does not look at other ops that read the same constant.

| step | rule |
|---|---|
| ops | `conv_2d`, `depthwise_conv_2d`, `transpose_conv`, `fully_connected`: operand 1, also through a DEQUANTIZE |
| constants | float32, float16 or quantized, of rank 2 or 4, with at least 30 % of the elements stored as 0 |
| blocks | fully connected ops: 4 floats or 16 integers along a row, if all-zero blocks hold 90 % (80 %) of the zeros |
| otherwise | the last dimension compressed by single elements, read from a DENSIFY |

See docs/semantics.md, Sparse constants. Blocks that do not divide a row are not imitated: TensorFlow loses
the elements after the last whole block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from xdsl.ir import Operation

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.rewriting.values import producer
from tflir.passes.sparsity.candidates import rows_candidate
from tflir.passes.sparsity.encoding import Encoding, rows_of_blocks
from tflir.passes.sparsity.weight import Weight

_OPS = frozenset(("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "TRANSPOSE_CONV"))
_OPERAND = 1
_LEAST_ZEROS = 0.3
_ENOUGH = {False: 0.9, True: 0.8}
"""The share of the zeros that all-zero blocks must hold; by whether elements are integers."""
_KINDS = ("FLOAT32", "FLOAT16", "INT8")


@dataclass(frozen=True)
class TensorFlowChoice:
    """A constant, and the block length of the encoding that TensorFlow gives it; 1 is read from a DENSIFY."""

    weight: Weight
    block: int

    @property
    def encoding(self) -> Encoding:
        return rows_of_blocks(len(self.weight.shape), self.block)


def tensorflow_choice(op: Operation) -> TensorFlowChoice | str | None:
    """TensorFlow's choice for the weights of `op`, or why it leaves them dense; None if the op has no such weights."""
    if not isinstance(op, TflOp) or op.INFO.builtin not in _OPS:
        return None
    if LEFT_OUT in op.attributes:
        return "the op was left out"
    source = producer(op.operands[_OPERAND])
    if isinstance(source, DequantizeOp):
        source = producer(source.input)
    if not isinstance(source, ConstOp | QConstOp) or not isinstance(source.value, ArrayElementsAttr):
        return None
    if names.NO_DATA in source.attributes or source.value.element_name not in _KINDS:
        return "no elements that become sparse"
    weight = Weight((source,), source.value, ())
    if len(weight.shape) not in (2, 4):
        return "neither of rank 2 nor 4"
    if weight.zeros < _LEAST_ZEROS:
        return f"fewer than {_LEAST_ZEROS:.0%} zeros"
    return TensorFlowChoice(weight, _block(op, weight, integers=isinstance(source, QConstOp)))


def _block(op: TflOp, weight: Weight, *, integers: bool) -> int:
    blocks = op.INFO.quantized_blocks if integers else op.INFO.float_blocks
    for block in (shape[-1] for shape in blocks if shape[-1] > 1):
        candidate = rows_candidate(weight.occupied, block)
        left_out = 0.0 if candidate is None else 1 - candidate.stored / math.prod(weight.shape)
        if left_out / weight.zeros > _ENOUGH[integers]:
            return block
    return 1
