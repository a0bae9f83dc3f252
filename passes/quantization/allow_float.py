"""`tfl-allow-float`: marks the ops that may stay float where everything else must be integer."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.ir import Operation

from tflir.ir.errors import USAGE, Error
from tflir.ir.functions import functions
from tflir.ir.near import near
from tflir.ir.tfl.activations import are_fused
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import BuiltinOp, CustomOp
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import KEEP_FLOAT, MAY_STAY_FLOAT
from tflir.passes.reasons import part_of_others

CUSTOM = "CUSTOM"
_WHY = "it was allowed to stay float"


@dataclass(frozen=True)
class AllowFloatPass(TflPass):
    """
    Marks the ops that `ops` names: they stay float, and integer-only conversion does not refuse them.

    ```mlir
    %b:4 = "tfl.custom"(%x, %y, %a) <{custom_code = "TFLite_Detection_PostProcess", …}> …
    ```
    becomes, with `ops="CUSTOM"`,
    ```mlir
    %b:4 = "tfl.custom"(%x, %y, %a) <{…}> {tfl.may_stay_float, tfl.keep_float = "it was allowed to stay float"} …
    ```
    A name is that of a builtin operator (`DIV`, `tfl.div`), the code of a custom operator, or `CUSTOM` for all custom
    operators. A name that matches no op of the model is an error.
    """

    name = "tfl-allow-float"
    changes = "exact"

    ops: tuple[str, ...] = ()
    """Names of builtin operators, codes of custom ones, or CUSTOM."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        operators = [op for function in functions(module) for op in function.body.block.ops if _names(op)]
        for wanted in self.ops:
            named = [op for op in operators if wanted.casefold() in map(str.casefold, _names(op))]
            if not named and are_fused(operators, wanted):
                report.remarks.append(part_of_others(f"--allow-float {wanted}", wanted))
            elif not named:
                known = {name for op in operators for name in _names(op)[:1]}
                raise Error(
                    f"'{wanted}' names no op of the model that could stay float{near(wanted, known)}",
                    hint="give a builtin operator such as DIV, a custom operator's code, or CUSTOM for all of these",
                    status=USAGE,
                )
            for op in named:
                op.attributes[MAY_STAY_FLOAT] = UnitAttr()
                op.attributes[KEEP_FLOAT] = StringAttr(_WHY)
        report.count("ops allowed to stay float", sum(1 for op in operators if MAY_STAY_FLOAT in op.attributes))


def _names(op: Operation) -> tuple[str, ...]:
    """The names by which an option may refer to an op, the runtime's name first; empty if `op` is no operator."""
    if isinstance(op, CustomOp):
        return op.custom_code.data, CUSTOM
    if isinstance(op, TflOp):
        return (op.INFO.custom_code, CUSTOM, op.name) if op.INFO.custom_code else (op.INFO.builtin, op.name)
    return (op.name,) if isinstance(op, BuiltinOp) else ()
