"""Makes float ops beside another, with the ranges that follow from those of what they read."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, Operation, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.statistics import Range
from tflir.ir.tfl.arithmetic import AddOp, MaximumOp, MinimumOp, MulOp, SubOp
from tflir.ir.tfl.base import TflOp
from tflir.passes.rewriting.edit import insert_before
from tflir.passes.rewriting.values import const_op

_ACTIVATION = "fused_activation_function"


class Maker:
    """Makes the ops that stand for `op`, in front of it. Values without a range can't be worked with: see `knows`."""

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
        """A scalar."""
        value = elements(np.array(number, np.float32))
        made = const_op(value)
        insert_before(self._op, made)
        self._ranges[made.results[0]] = Range(number, number)
        return made.results[0]

    def add(self, left: SSAValue, right: SSAValue, like: Attribute, activation: str = "NONE") -> SSAValue:
        a, b = self.range(left), self.range(right)
        return self._binary(AddOp, left, right, like, activation, Range(a.low + b.low, a.high + b.high))

    def sub(self, left: SSAValue, right: SSAValue, like: Attribute) -> SSAValue:
        a, b = self.range(left), self.range(right)
        return self._binary(SubOp, left, right, like, "NONE", Range(a.low - b.high, a.high - b.low))

    def mul(self, left: SSAValue, right: SSAValue, like: Attribute, activation: str = "NONE") -> SSAValue:
        a, b = self.range(left), self.range(right)
        ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
        found = Range(0.0 if left is right else min(ends), max(ends))
        return self._binary(MulOp, left, right, like, activation, found)

    def maximum(self, value: SSAValue, least: float) -> SSAValue:
        """The larger of each element and a number."""
        found = self.range(value)
        made = Range(max(found.low, least), max(found.high, least))
        return self.made(MaximumOp, [value, self.constant(least)], value.type, made)

    def minimum(self, value: SSAValue, most: float) -> SSAValue:
        """The smaller of each element and a number."""
        found = self.range(value)
        made = Range(min(found.low, most), min(found.high, most))
        return self.made(MinimumOp, [value, self.constant(most)], value.type, made)

    def _binary(
        self, kind: type[TflOp], left: SSAValue, right: SSAValue, like: Attribute, activation: str, found: Range
    ) -> SSAValue:
        clip = {"RELU": (0.0, np.inf), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0)}.get(activation)
        if clip is not None:
            found = Range(*(float(np.clip(edge, *clip)) for edge in (found.low, found.high)))
        return self.made(kind, [left, right], like, found, {_ACTIVATION: StringAttr(activation)})

    def made(
        self,
        kind: type[TflOp],
        operands: list[SSAValue],
        like: Attribute,
        found: Range | None,
        properties: Mapping[str, Attribute] | None = None,
    ) -> SSAValue:
        """The result of an op of this kind, with a range of its own."""
        op = kind.create(operands=operands, result_types=[like], properties=dict(properties or {}))
        name = names.name_of(self._op.results[0])
        self._made += 1
        op.location = names.named(None if name is None else f"{name}_form{self._made}")
        insert_before(self._op, op)
        if found is not None:
            self._ranges[op.results[0]] = found
        return op.results[0]
