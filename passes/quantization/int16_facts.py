"""Questions about an op that computes, or may compute, with int16 activations."""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.linear import Conv2DOp, FullyConnectedOp, TransposeConvOp
from tflir.ir.types import element_of, quantized_element
from tflir.passes.quantization.facts import INT16, shares_scale
from tflir.passes.quantization.stored_weights import stored_of, why_not_stored
from tflir.passes.rewriting.values import is_float

_TYPE_BLIND = frozenset(("RANK", "SHAPE"))


def is_int16(value: SSAValue) -> bool:
    """Whether a value is quantized to int16."""
    element = element_of(value.type)
    return isinstance(element, UniformQuantizedType) and element.storage.width.data == 16


def is_linear(op: TflOp) -> bool:
    """Whether the op multiplies by int8 weights and adds a bias."""
    return op.INFO.weight is not None and op.INFO.bias is not None


def chooses_bias_type(op: Operation) -> bool:
    """Whether an option of the op sets the bit width of its bias and sums; else its kernel uses 64 bits."""
    return isinstance(op, Conv2DOp | FullyConnectedOp | TransposeConvOp)


def takes_any_type(op: Operation) -> bool:
    """Whether the op reads no element of its operand, only its shape."""
    return isinstance(op, TflOp) and op.INFO.builtin in _TYPE_BLIND


def activations(op: TflOp) -> list[int]:
    """The positions of the operands that are int16 if the op is: the float ones that are neither weight nor bias."""
    excluded = (op.INFO.weight[0], op.INFO.bias[0]) if op.INFO.weight is not None and op.INFO.bias is not None else ()
    return [i for i, v in enumerate(op.operands) if i not in excluded and (is_float(v) or is_int16(v))]


def stored_weight(op: TflOp) -> SSAValue | None:
    """The stored integers of the op's weights, if a pass chose them and the int16 kernel reads them; else None."""
    if op.INFO.weight is None:
        return None
    position = op.INFO.weight[0]
    dequantize = stored_of(op.operands[position])
    element = None if dequantize is None else quantized_element(dequantize.operands[0])
    if dequantize is None or element is None or why_not_stored(op, position, element, "int16") is not None:
        return None
    return dequantize.operands[0]


def copies_scale(op: TflOp) -> bool:
    """Whether the results consist of elements of the only int16 operand, and so take its scale."""
    return shares_scale(op, INT16) and len(activations(op)) == 1


def merges(op: TflOp) -> bool:
    """Whether the op has several int16 operands that all take the scale of the result."""
    return shares_scale(op, INT16) and len(activations(op)) > 1
