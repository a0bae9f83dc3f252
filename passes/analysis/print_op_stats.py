"""`tfl-print-op-stats`: counts the ops of each kind, and the bytes of the constants that they read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, OpResult

from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.functions import functions
from tflir.ir.types import element_of
from tflir.passes.analysis.base import AnalysisPass
from tflir.passes.base import PassReport


@dataclass(frozen=True)
class PrintOpStatsPass(AnalysisPass):
    """
    Prints the number of ops of each kind, and the bytes of the constants that they read.

    ```mlir
    %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %1 = "tfl.relu"(%0) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    becomes
    ```mlir
    // tfl.relu  f32  2  0
    %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    %1 = "tfl.relu"(%0) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    where the comment is a row of the printed table, and the module does not change. A constant that several ops read is
    counted for the first of them.
    """

    name = "tfl-print-op-stats"
    changes = "exact"

    def analyse(self, module: ModuleOp, report: PassReport) -> None:
        number: Counter[tuple[str, str]] = Counter()
        nbytes: Counter[tuple[str, str]] = Counter()
        seen: set[int] = set()
        for function in functions(module):
            for op in function.walk():
                if op is function or any(isinstance(value, ArrayElementsAttr) for value in op.properties.values()):
                    continue
                kind = (op.name, _type(op))
                number[kind] += 1
                nbytes[kind] += sum(_constant_bytes(operand, seen) for operand in op.operands)
        rows = report.table("ops by kind and type of their first result")
        for (name, kind), count in sorted(number.items(), key=lambda item: (-item[1], item[0])):
            rows.append({"op": name, "type": kind, "number": count, "bytes of constants": nbytes[name, kind]})


def _type(op: Operation) -> str:
    if not op.results or (element := element_of(op.results[0].type)) is None:
        return "-"
    return str(element).partition("{")[0][:40]


def _constant_bytes(value: object, seen: set[int]) -> int:
    """The bytes of a constant that was not counted before; `seen` has the blobs that were."""
    if not isinstance(value, OpResult):
        return 0
    stored = [attr for attr in value.op.properties.values() if isinstance(attr, ArrayElementsAttr)]
    new = [attr for attr in stored if id(attr.blob) not in seen]
    seen.update(id(attr.blob) for attr in new)
    return sum(attr.blob.nbytes for attr in new)
