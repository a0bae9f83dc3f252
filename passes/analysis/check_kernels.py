"""`tfl-check-kernels`: lists the ops that a target can't run, or runs wrongly, according to its table."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp

from tflir.ir.errors import UNMET, Error
from tflir.ir.functions import functions
from tflir.ir.names import place
from tflir.ir.targets import TARGETS
from tflir.ir.targets.site import is_operator
from tflir.passes.analysis.base import AnalysisPass
from tflir.passes.base import PassReport


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
    """The target: litert, xnnpack, tflm, ethos-u, or one that a plug-in registers."""
    require: bool = False
    """An op that the target can't run is an error."""

    def analyse(self, module: ModuleOp, report: PassReport) -> None:
        target = TARGETS.get(self.kernels)
        rows = report.table(f"ops that {self.kernels} does not run")
        for function in functions(module):
            for op in function.walk():
                if not is_operator(op) or (verdict := target.verdict(op)).taken:
                    continue
                why = verdict.reason if verdict.status == "refused" else f"{verdict.status}: {verdict.reason}"
                if self.require:
                    error = Error(f"{self.name}: {self.kernels} does not run it: {why}", op=op.name, location=place(op))
                    error.status, error.operation = UNMET, op
                    raise error
                rows.append({"op": op.name, "tensor": place(op), "why": why})
