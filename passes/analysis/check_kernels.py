"""`tfl-check-kernels`: lists the ops that a target can't run according to the table of its kernels."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import CallOp, ReturnOp
from xdsl.ir import Operation

from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.errors import Error
from tflir.ir.functions import functions
from tflir.ir.kernel_tables import KERNEL_TABLES
from tflir.ir.names import place
from tflir.ir.tfl.constants import NoValueOp
from tflir.ir.tfl.control_flow import YieldOp
from tflir.passes.analysis.base import AnalysisPass
from tflir.passes.base import PassReport

_UNMET = 3
_NO_OPERATORS = (CallOp, ReturnOp, YieldOp, NoValueOp)


@dataclass(frozen=True)
class CheckKernelsPass(AnalysisPass):
    """
    Prints the ops that a target can't run, and why; with `require`, the first of them is an error.

    ```mlir
    %0 = "tfl.cos"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("y")
    ```
    becomes, for a target without such a kernel,
    ```mlir
    // tfl.cos  y  it has no kernel
    %0 = "tfl.cos"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("y")
    ```
    where the comment is a row of the printed table, and the module does not change.
    """

    name = "tfl-check-kernels"
    changes = "exact"

    kernels: str = "litert"
    """The target: litert, or one whose table a plug-in registers."""
    require: bool = False
    """An op that the target can't run is an error."""

    def analyse(self, module: ModuleOp, report: PassReport) -> None:
        table = KERNEL_TABLES.get(self.kernels)
        rows = report.table(f"ops that {self.kernels} does not run")
        for function in functions(module):
            for op in function.walk():
                if op is function or isinstance(op, _NO_OPERATORS) or _is_constant(op):
                    continue
                if (why := table.why_not(op)) is None:
                    continue
                if self.require:
                    error = Error(f"{self.name}: {self.kernels} does not run it: {why}", op=op.name, location=place(op))
                    error.status, error.operation = _UNMET, op
                    raise error
                rows.append({"op": op.name, "tensor": place(op), "why": why})


def _is_constant(op: Operation) -> bool:
    return any(isinstance(value, ArrayElementsAttr) for value in op.properties.values())
