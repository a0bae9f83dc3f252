"""Pairs of quantization-aware training where activations become int16, whose finer steps need none."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, SSAValue

from tflir.ir.constness import is_constant
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import is_preserved, quantized_element
from tflir.passes.rewriting.edit import erase
from tflir.passes.rewriting.values import is_float, is_returned, producer

_BEYOND = 0.02
"""Of a pair's range, how far recorded values may go beyond it: further out the pair clips, and stays."""


def remove_trained_pairs(function: FuncOp, ranges: dict[SSAValue, Range], report: PassReport) -> None:
    """Lets ops read the float value in front of a pair of 8 bits, whose steps are coarser than int16's.

    A pair that clips what was recorded in front of it stays.
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
    """Gives an op whose result the function now returns the name of what it returned; whether that can be."""
    maker = producer(source)
    if maker is None or len(maker.results) != 1 or is_returned(source):
        return False
    maker.location = op.location
    return True


def _holds(params: UniformQuantizedType, found: Range | None) -> bool:
    """Whether integers of one scale hold a range, as good as; True where no range was recorded."""
    if found is None or params.layout.axes:
        return found is None
    scale, point = float(params.layout.scales), int(params.layout.zero_points)
    low, high = ((end - point) * scale for end in params.range.data)
    margin = _BEYOND * (high - low)
    return low - margin <= found.low and found.high <= high + margin
