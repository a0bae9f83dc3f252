"""Float constants in whatever form the model stores them, and `tfl.quantize`/`tfl.dequantize` pairs on them."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import Float16Type, Float32Type
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue, Use

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp, SparseConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, quantized_element, shape_of, tensor_type, with_element
from tflir.passes.quantization.dequantized import dequantized_blob
from tflir.passes.quantization.facts import STORED_WEIGHTS
from tflir.passes.quantization.numerics import dequantized_int8_blob, float32_blob
from tflir.passes.requantize.scales import scales_of_type
from tflir.passes.rewriting.edit import insert_after


@dataclass(frozen=True)
class FloatConstant:
    """A float32 constant, which the model stores as it is, as float16 or integers and a `tfl.dequantize`, or sparse."""

    value: SSAValue
    """The float32 value that ops read."""
    blob: Blob
    """Its float32 bytes."""
    shape: tuple[int, ...]
    source: ConstOp | QConstOp | SparseConstOp
    """The op that holds the stored elements."""
    stored_bytes: int
    """The size of the stored elements: half of the float32 bytes for float16, at most a quarter for integers."""

    @property
    def elements(self) -> int:
        return self.blob.nbytes // 4


def _has_data(op: ConstOp, variables: bool) -> bool:
    """Whether the model stores data for the constant; the initial zeros of variables count only with `variables`."""
    if not isinstance(op.value, ArrayElementsAttr) or names.NO_DATA in op.attributes:
        return False
    return variables or names.IS_VARIABLE not in op.attributes


def float_constant(op: Operation, *, variables: bool = False) -> FloatConstant | None:
    """The float32 constant that `op` makes, if it is a float32 constant or the dequantize of a float16 one; else None.

    With `variables`, the initial zeros of a variable tensor count as a constant.
    """
    source = op
    if isinstance(op, DequantizeOp) and isinstance(read := op.operands[0], OpResult):
        source = read.op
    if not isinstance(source, ConstOp) or not _has_data(source, variables):
        return None
    value = source.value
    assert isinstance(value, ArrayElementsAttr)
    element = value.type.element_type
    shape = shape_of(value.type) or ()
    if source is op:
        is_float32 = isinstance(element, Float32Type)
        return FloatConstant(op.results[0], value.blob, shape, source, value.blob.nbytes) if is_float32 else None
    if not isinstance(element, Float16Type) or not isinstance(element_of(op.results[0].type), Float32Type):
        return None
    return FloatConstant(op.results[0], float32_blob(value.blob), shape, source, value.blob.nbytes)


def constant_of(value: SSAValue) -> FloatConstant | None:
    """The float32 constant that `value` is, stored as float32 or float16; None if it is none."""
    return float_constant(value.op) if isinstance(value, OpResult) else None


def dequantized_constant(op: Operation) -> FloatConstant | None:
    """The float32 constant that `op` makes, if it is the dequantize of a quantized constant; else None.

    Integers of less than 8 bits, or with scales of blocks, that a pass of this run chose do not count: rounded
    anew, they would be int8.
    """
    source = op.operands[0] if isinstance(op, DequantizeOp) else None
    if not isinstance(source, OpResult) or not isinstance(source.op, QConstOp):
        return None
    value, element = source.op.value, quantized_element(source)
    if not isinstance(value, ArrayElementsAttr) or element is None or names.NO_DATA in source.op.attributes:
        return None
    shape = shape_of(value.type) or ()
    if element.storage.width.data == 8 and not element.is_unsigned and not element.layout.blocks:
        blob = dequantized_int8_blob(value.blob, shape, element.layout)
    elif STORED_WEIGHTS in op.attributes:
        return None
    else:
        blob = dequantized_blob(value, scales_of_type(element, len(shape)))
    return FloatConstant(op.results[0], blob, shape, source.op, value.blob.nbytes)


def stored_constant(value: SSAValue) -> FloatConstant | None:
    """The constant, if `value` is a float32 constant that is stored as float32, float16 or integers; else None."""
    if not isinstance(value, OpResult):
        return None
    return float_constant(value.op) or dequantized_constant(value.op)


def copied(constant: FloatConstant) -> FloatConstant:
    """Inserts a copy of a constant directly after it, for uses that need parameters of their own."""
    op = constant.value.owner
    assert isinstance(op, Operation)
    clone = op.clone()
    clone.location = op.location
    insert_after(op, clone)
    copy = stored_constant(clone.results[0])
    assert copy is not None
    return copy


def small_weight(op: TflOp, least: int) -> int | None:
    """The first operand of those that may be int8 in dynamic range that is a constant of fewer than `least` elements or
    without any; None if there is no such operand.
    """
    for index in op.INFO.dynamic_range:
        constant = constant_of(op.operands[index]) if index < len(op.operands) else None
        if constant is not None and constant.elements < max(least, 1):
            return index
    return None


def computing_uses(value: SSAValue) -> list[Use]:
    """The uses of a value by operators, in program order; a use by the function's return does not count."""
    uses = [use for use in value.uses if not isinstance(use.operation, ReturnOp)]
    return list(reversed(uses)) if len(uses) > 1 else uses


