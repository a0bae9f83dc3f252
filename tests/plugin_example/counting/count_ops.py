"""`counting-count-ops`: notes at the start of each function how many ops of each kind it has."""

from collections import Counter
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from counting.dialect import CountOp
from tflir.passes.base import PassReport, TflPass


@dataclass(frozen=True)
class CountOpsPass(TflPass):
    """
    Notes at the start of each function how many ops of each kind it has.

    ```mlir
    %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    becomes
    ```mlir
    "counting.count"() <{of = "tfl.relu", number = 1 : i32}> : () -> ()
    %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    """

    name = "counting-count-ops"

    at_least: int = 1
    """Kinds with fewer ops are left out."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in module.ops:
            if isinstance(function, FuncOp) and (first := function.body.block.first_op) is not None:
                kinds = Counter(op.name for op in function.body.block.ops if op.name.startswith("tfl."))
                for kind, number in sorted(kinds.items()):
                    if number < self.at_least:
                        report.decline("fewer ops than at-least")
                        continue
                    function.body.block.insert_op_before(CountOp.of_kind(kind, number), first)
                    report.count("kinds counted")
