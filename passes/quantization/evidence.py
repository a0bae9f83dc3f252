"""Whether a model holds information on how to quantize its activations."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.entries import entry_functions
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, ranges_of
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.quantization import DequantizeOp, FakeQuantOp, QuantizeOp
from tflir.passes.quantization.facts import is_quantizable, is_same_scale
from tflir.passes.quantization.preserve_quantized import integer_parts
from tflir.passes.rewriting.values import is_float, producer

RANGES = "the model has recorded ranges"
TRAINED = "the model has quantize/dequantize pairs or fake quantization"


def evidence(module: ModuleOp, *, tf_compat: bool = False) -> str | None:
    """Says in words what in the model determines how to quantize its activations; None if nothing does.

    Fake quantization and quantize/dequantize pairs on activations count (quantization-aware training), and so do
    ranges recorded on the operands and results of an op. Pairs at the edge of integer parts that the input model had
    do not count, nor do ranges on inputs alone: older converters wrote the range of pixels there. With `tf_compat`, any
    range counts.
    """
    entries = set(entry_functions(module))
    for function in functions(module):
        own = integer_parts(function, is_entry=function in entries).conversions
        if any(op not in own and _is_trained_pair(op) for op in function.body.block.ops):
            return TRAINED
        if _has_ranges(function) or (tf_compat and any(is_float(value) for value in ranges_of(function))):
            return RANGES
    return None


def _is_trained_pair(op: Operation) -> bool:
    """Whether `op` is fake quantization, or the dequantize of a pair, of an activation beside a quantizable op."""
    if isinstance(op, FakeQuantOp):
        return not is_constant(op.operands[0])
    quantize = producer(op.operands[0]) if isinstance(op, DequantizeOp) else None
    if not isinstance(quantize, QuantizeOp) or not is_float(quantize.operands[0]):
        return False
    source = quantize.operands[0]
    if is_constant(source):
        return False
    neighbours = [use.operation for use in op.results[0].uses]
    if isinstance(source, OpResult):
        neighbours.append(source.op)
    return any(map(is_quantizable, neighbours))


def _has_ranges(function: FuncOp) -> bool:
    """Whether some computed value has a range, and some quantizable op has ranges for all operands and results."""
    ranges = ranges_of(function)
    on_computed_value = any(_is_computed(value) for value in ranges)
    return on_computed_value and any(_is_ranged(op, ranges) for op in function.body.block.ops)


def _is_computed(value: SSAValue) -> bool:
    """Whether an op computes the value; a constant or a dequantized tensor is not computed."""
    maker = producer(value)
    return isinstance(maker, TflOp) and not isinstance(maker, DequantizeOp) and not is_constant(value)


def _is_ranged(op: Operation, ranges: Mapping[SSAValue, Range]) -> bool:
    if not is_quantizable(op) and not is_same_scale(op):
        return False
    operands = [value for value in op.operands if is_float(value) and not is_constant(value)]
    results = [value for value in op.results if is_float(value)]
    return bool(operands or results) and all(value in ranges for value in (*operands, *results))
