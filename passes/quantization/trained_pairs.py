"""Removes the 8-bit pairs of quantization-aware training: int16 activations have finer steps and do not need them."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.ir.types import quantized_element
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import is_preserved
from tflir.passes.rewriting.edit import erase
from tflir.passes.rewriting.values import is_float, is_returned, producer

_BEYOND = 0.02
"""Recorded values may exceed a pair's range by this fraction of its width; beyond that, the pair clips them."""


def remove_trained_pairs(function: FuncOp, ranges: dict[SSAValue, Range], report: PassReport) -> None:
    """Lets ops read the operand of an 8-bit pair instead of its result.

    A pair is kept if it clips values of the recorded range of its operand.
    """
    for op in list(function.body.block.ops):
        quantize = producer(op.operands[0]) if isinstance(op, DequantizeOp) else None
        if not isinstance(quantize, QuantizeOp) or is_preserved(quantize) or is_preserved(op):
            continue
        source, params = quantize.operands[0], quantized_element(quantize.results[0])
        if params is None or not is_float(source) or params.storage.width.data > 8:
            continue
        if not is_constant(source) and not _holds(params, ranges.get(source)):
            report.decline("a pair of training clips what was recorded: it stays", op)
            continue
        if is_returned(op.results[0]) and not _take_name(source, op):
            continue
        op.results[0].replace_all_uses_with(source)
        erase(op)
        if quantize.results[0].first_use is None:
            erase(quantize)
        report.count("pairs of training removed")


def _take_name(source: SSAValue, op: Operation) -> bool:
    """Gives the op that makes `source`, which the function is to return instead, the name of the result of `op`.

    Returns whether this is possible.
    """
    source_op = producer(source)
    if source_op is None or len(source_op.results) != 1 or is_returned(source):
        return False
    source_op.location = op.location
    return True


def _holds(params: UniformQuantizedType, recorded: Range | None) -> bool:
    """Whether integers with one scale cover a range up to a margin; True if no range was recorded."""
    if recorded is None or params.layout.axes:
        return recorded is None
    scale, point = float(params.layout.scales), int(params.layout.zero_points)
    low, high = ((end - point) * scale for end in params.range.data)
    margin = _BEYOND * (high - low)
    return low - margin <= recorded.low and recorded.high <= high + margin
