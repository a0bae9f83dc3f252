"""What stays float in a model whose other ops became integer, and why: one line for a user who asked for integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tflir.option import ModeName
from tflir.options import Options
from tflir.pipeline import mode_of

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import Operation

    from tflir.passes.base import PassReport

CHOOSES = (
    "tfl-preserve-quantized",
    "tfl-float-regions",
    "tfl-select-ops",
    "tfl-choose-activations",
    "tfl-prepare-quantize",
    "tfl-quantize",
)
"""Passes that decide which ops become integer, in the order in which they do."""
_MOST_NAMED = 3
"""The line names this many kinds of op with their reasons, and gives the number of the other ops."""


def left_float(options: Options, reports: Sequence[PassReport], module: ModuleOp) -> Iterator[str]:
    """Says which ops compute in float although integers were asked for, by kind, with the reason."""
    from tflir.ir.targets.site import operator_of

    if options.replaces_passes or mode_of(options).name not in (ModeName.INTEGER, ModeName.INT16):
        return
    reasons: dict[str, str] = {}
    for name in CHOOSES:
        for report in (report for report in reports if report.name == name):
            reasons = {**report.reasons, **reasons}
    floats, count = Counter[tuple[str, str]](), 0
    for op, is_float in _computing(module):
        count += 1
        if is_float:
            floats[operator_of(op), _why(op, reasons) or _of_target(options)] += 1
    left = sum(floats.values())
    if not left or left == count:
        return
    named = [f"{times} {kind}{f' ({why})' if why else ''}" for (kind, why), times in floats.most_common(_MOST_NAMED)]
    others = left - sum(times for _, times in floats.most_common(_MOST_NAMED))
    rest = f"; {others} more" if others else ""
    yield f"{left} of {count} ops compute{'s' * (left == 1)} in float: {'; '.join(named)}{rest}"


def _computing(module: ModuleOp) -> Iterator[tuple[Operation, bool]]:
    """The ops that a runtime runs, without conversions, and whether they read or make float values."""
    from tflir.ir.functions import functions
    from tflir.ir.targets.site import is_operator
    from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
    from tflir.passes.rewriting.values import is_float

    for function in functions(module):
        for op in function.body.block.ops:
            if is_operator(op) and not isinstance(op, QuantizeOp | DequantizeOp):
                yield op, any(is_float(value) for value in (*op.operands, *op.results))


def _why(op: Operation, reasons: Mapping[str, str]) -> str:
    from tflir.ir.tfl.base import TflOp
    from tflir.ir.tfl.control_flow import IfOp, WhileOp
    from tflir.passes.base import described

    if (known := reasons.get(described(op))) is not None:
        return known
    if isinstance(op, IfOp | WhileOp):
        return "values pass between functions as float"
    if not isinstance(op, TflOp) or not op.INFO.quantizable:
        return "it has no integer kernel"
    return ""


def _of_target(options: Options) -> str:
    """The reason for an op that passes for a target made float."""
    return "" if options.target is None else f"made float for {options.target}"
