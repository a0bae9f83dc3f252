"""Questions that the quantizer asks about an op: facts of its definition, and marks that passes set on it."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue, Use

from tflir.ir import names
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.rewriting.values import is_float

KEEP_FLOAT, LEFT_OUT, MAY_STAY_FLOAT = names.KEEP_FLOAT, names.LEFT_OUT, names.MAY_STAY_FLOAT
SHARES_SCALE = "tfl.shares_scale"
"""On an op: its float operands and results must share one scale, though MLIR does not say so."""
VOLATILE = "volatile"
"""On a quantize: it follows from a recorded range, not from the model, and is removed if no integer op uses it."""
MODEL_QUANTIZED = "tfl.model_quantized"
"""On a quantize or dequantize: it converts from or to integer parts of the input model, and no pass changes it."""
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


PER_TENSOR = -1
"""In place of an axis: weights with one scale."""
FLOAT, INT8, INT16 = "float", "int8", "int16"
"""The types of activations that an op may compute with."""
_SAME_MAGNITUDES = frozenset(("MATRIX_DIAG", "NEG", "REVERSE_SEQUENCE", "REVERSE_V2"))
"""Other ops than those with `same_scale` whose int16 results have the integers of the operand, or 0, or their
negatives."""


def chosen_activations(op: Operation) -> str:
    """The type of activations that `tfl.activations` notes on the op; empty if nothing is noted."""
    noted = op.attributes.get(names.ACTIVATIONS)
    return noted.data if isinstance(noted, StringAttr) else ""


def kind_of(op: Operation) -> str:
    """The type of activations that the op is to compute with, if a kernel can; without marks, that is int8."""
    if not isinstance(op, TflOp) or isinstance(op, QuantizeOp | DequantizeOp):
        return FLOAT
    if chosen_activations(op) == INT16:
        return INT16
    return FLOAT if KEEP_FLOAT in op.attributes else INT8


def is_quantizable(op: Operation) -> bool:
    """Whether the op has an int8 kernel and is to compute with it."""
    return isinstance(op, TflOp) and op.INFO.quantizable and kind_of(op) == INT8


def may_be_integer(op: Operation) -> bool:
    """Whether the op is to compute with integers of some kind, and has a kernel for it."""
    return is_quantizable(op) or kind_of(op) == INT16


def is_same_scale(op: Operation, kind: str = INT8) -> bool:
    """Whether the op computes with activations of this kind, and its operands and results must share one scale."""
    return isinstance(op, TflOp) and kind_of(op) == kind and shares_scale(op, kind)


def shares_scale(op: TflOp, kind: str) -> bool:
    """Whether the operands and results of the op must share one scale if it computes with activations of this kind."""
    return op.INFO.same_scale or (
        op.INFO.builtin in _SAME_MAGNITUDES if kind == INT16 else SHARES_SCALE in op.attributes
    )


def fixed_output(op: Operation) -> tuple[float, int] | None:
    """(scale, zero point) of the op's int8 results if its definition fixes their range, as for `tfl.softmax`; else
    None.
    """
    return op.INFO.fixed_output if isinstance(op, TflOp) and kind_of(op) == INT8 else None


def bias_of(op: Operation) -> tuple[int, tuple[int, ...]] | None:
    """(operand, operands whose scales multiply to its scale) of the op's bias, where it has one that is there."""
    bias = op.INFO.bias if isinstance(op, TflOp) and kind_of(op) == INT8 else None
    return bias if bias is not None and bias[0] < len(op.operands) and is_float(op.operands[bias[0]]) else None


def weight_axis(op: Operation, operand: int) -> int | None:
    """The channel axis if `operand` is the position of the op's weight, -1 if weights have one scale; else None."""
    weight = op.INFO.weight if isinstance(op, TflOp) and kind_of(op) == INT8 else None
    return weight[1] if weight is not None and weight[0] == operand else None


def is_symmetric(use: Use) -> bool:
    """Whether the default delegate's int8 kernel reads the operand with a zero point of 0 only."""
    op = use.operation
    return isinstance(op, TflOp) and use.index in op.INFO.symmetric and kind_of(op) == INT8


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


def is_quantized_by_model(value: SSAValue) -> bool:
    """Whether a float value gets no parameters from its range, since the model quantizes it."""
    return any(isinstance(use.operation, QuantizeOp) for use in value.uses)
