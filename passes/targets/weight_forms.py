"""Other forms of a constant weight that stands for the same numbers: wider integers, a dequantize, float32.

A kernel that reads one form wrongly, slowly or not at all may read another one well. All forms hold exactly the numbers
of the stored integers, so that only what the kernel rounds itself changes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects.builtin import Float32Type, IntegerType
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue
from xdsl.utils.exceptions import VerifyException

from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, elements
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import QConstOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import element_of, shape_of, tensor_type
from tflir.passes.quantization.dequantized import dequantized_blob
from tflir.passes.requantize.constants import float_const
from tflir.passes.requantize.scales import scales_of
from tflir.passes.rewriting.edit import erase, insert_after
from tflir.passes.rewriting.values import is_float, qconst_op

_INT8 = IntegerType(8)
_DEQUANTIZED_BITS = 8
"""The widest integers whose conversion to float the runtime computes once, when the model is loaded."""


def stored_integers(value: SSAValue) -> QConstOp | None:
    """The constant whose quantized integers an op reads; None where the value is computed or a float."""
    return value.op if isinstance(value, OpResult) and isinstance(value.op, QConstOp) else None


def hybrid_operands(op: Operation) -> list[int]:
    """The operands that an op with float activations reads as stored integers; empty for any other op."""
    if not isinstance(op, TflOp) or not op.results or not all(map(is_float, op.results)):
        return []
    if isinstance(op, DequantizeOp):
        return []
    return [index for index, value in enumerate(op.operands) if stored_integers(value) is not None]


def as_int8(constant: QConstOp, function: FuncOp) -> Operation | None:
    """Integers of fewer than 8 bits as int8 of the same scales; None where they have 8, or scales in blocks."""
    element = element_of(constant.output.type)
    if not isinstance(element, UniformQuantizedType) or element.is_unsigned or element.layout.blocks:
        return None
    if element.storage.width.data >= _INT8.width.data or not isinstance(constant.value, ArrayElementsAttr):
        return None
    wide = UniformQuantizedType.get(_INT8, Float32Type(), element.layout, bounds=element.range.data)
    kind = tensor_type(shape_of(constant.output.type) or (), wide)
    return qconst_op(kind, elements(as_numpy(constant.value).astype(np.int8), _INT8))


def as_dequantized(constant: QConstOp, function: FuncOp) -> Operation | None:
    """A `tfl.dequantize` of the constant: it is as small as before, and float32 once the model is loaded."""
    element = element_of(constant.output.type)
    if not isinstance(element, UniformQuantizedType) or element.layout.blocks:
        return None
    if element.storage.width.data > _DEQUANTIZED_BITS:
        return None
    kind = tensor_type(shape_of(constant.output.type) or (), Float32Type())
    return DequantizeOp.create(operands=[constant.output], result_types=[kind])


def as_float32(constant: QConstOp, function: FuncOp) -> Operation | None:
    """The numbers as a float32 constant, which takes four bytes each."""
    scales = scales_of(constant.output, function)
    if scales is None or not isinstance(constant.value, ArrayElementsAttr):
        return None
    return float_const(constant.output, dequantized_blob(constant.value, scales))


Form = Callable[[QConstOp, FuncOp], Operation | None]
"""Makes an op, in no block yet, whose result stands for the numbers of a constant; None where it has no such form."""
SUFFIXES: dict[Form, str] = {as_int8: "int8", as_dequantized: "dequantize", as_float32: "float32"}
"""The forms, that of fewest bytes first, and what the names of their tensors end in."""


def _is_fit(op: Operation) -> bool:
    """Whether the rules of an op hold; that of a layer says that no kernel reads float weights beside integers."""
    if not isinstance(op, TflOp):
        return True
    try:
        op.check_rules()
    except VerifyException:
        return False
    return True


class WeightForms:
    """The forms of the constants of one function, each made once, however many ops read it."""

    def __init__(self, function: FuncOp) -> None:
        self._function = function
        self._made: dict[tuple[Operation, Form], SSAValue | None] = {}

    def of(self, constant: QConstOp, form: Form) -> SSAValue | None:
        """The constant in another form; None where it has no such form."""
        key = (constant, form)
        if key not in self._made:
            made = form(constant, self._function)
            if made is not None:
                made.location = names.named(names.suffixed(constant.output, SUFFIXES[form]))
                insert_after(constant, made)
            self._made[key] = None if made is None else made.results[0]
        return self._made[key]

    def set(self, op: Operation, indices: list[int], form: Form, accepts: Callable[[], bool]) -> bool:
        """Lets an op read these operands in another form, if all have it, some kernel takes the op as it is then, and
        `accepts` says so; else the op stays as it was."""
        values = [self.of(constant, form) for index in indices if (constant := stored_integers(op.operands[index]))]
        if not values or any(value is None for value in values):
            return False
        before, version = list(op.operands), op.attributes.pop(names.VERSION, None)
        for index, value in zip(indices, values, strict=True):
            assert value is not None
            op.operands[index] = value
        if _is_fit(op) and accepts():
            return True
        op.operands = before
        if version is not None:
            op.attributes[names.VERSION] = version
        return False

    def drop_unread(self) -> None:
        """Removes what was made and is not read, and constants that nothing reads any more."""
        for value in self._made.values():
            if value is not None and value.first_use is None and isinstance(value, OpResult):
                erase(value.op)
        for constant in {constant for constant, _ in self._made}:
            if constant.results[0].first_use is None:
                erase(constant)
