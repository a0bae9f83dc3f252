"""`tfl-print-memory`: prints the peak memory of the activations of each function, and the op at which it occurs."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.functions import functions
from tflir.ir.names import place
from tflir.ir.tfl.constants import NoValueOp
from tflir.ir.types import element_of, schema_name, shape_of, stored_bytes
from tflir.passes.analysis.base import AnalysisPass
from tflir.passes.base import PassReport


@dataclass(frozen=True)
class PrintMemoryPass(AnalysisPass):
    """
    Prints the largest number of bytes that the activations of each function take at one time, and at which op.

    ```mlir
    %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    func.return %0 : tensor<4xf32>
    ```
    becomes
    ```mlir
    // @main  1  32  tfl.relu
    %0 = "tfl.relu"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    func.return %0 : tensor<4xf32>
    ```
    where the comment is a row of the printed table (16 bytes are read and 16 are written), and the module does not
    change. A value is live from the op that makes it to the last op that reads it; constants and values of unknown size
    are not counted.
    """

    name = "tfl-print-memory"
    changes = "exact"

    def analyse(self, module: ModuleOp, report: PassReport) -> None:
        rows = report.table("bytes of activations that live at one time")
        for function in functions(module):
            rows.append(_row(function))


def _row(function: FuncOp) -> dict[str, str | int]:
    block = function.body.block
    ops = list(block.ops)
    last: dict[SSAValue, int] = {}
    for position, op in enumerate(ops):
        for inner in op.walk():
            last.update(dict.fromkeys(inner.operands, position))
    sizes: dict[SSAValue, int] = {value: _bytes(value) for value in block.args}
    live, most, where = sum(sizes.values()), 0, "-"
    for position, op in enumerate(ops):
        for result in op.results:
            sizes[result] = _bytes(result)
            live += sizes[result]
        if live > most:
            most, where = live, f"{op.name} {place(op)}".strip()
        dead = {v for v in (*op.operands, *op.results) if v in sizes and last.get(v, position) <= position}
        live -= sum(sizes.pop(value) for value in dead)
    work = sum(1 for op in ops if not isinstance(op, NoValueOp | ReturnOp) and not _is_constant(op))
    return {"function": f"@{function.sym_name.data}", "ops": work, "bytes": most, "at": where}


def _is_constant(op: Operation) -> bool:
    return any(isinstance(value, ArrayElementsAttr) for value in op.properties.values())


def _bytes(value: SSAValue) -> int:
    """The size of a value in bytes; 0 for constants and values of unknown size."""
    element, shape = element_of(value.type), shape_of(value.type)
    if (isinstance(value, OpResult) and _is_constant(value.op)) or element is None or shape is None:
        return 0
    count = 1
    for dim in shape:
        if dim < 0:
            return 0
        count *= dim
    return stored_bytes(schema_name(element) or "", count) or 0
