"""A constant that ops read with different kinds of scales is one constant for each kind.

A fully connected op wants its weights' scales along axis 0, a depthwise convolution along axis 3, a matrix product one
scale and a zero point: integers for one are wrong for the other.
"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue

from tflir.ir.statistics import Range
from tflir.passes.quantization.facts import bias_of, is_quantizable, is_same_scale, uses_in_order, weight_axis
from tflir.passes.quantization.pairs import FloatConstant, copied

_OPERAND = "an operand"
_ONE_SCALE = -1


def split_by_kind(
    constants: dict[SSAValue, FloatConstant],
    clamped: dict[SSAValue, Range],
    order: dict[Operation, int],
    *,
    per_channel: bool,
) -> None:
    """Gives each kind of use a constant of its own, which is added to `constants`; the first keeps the one there is."""
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
    """What scales an op wants for its operand; None where it follows other values, or stays float."""
    bias = bias_of(op)
    if not is_quantizable(op) or is_same_scale(op) or (bias is not None and bias[0] == operand):
        return None
    axis = weight_axis(op, operand)
    return _OPERAND if axis is None else axis if per_channel else _ONE_SCALE
