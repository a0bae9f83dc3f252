"""`tfl-integer-forms`: replaces ops without an integer kernel by equivalent ops that have one.

The pass is one sweep in program order, not a set of rules, since each op needs the ranges of its operands, and these
are computed when the ops before it are replaced.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.functions import functions
from tflir.ir.statistics import Range, ranges_of, set_ranges
from tflir.passes.base import PassReport, TflPass
from tflir.passes.integer_forms.maker import Maker
from tflir.passes.integer_forms.rules import constant_operands, rule_of
from tflir.passes.quantization.facts import KEEP_FLOAT
from tflir.passes.quantization.integers import extremes
from tflir.passes.quantization.numerics import Rows
from tflir.passes.quantization.pairs import float_constant
from tflir.passes.rewriting.edit import erase
from tflir.passes.rewriting.values import is_float, producer


@dataclass(frozen=True)
class IntegerFormsPass(TflPass):
    """
    Replaces ops that the runtime computes only in float by ops that have integer kernels, before scales are chosen.
    New values get the ranges that follow from the recorded ranges.

    ```mlir
    %y = "tfl.square"(%x) : (tensor<4xf32>) -> tensor<4xf32>
    ```
    becomes
    ```mlir
    %y = "tfl.mul"(%x, %x) <{fused_activation_function = "NONE"}> : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    ```
    """

    name = "tfl-integer-forms"
    changes = "lossy"

    int16: bool = False
    """Replace ops that have no int16 kernel; else ops that have no int8 kernel."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for function in functions(module):
            self._function(function, report)

    def _function(self, function: FuncOp, report: PassReport) -> None:
        recorded = ranges_of(function)
        ranges = dict(recorded)
        for op in list(function.body.block.ops):
            rule = None if KEEP_FLOAT in op.attributes else rule_of(op, int16=self.int16)
            if rule is None or not any(is_float(value) for value in (*op.operands, *op.results)):
                continue
            for value in constant_operands(op):
                if value not in ranges and (bounds := _range_of_constant(value)) is not None:
                    ranges[value] = bounds
            made = rule(op, Maker(op, ranges))
            if made is None:
                report.decline("a range of what it reads was not recorded", op)
                continue
            assert isinstance(made, OpResult)
            self._replace(op, made, ranges)
            report.count(f"{op.name} replaced by other ops")
        new = {value: bounds for value, bounds in ranges.items() if value not in recorded and _is_computed(value)}
        set_ranges(function, dict(new))

    def _replace(self, op: Operation, made: OpResult, ranges: dict[SSAValue, Range]) -> None:
        """Replaces the result of `op` by `made`, which takes its name and its recorded range."""
        result = op.results[0]
        made.op.location = op.location
        if result in ranges:
            ranges[made] = ranges.pop(result)
        result.replace_all_uses_with(made)
        for name in names.OP_CARRIED:
            if name in op.attributes:
                made.op.attributes[name] = op.attributes[name]
        erase(op)


def _is_computed(value: SSAValue) -> bool:
    maker = producer(value)
    return maker is not None and maker.parent is not None and float_constant(maker) is None


def _range_of_constant(value: SSAValue) -> Range | None:
    maker = producer(value)
    constant = None if maker is None else float_constant(maker)
    rows = None if constant is None else Rows.of(constant.blob, constant.shape, None)
    if rows is None:
        return None
    low, high = extremes(rows)
    return Range(low, high) if np.isfinite([low, high]).all() and low <= high else None
