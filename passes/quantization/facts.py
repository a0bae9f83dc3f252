"""What the quantizer asks of an op: its definition's facts, and what a researcher or a flag decided about it."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue, Use

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
"""On a quantize: it came from a recorded range, not from the model, and goes where nothing needs it."""
MODEL_QUANTIZED = "tfl.model_quantized"
"""On a quantize or dequantize: it leads from or to integer parts that the model came with, and stays as it is."""
REQUANTIZES = "tfl.requantizes"
"""On a quantize: a pass put it between parameters that two ops want differently; the first may make the second's."""
UNCALIBRATED = "tfl.uncalibrated"
"""On a function: no range of its values was recorded."""
FIRST_USE_FIRST = "tfl.first_use_first"
"""On a dequantize: TensorFlow's search for integer ops meets the users in the order of the program."""


def quantized_element(value: SSAValue) -> UniformQuantizedType | None:
    """The quantized element type of a value; None where it has none."""
    element = element_of(value.type)
    return element if isinstance(element, UniformQuantizedType) else None


def _free(op: Operation) -> bool:
    return isinstance(op, TflOp) and not isinstance(op, QuantizeOp | DequantizeOp) and KEEP_FLOAT not in op.attributes


def is_quantizable(op: Operation) -> bool:
    """Whether the op has an integer kernel."""
    return isinstance(op, TflOp) and op.INFO.quantizable and _free(op)


def is_same_scale(op: Operation) -> bool:
    """Whether the op's float operands and results must share one scale and zero point."""
    return isinstance(op, TflOp) and (op.INFO.same_scale or SHARES_SCALE in op.attributes) and _free(op)


def fixed_output(op: Operation) -> tuple[float, int] | None:
    """(scale, zero point) of results whose range is fixed."""
    return op.INFO.fixed_output if isinstance(op, TflOp) and _free(op) else None


def bias_of(op: Operation) -> tuple[int, tuple[int, ...]] | None:
    """(operand, operands whose scales multiply to its scale) of the op's bias, where it has one that is there."""
    bias = op.INFO.bias if isinstance(op, TflOp) and _free(op) else None
    return bias if bias is not None and bias[0] < len(op.operands) and is_float(op.operands[bias[0]]) else None


def weight_axis(op: Operation, operand: int) -> int | None:
    """The axis of the op's weight `operand`, -1 for one scale; None where the operand is no weight."""
    weight = op.INFO.weight if isinstance(op, TflOp) and _free(op) else None
    return weight[1] if weight is not None and weight[0] == operand else None


def float_operands(op: Operation) -> list[int]:
    """The positions of the op's float32 operands."""
    return [index for index, value in enumerate(op.operands) if is_float(value)]


def positions(function: FuncOp) -> dict[Operation, int]:
    """Where each op stands in a function's body."""
    return {op: number for number, op in enumerate(function.body.block.ops)}


def uses_in_order(value: SSAValue, order: dict[Operation, int]) -> list[Use]:
    """A value's uses in the order of the program; what the function returns comes last, ops inside regions too."""
    last = len(order)
    return sorted(value.uses, key=lambda use: (order.get(use.operation, last), use.index))


MARKS = (
    VOLATILE,
    KEEP_FLOAT,
    MAY_STAY_FLOAT,
    SHARES_SCALE,
    MODEL_QUANTIZED,
    REQUANTIZES,
    UNCALIBRATED,
    FIRST_USE_FIRST,
)
"""What passes tell each other; nothing of it is the model's."""


def clear_marks(module: ModuleOp, *, selection: bool = False) -> None:
    """Removes the marks that passes left for each other; with `selection` also which ops a person left out."""
    for op in module.walk():
        for mark in (*MARKS, LEFT_OUT) if selection else MARKS:
            op.attributes.pop(mark, None)


def is_preserved(op: Operation) -> bool:
    """Whether a conversion is the model's own: see `tfl-preserve-quantized`."""
    return MODEL_QUANTIZED in op.attributes
