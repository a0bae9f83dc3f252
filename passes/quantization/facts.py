"""Questions that the quantizer asks about an op: facts of its definition, and marks that passes set on it."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue, Use

from tflir.ir import names
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import element_of
from tflir.passes.rewriting.values import is_float

KEEP_FLOAT, LEFT_OUT, MAY_STAY_FLOAT = names.KEEP_FLOAT, names.LEFT_OUT, names.MAY_STAY_FLOAT
SHARES_SCALE = "tfl.shares_scale"
"""On an op: its float operands and results must share one scale, though MLIR does not say so."""
VOLATILE = "volatile"
"""On a quantize: it follows from a recorded range, not from the model, and is removed if no integer op uses it."""
MODEL_QUANTIZED = "tfl.model_quantized"
"""On a quantize or dequantize: it converts from or to integer parts of the input model, and no pass changes it."""
BETWEEN_WIDTHS = "tfl.between_widths"
"""Beside `tfl.model_quantized`, on a quantize or dequantize at the edge of int16 ops that a recipe chose: the float
value may get int8 parameters for the ops on its other side."""
REQUANTIZES = "tfl.requantizes"
"""On a quantize: a pass inserted it between two ops that need different parameters for a value. The op that makes the
value may make it with the second parameters instead."""
STORED_WEIGHTS = "tfl.stored_weights"
"""On a dequantize of a constant: a pass of this run chose its integers, which ops read as they are if a kernel can."""
WEIGHT_ONLY = "tfl.weight_only"
"""Beside `tfl.stored_weights`: ops with float activations read the dequantized values."""
UNCALIBRATED = "tfl.uncalibrated"
"""On a function: no range of its values was recorded."""
FIRST_USE_FIRST = "tfl.first_use_first"
"""On a dequantize: TensorFlow's search for integer ops visits its users in program order, not the last one first."""


def quantized_element(value: SSAValue) -> UniformQuantizedType | None:
    """The quantized element type of a value; None where it has none."""
    element = element_of(value.type)
    return element if isinstance(element, UniformQuantizedType) else None


def _free(op: Operation) -> bool:
    """Whether quantization may make `op` an integer op: it is no conversion and not marked to be kept float."""
    return isinstance(op, TflOp) and not isinstance(op, QuantizeOp | DequantizeOp) and KEEP_FLOAT not in op.attributes


def chosen_activations(op: Operation) -> str:
    """The type of activations that a recipe chose for the op, `float`, `int8` or `int16`; empty if none did."""
    noted = op.attributes.get(names.ACTIVATIONS)
    return noted.data if isinstance(noted, StringAttr) else ""


def is_quantizable(op: Operation) -> bool:
    """Whether the op has an integer kernel."""
    return isinstance(op, TflOp) and op.INFO.quantizable and _free(op)


def is_same_scale(op: Operation) -> bool:
    """Whether the op's float operands and results must share one scale and zero point."""
    return isinstance(op, TflOp) and (op.INFO.same_scale or SHARES_SCALE in op.attributes) and _free(op)


def fixed_output(op: Operation) -> tuple[float, int] | None:
    """(scale, zero point) of the op's results if its definition fixes their range, as for `tfl.softmax`; else None."""
    return op.INFO.fixed_output if isinstance(op, TflOp) and _free(op) else None


def bias_of(op: Operation) -> tuple[int, tuple[int, ...]] | None:
    """(operand, operands whose scales multiply to its scale) of the op's bias, where it has one that is there."""
    bias = op.INFO.bias if isinstance(op, TflOp) and _free(op) else None
    return bias if bias is not None and bias[0] < len(op.operands) and is_float(op.operands[bias[0]]) else None


def weight_axis(op: Operation, operand: int) -> int | None:
    """The channel axis if `operand` is the position of the op's weight, -1 if weights have one scale; else None."""
    weight = op.INFO.weight if isinstance(op, TflOp) and _free(op) else None
    return weight[1] if weight is not None and weight[0] == operand else None


def is_symmetric(use: Use) -> bool:
    """Whether the default delegate's int8 kernel reads the operand with a zero point of 0 only."""
    op = use.operation
    return isinstance(op, TflOp) and use.index in op.INFO.symmetric and _free(op)


def float_operands(op: Operation) -> list[int]:
    """The positions of the op's float32 operands."""
    return [index for index, value in enumerate(op.operands) if is_float(value)]


def positions(function: FuncOp) -> dict[Operation, int]:
    """The position of each op in a function's body."""
    return {op: number for number, op in enumerate(function.body.block.ops)}


def uses_in_order(value: SSAValue, order: dict[Operation, int]) -> list[Use]:
    """A value's uses in program order; uses in nested regions come last."""
    last = len(order)
    return sorted(value.uses, key=lambda use: (order.get(use.operation, last), use.index))


MARKS = (
    VOLATILE,
    KEEP_FLOAT,
    MAY_STAY_FLOAT,
    SHARES_SCALE,
    MODEL_QUANTIZED,
    BETWEEN_WIDTHS,
    REQUANTIZES,
    STORED_WEIGHTS,
    WEIGHT_ONLY,
    UNCALIBRATED,
    FIRST_USE_FIRST,
    names.ACTIVATIONS,
)
"""Attributes that passes leave for each other; none of them belongs to the model."""


def clear_marks(module: ModuleOp, *, selection: bool = False) -> None:
    """Removes the marks that passes left for each other; with `selection`, also `tfl.left_out`, a person's choice."""
    for op in module.walk():
        for mark in (*MARKS, LEFT_OUT) if selection else MARKS:
            op.attributes.pop(mark, None)


def is_preserved(op: Operation) -> bool:
    """Whether a quantize or dequantize belongs to the input model: see `tfl-preserve-quantized`."""
    return MODEL_QUANTIZED in op.attributes


def reads_float_beside_int8(op: Operation, value: SSAValue) -> bool:
    """Whether `op` is the quantize of an int16 op that a recipe chose, and no int8 op makes the value that it reads.

    It then reads the float value, also if int8 ops read it as int8.
    """
    made_in_int8 = isinstance(value, OpResult) and is_quantizable(value.op)
    return BETWEEN_WIDTHS in op.attributes and isinstance(op, QuantizeOp) and not made_in_int8


def is_quantized_by_model(value: SSAValue) -> bool:
    """Whether a float value gets no int8 parameters: the model quantizes it, or only int16 ops read it and no int8 op
    makes it.
    """
    users = [use.operation for use in value.uses]
    if any(isinstance(user, QuantizeOp) and BETWEEN_WIDTHS not in user.attributes for user in users):
        return True
    return bool(users) and all(reads_float_beside_int8(user, value) for user in users)
