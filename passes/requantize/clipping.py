"""Inserts float ops that clip values where quantized types clipped them."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.statistics import Range
from tflir.ir.tfl.activations import Relu6Op, ReluOp, fused_activation
from tflir.ir.tfl.arithmetic import MaximumOp, MinimumOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.elementwise import RsqrtOp
from tflir.ir.tfl.quantization import DequantizeOp, QuantizeOp
from tflir.passes.base import PassReport
from tflir.passes.optimize.optimize import TAKES_ACTIVATION
from tflir.passes.requantize.bounds import Bounds, clipped_by, cut_off_before, cut_off_by
from tflir.passes.requantize.scales import Scales
from tflir.passes.rewriting.edit import insert_after, insert_before
from tflir.passes.rewriting.values import const_op, producer

_ACTIVATION = "fused_activation_function"
_UNBOUNDED = frozenset(("DIV", "EXP", "LOG", "POW", "RSQRT"))
"""Ops whose results may be infinite or far outside the range that matters: a quantize of these is there to clip."""


class Clipping:
    """Inserts activations, minimums and maximums where the quantized types of a function clipped values."""

    def __init__(self, bounds: Bounds, report: PassReport) -> None:
        self._bounds = bounds
        self._report = report

    def of_result(self, op: Operation, result: SSAValue, scales: Scales, nature: Range) -> SSAValue:
        """Applies the activation that the type of an op's result stood for; returns the value to read instead.

        `scales` are those of the type, and `nature` the bounds of the result without the activation.
        """
        activation = clipped_by(scales, nature)
        if activation is None or result.first_use is None:
            return result
        if self._fuses(op, activation):
            return result
        result_names, uses = names.op_names(op), list(result.uses)
        assert isinstance(result, OpResult)
        made = _activation_op(activation, result)
        made.location = names.named(result_names[result.index])
        result_names[result.index] = names.suffixed(result, "before_activation")
        op.location = names.location_of(result_names)
        insert_after(op, made)
        for use in uses:
            use.operation.operands[use.index] = made.results[0]
        return made.results[0]

    def of_quantize(self, op: QuantizeOp, source: SSAValue, scales: Scales, before: Scales | None) -> SSAValue:
        """Clips a float value as a quantize with these scales did, if clipping was intended; returns the clipped value.

        `before` are the scales that the value had if it was quantized in the input model, else None.
        """
        maker = producer(source)
        if not scales.is_one or (maker is None and before is None):
            return source
        within = self._within(source, before)
        activation = clipped_by(scales, within)
        if activation is not None:
            source = self._activated(source, activation, op)
            within = self._within(source, before)
        whole = before is None and maker is not None and _is_island(op, maker)
        low, high = cut_off_by(scales, within, whole=whole)
        if before is not None and maker is not None and source.has_one_use() and _makes_any_scale(maker):
            low, high = cut_off_before(before, self._bounds.by_nature(maker), scales)
        if high is not None and high > 0 and isinstance(maker, RsqrtOp):
            maker.operands[0] = self._limited(MaximumOp, maker.operands[0], high**-2, maker)
            high = None  # the operand is limited instead, since the delegate's kernel returns NaN, not infinity, for 0
        for kind, edge in ((MaximumOp, low), (MinimumOp, high)):
            if edge is not None:
                source = self._limited(kind, source, edge, op)
        return source

    def _within(self, source: SSAValue, before: Scales | None) -> Range:
        """The bounds of a value, limited to the range of `before`, its scales in the input model, if it had any."""
        known = self._bounds.of(source)
        if before is None or not before.is_one:
            return known
        span = before.span()
        return Range(max(known.low, span.low), min(known.high, span.high))

    def _activated(self, source: SSAValue, activation: str, before: Operation) -> SSAValue:
        """The value after an activation.

        The activation is fused into the op that makes the value, if `before` is the only user, else inserted there.
        """
        maker = producer(source)
        if maker is not None and source.has_one_use() and self._fuses(maker, activation):
            self._bounds.set(source, self._bounds.by_nature(maker))
            return source
        made = _activation_op(activation, source)
        made.location = before.location
        insert_before(before, made)
        self._bounds.set(made.results[0], self._bounds.by_nature(made))
        return made.results[0]

    def _fuses(self, op: Operation, activation: str) -> bool:
        """Fuses the activation into the op if possible; returns whether it did."""
        self._report.count("activations that types stood for")
        if not isinstance(op, TflOp) or op.INFO.builtin not in TAKES_ACTIVATION:
            return False
        if fused_activation(op) != "NONE":
            return False
        op.properties[_ACTIVATION] = StringAttr(activation)
        return True

    def _limited(self, kind: type[TflOp], source: SSAValue, edge: float, op: Operation) -> SSAValue:
        """Inserts a minimum or maximum of the value and the number `edge` before `op`."""
        constant = const_op(elements(np.array(edge, np.float32)))
        made = kind.create(operands=[source, constant.results[0]], result_types=[source.type])
        made.location = names.named(names.suffixed(source, "limited"))
        insert_before(op, constant, made)
        self._report.count("limits that types stood for")
        return made.results[0]


def _activation_op(activation: str, source: SSAValue) -> Operation:
    kind = Relu6Op if activation == "RELU6" else ReluOp
    return kind.create(operands=[source], result_types=[source.type])


def _makes_any_scale(op: Operation) -> bool:
    """Whether the op can make its result with any scale, so that no requantization of it is needed."""
    info = op.INFO if isinstance(op, TflOp) else None
    return info is not None and info.quantizable and not info.same_scale and info.fixed_output is None


def _is_island(op: QuantizeOp, maker: Operation) -> bool:
    """Whether a quantize converts the result of a float op for integer ops, or clips values that may be infinite.

    A quantize that only dequantizes read comes from quantization-aware training, whose ranges need not contain all
    values.
    """
    if isinstance(maker, TflOp) and maker.INFO.builtin in _UNBOUNDED:
        return True
    return not all(isinstance(use.operation, DequantizeOp) for use in op.output.uses)
