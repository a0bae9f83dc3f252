"""`tfl-post-quantize`: removes what quantization leaves over."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, OpResult

from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport, TflPass

_REMOVABLE = (ConstOp, QConstOp, NoValueOp, QuantizeOp, DequantizeOp)


@dataclass(frozen=True)
class PostQuantizePass(TflPass):
    """
    Removes quantize and dequantize ops, and constants, that nothing reads any more.

    ```mlir
    %w = "tfl.pseudo_const"() …
    %q = "tfl.pseudo_qconst"() …
    %d = "tfl.dequantize"(%q) …
    %y = "tfl.fully_connected"(%x, %q, %b) …
    ```
    becomes
    ```mlir
    %q = "tfl.pseudo_qconst"() …
    %y = "tfl.fully_connected"(%x, %q, %b) …
    ```
    """

    name = "tfl-post-quantize"

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        pending = [op for op in module.walk() if isinstance(op, _REMOVABLE)]
        while pending:
            op = pending.pop()
            if op.parent is None or any(result.first_use is not None for result in op.results):
                continue
            sources = [value.op for value in op.operands if isinstance(value, OpResult)]
            _erase(op)
            report.count("ops removed")
            pending += [source for source in sources if isinstance(source, _REMOVABLE)]


def _erase(op: Operation) -> None:
    block = op.parent
    assert block is not None
    block.erase_op(op)
