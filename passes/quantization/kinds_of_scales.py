"""Copies a constant that several ops read if they need different kinds of scales for it.

For example, FULLY_CONNECTED needs one scale for each index along axis 0 of its weights, DEPTHWISE_CONV_2D one for each
index along axis 3, and MUL one scale and a zero point. Integers for one of them are wrong for the others.
"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from tflir.ir.statistics import Range
from tflir.passes.quantization.facts import (
    PER_TENSOR,
    bias_of,
    is_quantizable,
    is_same_scale,
    uses_in_order,
    weight_axis,
)
from tflir.passes.quantization.pairs import FloatConstant, copied

_OPERAND = "an operand"


def split_by_kind(
    constants: dict[SSAValue, FloatConstant],
    clamped: dict[SSAValue, Range],
    order: dict[Operation, int],
    *,
    per_channel: bool,
) -> None:
    """Gives each kind of use a constant of its own: the first kind keeps the original, each other gets a copy.

    The copies are added to `constants`, and to `clamped` if the original is there.
    """
    for constant in list(constants.values()):
        by_kind: dict[int | str, FloatConstant] = {}
        for use in uses_in_order(constant.value, order):
            kind = _kind(use.operation, use.index, per_channel=per_channel)
            if kind is None:
                continue
            if kind not in by_kind:
                by_kind[kind] = copied(constant) if by_kind else constant
                constants[by_kind[kind].value] = by_kind[kind]
                if constant.value in clamped:
                    clamped[by_kind[kind].value] = clamped[constant.value]
            use.operation.operands[use.index] = by_kind[kind].value


def _kind(op: Operation, operand: int, *, per_channel: bool) -> int | str | None:
    """The kind of scales that an op needs for its operand; None if they follow other values, or if the op stays float.

    A kind is the axis of a weight's scales, `PER_TENSOR` for a weight with one scale, or `_OPERAND`.
    """
    bias = bias_of(op)
    if not is_quantizable(op) or is_same_scale(op) or (bias is not None and bias[0] == operand):
        return None
    axis = weight_axis(op, operand)
    return _OPERAND if axis is None else axis if per_channel else PER_TENSOR
