"""Limits of the integer kernels on scales; with a finer result scale they overflow, refuse to load, or abort.

Each kernel rescales from its operands' steps to those of its result with a fixed-point factor of limited size.
`ir/targets/litert_scales.py` holds the factor from which on each of the runtime's kernels fails, and
`ir/targets/xnnpack.py` those that the default delegate does not load.

A result never needs much finer steps than its operands have, so that one rule covers all these limits. The step of a
product is at least 1/16 (int16: 1) of the product of the operands' steps, that of a sum at least 2^-12 of the coarser
operand's step, and that of any other result at least 1/32 of the operand's step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tflir.ir.tfl.activations import LIMITS, fused_activation
from tflir.ir.tfl.base import TflOp

_OF_PRODUCT = {8: 2.0**-4, 16: 1.0}
_OF_OPERAND = 2.0**-5
_OF_SUM = 2.0**-12
_OF_MERGED = 2.0**-10
"""For an op that merges several operands, such as CONCATENATION, each of which is requantized to the result's scale."""
_OF_QUOTIENT = 2.0**-7
_OF_BOUND = 2.0**-30
_OF_BIAS = 2.0**-30
"""The largest bias is at most 2^30 steps of the accumulator; the accumulator's steps are limited like an operand's."""
_MOST_COMPARED = 0.999

_RESCALES = frozenset(
    (
        "ABS",
        "NEG",
        "RELU",
        "RELU6",
        "RELU_0_TO_1",
        "RELU_N1_TO_1",
        "LEAKY_RELU",
        "HARD_SWISH",
        "MEAN",
        "SUM",
    )
)
_COMPARES = frozenset(("EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"))
_BOUNDS = {name: high for name, (_, high) in LIMITS.items() if math.isfinite(high)}
"""The largest number after an activation that has one."""


def least_scale(op: TflOp, scales: Mapping[int, float], bits: int = 8) -> float:
    """The finest scale that the op's kernel supports for its result.

    `scales` has the known scales by operand. For a weight, it is the largest scale of all channels, and for a bias,
    its largest element / 2^30. The result is 0 if an option of the op, such as a slope, is infinite: no scale makes
    sense then.
    """
    least = _least_scale(op, scales, bits)
    return least if math.isfinite(least) else 0.0


def _least_scale(op: TflOp, scales: Mapping[int, float], bits: int) -> float:
    kind = op.INFO.builtin
    known = {index: scale for index, scale in scales.items() if scale > 0 and math.isfinite(scale)}
    bound = _OF_BOUND * _BOUNDS.get(kind, _BOUNDS.get(fused_activation(op), 0.0))
    share = _OF_PRODUCT[bits]
    if not known:
        return bound
    if op.INFO.weight is not None and op.INFO.bias is not None:
        bias = known.pop(op.INFO.bias[0], 0.0)
        return max(bound, share * math.prod(known.values()) if len(known) == 2 else 0.0, share * bias)
    if kind in ("MUL", "BATCH_MATMUL"):
        return max(bound, share * math.prod(known.values()) if len(known) == 2 else 0.0)
    if kind == "SQUARED_DIFFERENCE":
        return share * max(known.values()) ** 2
    if kind == "DIV":
        return max(bound, _OF_QUOTIENT * known[0] / known[1] if len(known) == 2 else 0.0)
    if kind == "PRELU":
        return _OF_OPERAND * known.get(0, 0.0) * max(1.0, known.get(1, 0.0) * 127)
    if kind in ("ADD", "SUB"):
        return max(bound, _OF_SUM * max(known.values()))
    if kind in _RESCALES:
        return max(bound, _OF_OPERAND * max(known.values()) * _slope(op))
    if op.INFO.same_scale and len(known) > 1:
        return _OF_MERGED * max(known.values())
    return bound


def refused_operand(op: TflOp, scales: Mapping[int, float]) -> str | None:
    """Why no kernel supports operands of these scales; None if one does."""
    if op.INFO.builtin in _COMPARES and any(scale > _MOST_COMPARED for scale in scales.values()):
        return "its integer kernel compares nothing in steps of 1 and more"
    return None


def bias_scale(most: float) -> float:
    """The scale to give `least_scale` for a bias whose largest element is `most` in magnitude."""
    return most * _OF_BIAS


def _slope(op: TflOp) -> float:
    """The factor by which the op may enlarge its operand: the slope of a LEAKY_RELU, or 1."""
    alpha = getattr(op.properties.get("alpha"), "value", None)
    return max(1.0, abs(float(alpha.data))) if alpha is not None else 1.0
