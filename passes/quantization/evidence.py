"""Whether a model itself says how to quantize its activations."""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from tflir.ir.statistics import functions, ranges_of
from tflir.ir.tfl.quantization import DequantizeOp, FakeQuantOp, QuantizeOp
from tflir.passes.quantization.facts import is_float, producer


def says_ranges(module: ModuleOp) -> bool:
    """Whether activations have recorded ranges, fake quantization, or pairs of quantize and dequantize."""
    return any(_is_evidence(op) for function in functions(module) for op in function.body.block.ops) or any(
        is_float(value) for function in functions(module) for value in ranges_of(function)
    )


def _is_evidence(op: Operation) -> bool:
    if isinstance(op, FakeQuantOp):
        return True
    quantize = producer(op.operands[0]) if isinstance(op, DequantizeOp) else None
    return isinstance(quantize, QuantizeOp) and is_float(quantize.operands[0])
