"""`tfl-require-integer`: refuses a model in which an op computes with float values."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Operation

from tflir.ir.errors import UNMET, Error
from tflir.ir.functions import functions
from tflir.ir.names import place
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import BuiltinOp, ConstOp, CustomOp
from tflir.ir.tfl.control_flow import IfOp, WhileOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import KEEP_FLOAT, MAY_STAY_FLOAT
from tflir.passes.rewriting.values import is_float

_MOST_NAMED = 8
"""The error names this many ops, and gives the number of the others."""


@dataclass(frozen=True)
class RequireIntegerPass(TflPass):
    """
    Refuses a module in which an op computes with float tensors. A quantize of a function's input and a dequantize of
    its output are allowed.

    ```mlir
    %y = "tfl.sin"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    becomes an error that names `tfl.sin`, its tensor, and the reason why it is not an integer op, and the same for
    every other float op. This is no error:
    ```mlir
    %y = "tfl.abs"(%x) : (tensor<4x!quant.uniform<i8:f32, …>>) -> tensor<4x!quant.uniform<i8:f32, …>>
    ```
    """

    name = "tfl-require-integer"
    changes = "exact"

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        refused = [(op, _why(op)) for function in functions(module) for op in _float_ops(function)]
        if not refused:
            return
        named = "; ".join(f"{_kind(op)} '{place(op)}' ({why})" for op, why in refused[:_MOST_NAMED])
        rest = f"; and {len(refused) - _MOST_NAMED} more" if len(refused) > _MOST_NAMED else ""
        raise Error(
            f"{len(refused)} op{'s' if len(refused) > 1 else ''} can't be integer: {named}{rest}",
            hint="add TFLITE_BUILTINS to --supported-ops to leave them float, or name them in --allow-float",
            status=UNMET,
        )


def _float_ops(function: FuncOp) -> list[Operation]:
    skipped = (ConstOp, QuantizeOp, DequantizeOp, ReturnOp)
    return [
        op
        for op in function.body.block.ops
        if not isinstance(op, skipped)
        and MAY_STAY_FLOAT not in op.attributes
        and any(is_float(value) for value in (*op.operands, *op.results))
    ]


def _kind(op: Operation) -> str:
    if isinstance(op, TflOp) and not op.INFO.custom_code:
        return op.INFO.builtin
    code = op.INFO.custom_code if isinstance(op, TflOp) else op.custom_code.data if isinstance(op, CustomOp) else ""
    return f"custom op {code}" if code else op.name


def _why(op: Operation) -> str:
    kept = op.attributes.get(KEEP_FLOAT)
    if isinstance(kept, StringAttr):
        return kept.data
    if isinstance(op, IfOp | WhileOp | CallOp):
        return "control flow passes its values between functions as float"
    if isinstance(op, CustomOp | BuiltinOp) or not isinstance(op, TflOp) or not op.INFO.quantizable:
        return "it has no int8 kernel"
    return "no range was recorded for one of its values"
