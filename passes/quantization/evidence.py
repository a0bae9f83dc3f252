"""Whether a model itself says how to quantize its activations."""

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
    """What in the model says how to quantize its activations, in words; None where nothing does.

    Fake quantization and quantize/dequantize pairs on activations do (quantization-aware training), and recorded ranges
    on what an op reads and on what it makes. Pairs beside integer parts that the model came with do not, nor does the
    range that older converters wrote on inputs alone: it says what images look like. With `tf_compat` any range does.
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
    if isinstance(op, FakeQuantOp):
        return not is_constant(op.operands[0])
    quantize = producer(op.operands[0]) if isinstance(op, DequantizeOp) else None
    if not isinstance(quantize, QuantizeOp) or not is_float(quantize.operands[0]):
        return False
    source = quantize.operands[0]
    if is_constant(source):
        return False
    around = [use.operation for use in op.results[0].uses]
    if isinstance(source, OpResult):
        around.append(source.op)
    return any(is_quantizable(near) for near in around)


def _has_ranges(function: FuncOp) -> bool:
    """Whether what an op computes has a range, and all that some op with an integer kernel reads and makes has one."""
    ranges = ranges_of(function)
    inner = any(_is_computed(value) for value in ranges)
    return inner and any(_is_ranged(op, ranges) for op in function.body.block.ops)


def _is_computed(value: SSAValue) -> bool:
    maker = producer(value)
    return isinstance(maker, TflOp) and not isinstance(maker, DequantizeOp) and not is_constant(value)


def _is_ranged(op: Operation, ranges: Mapping[SSAValue, Range]) -> bool:
    if not is_quantizable(op) and not is_same_scale(op):
        return False
    read = [value for value in op.operands if is_float(value) and not is_constant(value)]
    made = [value for value in op.results if is_float(value)]
    return bool(read or made) and all(value in ranges for value in (*read, *made))
