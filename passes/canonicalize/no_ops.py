"""Removes ops whose result is equal to an operand bit for bit, such as a transpose to the same order or `x * 1`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import Float32Type
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.tfl.activations import LIMITS, Relu0To1Op, Relu6Op, ReluN1To1Op, ReluOp, fused_activation
from tflir.ir.tfl.arithmetic import AddNOp, DivOp, MaximumOp, MinimumOp, MulOp, SubOp
from tflir.ir.tfl.elementwise import CastOp
from tflir.ir.tfl.indexing import SliceOp
from tflir.ir.tfl.shaping import (
    BroadcastToOp,
    ConcatenationOp,
    MirrorPadOp,
    PadOp,
    Padv2Op,
    ReshapeOp,
    SplitOp,
    SplitVOp,
    SqueezeOp,
    TileOp,
    TransposeOp,
)
from tflir.ir.types import element_of, shape_of
from tflir.passes.base import PassReport
from tflir.passes.canonicalize.interface import can_replace, may_change, replace
from tflir.passes.rewriting.edit import erase
from tflir.passes.rewriting.values import known_elements

Rule = Callable[[Operation], SSAValue | None]
"""Returns the operand that the op's result is equal to; None if there is none."""


def remove_no_ops(function: FuncOp, report: PassReport) -> None:
    """Removes each op that does nothing, unless a function's output would lose its name."""
    for op in list(function.body.block.ops):
        rule = _RULES.get(type(op))
        if rule is None or not may_change(op) or len(op.results) != 1 or (kept := rule(op)) is None:
            continue
        if kept.type != op.results[0].type:
            continue
        if not can_replace(op.results[0], kept):
            report.decline("it does nothing, but makes an output that would lose its name", op)
            continue
        replace(op.results[0], kept)
        erase(op)
        report.count("ops that do nothing")


def _is_static(value: SSAValue) -> bool:
    shape = shape_of(value.type)
    return shape is not None and -1 not in shape


def _static(op: Operation) -> SSAValue | None:
    """The operand of an op that does nothing if operand and result have the same static shape and element type."""
    return op.operands[0] if _is_static(op.operands[0]) and op.operands[0].type == op.results[0].type else None


def _transpose(op: Operation) -> SSAValue | None:
    order = known_elements(op.operands[1])
    in_order = order is not None and order.tolist() == list(range(order.size))
    return op.operands[0] if in_order else None


def _pad(op: Operation) -> SSAValue | None:
    amounts = known_elements(op.operands[1])
    return op.operands[0] if amounts is not None and not amounts.any() else None


def _one_operand(op: Operation) -> SSAValue | None:
    return op.operands[0] if len(op.operands) == 1 and fused_activation(op) == "NONE" else None


def _tile(op: Operation) -> SSAValue | None:
    times = known_elements(op.operands[1])
    return op.operands[0] if times is not None and (times == 1).all() else None


def _split(op: Operation) -> SSAValue | None:
    return op.operands[0] if isinstance(op, SplitVOp) else op.operands[1]


def _neutral(number: float, *, commutes: bool) -> Rule:
    """The rule that `x op number` is x in float32. It is not true of `x + 0`, which is 0.0 for -0.0."""

    def rule(op: Operation) -> SSAValue | None:
        if not isinstance(element_of(op.results[0].type), Float32Type):
            return None
        if fused_activation(op) != "NONE":
            return None
        for index in (1, 0) if commutes else (1,):
            array = known_elements(op.operands[index])
            if array is not None and array.size and _all_are(array, number):
                return op.operands[1 - index]
        return None

    return rule


def _all_are(array: npt.NDArray[np.generic], number: float) -> bool:
    return bool((array == number).all() and not np.signbit(array.astype(np.float32)).any())


def _same_operands(op: Operation) -> SSAValue | None:
    return op.operands[0] if op.operands[0] is op.operands[1] else None


_LIMITS: dict[type[Operation], tuple[float, float]] = {
    op: LIMITS[op.INFO.builtin] for op in (ReluOp, Relu6Op, ReluN1To1Op, Relu0To1Op)
}


def _clipped_already(op: Operation) -> SSAValue | None:
    """A clipping activation has no effect if the op before it, or its fused activation, clips at least as much."""
    operand = op.operands[0]
    if not isinstance(operand, OpResult):
        return None
    known = _LIMITS.get(type(operand.op)) or LIMITS.get(fused_activation(operand.op))
    low, high = _LIMITS[type(op)]
    return operand if known is not None and known[0] >= low and known[1] <= high else None


_RULES: dict[type[Operation], Rule] = {
    ReshapeOp: _static,
    SqueezeOp: _static,
    BroadcastToOp: _static,
    SliceOp: _static,
    CastOp: _static,
    TransposeOp: _transpose,
    PadOp: _pad,
    Padv2Op: _pad,
    MirrorPadOp: _pad,
    ConcatenationOp: _one_operand,
    AddNOp: _one_operand,
    TileOp: _tile,
    SplitOp: _split,
    SplitVOp: _split,
    MulOp: _neutral(1.0, commutes=True),
    DivOp: _neutral(1.0, commutes=False),
    SubOp: _neutral(0.0, commutes=False),
    MaximumOp: _same_operands,
    MinimumOp: _same_operands,
    **dict.fromkeys(_LIMITS, _clipped_already),
}
