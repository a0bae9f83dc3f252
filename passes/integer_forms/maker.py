"""Makes the float ops that replace another op, and computes the ranges of their results."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, Operation, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.statistics import Range
from tflir.ir.tfl.activations import LIMITS
from tflir.ir.tfl.arithmetic import AddOp, MaximumOp, MinimumOp, MulOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.passes.rewriting.edit import insert_before
from tflir.passes.rewriting.values import const_op

_ACTIVATION = "fused_activation_function"


class Maker:
    """Inserts the ops that replace `op` before it. They only accept operands with a known range: see `knows`."""

    def __init__(self, op: Operation, ranges: dict[SSAValue, Range]) -> None:
        self._op = op
        self._ranges = ranges
        self._made = 0

    def knows(self, *values: SSAValue) -> bool:
        """Whether each of the values has a range."""
        return all(value in self._ranges for value in values)

    def range(self, value: SSAValue) -> Range:
        return self._ranges[value]

    def constant(self, number: float) -> SSAValue:
        """A float32 scalar constant."""
        constant = const_op(elements(np.array(number, np.float32)))
        insert_before(self._op, constant)
        self._ranges[constant.results[0]] = Range(number, number)
        return constant.results[0]

    def add(self, left: SSAValue, right: SSAValue, like: Attribute, activation: str = "NONE") -> SSAValue:
        a, b = self.range(left), self.range(right)
        return self._binary(AddOp, left, right, like, activation, Range(a.low + b.low, a.high + b.high))

    def sub(self, left: SSAValue, right: SSAValue, like: Attribute) -> SSAValue:
        a, b = self.range(left), self.range(right)
        return self._binary(SubOp, left, right, like, "NONE", Range(a.low - b.high, a.high - b.low))

    def mul(self, left: SSAValue, right: SSAValue, like: Attribute, activation: str = "NONE") -> SSAValue:
        a, b = self.range(left), self.range(right)
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        bounds = Range(0.0 if left is right else min(ends), max(ends))
        return self._binary(MulOp, left, right, like, activation, bounds)

    def maximum(self, value: SSAValue, least: float) -> SSAValue:
        """The larger of each element and a number."""
        old = self.range(value)
        bounds = Range(max(old.low, least), max(old.high, least))
        return self.made(MaximumOp, [value, self.constant(least)], value.type, bounds)

    def minimum(self, value: SSAValue, most: float) -> SSAValue:
        """The smaller of each element and a number."""
        old = self.range(value)
        bounds = Range(min(old.low, most), min(old.high, most))
        return self.made(MinimumOp, [value, self.constant(most)], value.type, bounds)

    def _binary(
        self, kind: type[TflOp], left: SSAValue, right: SSAValue, like: Attribute, activation: str, bounds: Range
    ) -> SSAValue:
        clip = LIMITS.get(activation)
        if clip is not None:
            bounds = Range(*(float(np.clip(edge, *clip)) for edge in (bounds.low, bounds.high)))
        return self.made(kind, [left, right], like, bounds, {_ACTIVATION: StringAttr(activation)})

    def made(
        self,
        kind: type[TflOp],
        operands: list[SSAValue],
        like: Attribute,
        bounds: Range | None,
        properties: Mapping[str, Attribute] | None = None,
    ) -> SSAValue:
        """The result of a new op of this kind, with type `like` and range `bounds`, if that is known."""
        op = kind.create(operands=operands, result_types=[like], properties=dict(properties or {}))
        self._made += 1
        op.location = names.named(names.suffixed(self._op.results[0], f"form{self._made}"))
        insert_before(self._op, op)
        if bounds is not None:
            self._ranges[op.results[0]] = bounds
        return op.results[0]
