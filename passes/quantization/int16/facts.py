"""What the quantizer asks of an op's definition and its operands."""

from __future__ import annotations

from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.linear import Conv2DOp, FullyConnectedOp, TransposeConvOp
from tflir.ir.types import element_of
from tflir.passes.quantization.pairs import FloatConstant, dequantized_constant, float_constant
from tflir.passes.rewriting.values import is_float

_TYPE_BLIND = frozenset(("RANK", "SHAPE"))
_SAME_MAGNITUDES = frozenset(("MATRIX_DIAG", "NEG", "REVERSE_SEQUENCE", "REVERSE_V2"))
"""Ops beside those of `same_scale` whose kernels pass integers on: zeros and other signs need no other scale."""


def is_int16(value: SSAValue) -> bool:
    """Whether a value is quantized to int16."""
    element = element_of(value.type)
    return isinstance(element, UniformQuantizedType) and element.storage.width.data == 16


def is_linear(op: TflOp) -> bool:
    """Whether the op multiplies by int8 weights and adds a bias."""
    return op.INFO.weight is not None and op.INFO.bias is not None


def chooses_bias_type(op: Operation) -> bool:
    """Whether the op says how wide its bias and its sums are; else its kernel has them 64 bits wide."""
    return isinstance(op, Conv2DOp | FullyConnectedOp | TransposeConvOp)


def takes_any_type(op: Operation) -> bool:
    """Whether the op looks at no element of its operand."""
    return isinstance(op, TflOp) and op.INFO.builtin in _TYPE_BLIND


def activations(op: TflOp) -> list[int]:
    """The operands that are int16 where the op is: numbers that are neither weights nor biases."""
    apart = (op.INFO.weight[0], op.INFO.bias[0]) if op.INFO.weight is not None and op.INFO.bias is not None else ()
    return [i for i, v in enumerate(op.operands) if i not in apart and (is_float(v) or is_int16(v))]


def constant_of(value: SSAValue) -> FloatConstant | None:
    """The float32 constant that `value` is, stored as such, as float16 or as int8; or None."""
    if not isinstance(value, OpResult):
        return None
    return float_constant(value.op) or dequantized_constant(value.op)


def copies_scale(op: TflOp) -> bool:
    """Whether the results take the scale of the one int16 operand, whose elements they are."""
    return (op.INFO.same_scale or op.INFO.builtin in _SAME_MAGNITUDES) and len(activations(op)) == 1


def shares_scale(op: TflOp) -> bool:
    """Whether the int16 operands, of which there are several, take the scale of the result."""
    return op.INFO.same_scale and len(activations(op)) > 1