def quantized_tensor(value: SSAValue, element: UniformQuantizedType) -> Attribute:
    """The type of `value` with its element type replaced by `element`."""
    return with_element(value.type, element)


def in_integers(op: TflOp, index: int, stored: SSAValue, kind: str) -> tuple[TflOp, DequantizeOp]:
    """An op of one result that moves elements, on the integers `stored` instead of operand `index`, and the dequantize
    that makes the result; neither is inserted.

    The dequantize gets the name, the recorded range and other fields of the result's tensor, and the op on integers the
    marks of `op`; its result is named after the other, with the suffix `kind`.
    """
    result = op.results[0]
    element = quantized_element(stored)
    assert element is not None
    made = type(op).create(
        operands=[stored if place == index else value for place, value in enumerate(op.operands)],
        result_types=[quantized_tensor(result, element)],
        properties=dict(op.properties),
        attributes={key: op.attributes[key] for key in names.CARRIED if key in op.attributes},
        location=names.named(names.suffixed(result, kind)),
    )
    dequantize = DequantizeOp.create(operands=made.results, result_types=[result.type], location=op.location)
    if (extras := op.attributes.get(names.TENSOR)) is not None:
        dequantize.attributes[names.TENSOR] = extras
    return made, dequantize


def float_tensor(value: SSAValue) -> Attribute:
    """The type of `value` with the element type float32."""
    return with_element(value.type, Float32Type())


def name_of_twin(constant: FloatConstant, kind: str, *, replaces: bool) -> str | None:
    """The name of the narrow form of a constant.

    It is the constant's own name if the narrow form replaces it, else that name with the suffix `kind`.
    """
    source = constant.source.results[0]
    return names.name_of(source) if replaces else names.suffixed(source, kind)


def insert_pair(
    constant: FloatConstant, element: UniformQuantizedType, after: Operation, name: str | None
) -> DequantizeOp:
    """Inserts `tfl.dequantize(tfl.quantize(constant))` after op `after`; the quantized tensor is called `name`."""
    qtype = tensor_type(constant.shape, element)
    quantize = QuantizeOp.create(operands=[constant.value], result_types=[qtype], properties={"qtype": qtype})
    dequantize = DequantizeOp.create(operands=quantize.results, result_types=[constant.value.type])
    quantize.location = names.named(name)
    dequantize.location = names.named(names.suffixed(quantize.results[0], "dequantize"))
    insert_after(after, quantize, dequantize)
    return dequantize


def quantize_of(value: SSAValue) -> QuantizeOp | None:
    """The quantize, if `value` is `tfl.dequantize(tfl.quantize(constant))`; else None."""
    if not isinstance(value, OpResult) or not isinstance(value.op, DequantizeOp):
        return None
    source = value.op.operands[0]
    if isinstance(source, OpResult) and isinstance(source.op, QuantizeOp):
        return source.op if _is_constant(source.op.operands[0]) else None
    return None


def _is_constant(value: SSAValue) -> bool:
    return constant_of(value) is not None
