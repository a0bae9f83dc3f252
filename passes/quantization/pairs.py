"""Constants as passes see them, and `tfl.quantize`/`tfl.dequantize` pairs that keep a tensor's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from xdsl.dialects.builtin import Float16Type, Float32Type, TensorType, UnrankedTensorType
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Attribute, Operation, OpResult, SSAValue, Use

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of, shape_of, tensor_type
from tflir.passes.quantization.facts import quantized_element
from tflir.passes.quantization.numerics import dequantized_blob, float32_blob
from tflir.passes.rewriting.edit import insert_after


@dataclass(frozen=True)
class FloatConstant:
    """A float32 constant: as such, or float16 or int8 behind a `tfl.dequantize`."""

    value: SSAValue
    """The float32 value that ops read."""
    blob: Blob
    """Its float32 bytes."""
    shape: tuple[int, ...]
    source: ConstOp | QConstOp
    stored_bytes: int
    """What the model takes to hold it: half of the float32 bytes where it is float16, a quarter where it is int8."""

    @property
    def elements(self) -> int:
        return self.blob.nbytes // 4


def _has_data(op: ConstOp, variables: bool) -> bool:
    """Whether the constant's data is the model's: no undefined tensor, and no variable unless those count."""
    if not isinstance(op.value, ArrayElementsAttr) or names.NO_DATA in op.attributes:
        return False
    return variables or names.IS_VARIABLE not in op.attributes


def float_constant(op: Operation, *, variables: bool = False) -> FloatConstant | None:
    """The float32 constant that `op` makes, or None. `op` is a constant or the dequantize of a float16 one."""
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
        plain = isinstance(element, Float32Type)
        return FloatConstant(op.results[0], value.blob, shape, source, value.blob.nbytes) if plain else None
    if not isinstance(element, Float16Type) or not isinstance(element_of(op.results[0].type), Float32Type):
        return None
    return FloatConstant(op.results[0], float32_blob(value.blob), shape, source, value.blob.nbytes)


def dequantized_constant(op: Operation) -> FloatConstant | None:
    """The float32 constant that `op` makes of an int8 one, or None. `op` is a `tfl.dequantize`."""
    source = op.operands[0] if isinstance(op, DequantizeOp) else None
    if not isinstance(source, OpResult) or not isinstance(source.op, QConstOp):
        return None
    value, element = source.op.value, quantized_element(source)
    if not isinstance(value, ArrayElementsAttr) or element is None or names.NO_DATA in source.op.attributes:
        return None
    if element.storage.width.data != 8 or element.is_unsigned or element.layout.blocks:
        return None
    shape = shape_of(value.type) or ()
    blob = dequantized_blob(value.blob, shape, element.layout)
    return FloatConstant(op.results[0], blob, shape, source.op, value.blob.nbytes)


def copied(constant: FloatConstant) -> FloatConstant:
    """Another constant of the same elements, right after the first, for uses that want parameters of their own."""
    op = constant.value.owner
    assert isinstance(op, Operation)
    made = op.clone()
    made.location = op.location
    insert_after(op, made)
    again = float_constant(made) or dequantized_constant(made)
    assert again is not None
    return again


def computing_uses(value: SSAValue) -> list[Use]:
    """The uses of a value by operators, in the order of the program; what a function returns is no computing use."""
    uses = [use for use in value.uses if not isinstance(use.operation, ReturnOp)]
    return list(reversed(uses)) if len(uses) > 1 else uses


def quantized_tensor(value: SSAValue, element: UniformQuantizedType) -> Attribute:
    """The type of `value` with quantized elements."""
    found: Attribute = value.type
    if isinstance(found, TensorType):
        return tensor_type(tuple(cast("TensorType[Attribute]", found).get_shape()), element)
    return UnrankedTensorType(element)


def name_of_twin(constant: FloatConstant, kind: str, *, replaces: bool) -> str | None:
    """The name of the narrow form of a constant: its own where that is all that remains of it."""
    name = names.op_names(constant.source)[0]
    return name if name is None or replaces else f"{name}_{kind}"


def insert_pair(
    constant: FloatConstant, element: UniformQuantizedType, after: Operation, name: str | None
) -> DequantizeOp:
    """`tfl.dequantize(tfl.quantize(constant))` after op `after`, the quantized one called `name`."""
    qtype = tensor_type(constant.shape, element)
    quantize = QuantizeOp.create(operands=[constant.value], result_types=[qtype], properties={"qtype": qtype})
    dequantize = DequantizeOp.create(operands=quantize.results, result_types=[constant.value.type])
    quantize.location = names.named(name)
    dequantize.location = names.named(None if name is None else f"{name}_dequantize")
    insert_after(after, quantize, dequantize)
    return dequantize


def quantize_of(value: SSAValue) -> QuantizeOp | None:
    """The `tfl.quantize` of a constant whose `tfl.dequantize` makes `value`."""
    if not isinstance(value, OpResult) or not isinstance(value.op, DequantizeOp):
        return None
    source = value.op.operands[0]
    if isinstance(source, OpResult) and isinstance(source.op, QuantizeOp):
        return source.op if _is_constant(source.op.operands[0]) else None
    return None


def _is_constant(value: SSAValue) -> bool:
    return isinstance(value, OpResult) and float_constant(value.op) is not None
