"""Which scales the integer kernels take: beside finer ones they overflow, refuse to load, or end the process.

Each kernel brings its operands' steps to those of its result with a fixed-point factor. The runtime's kernels and those
of the default delegate, XNNPACK, were run on factors of 2^-36 to 2^40:

| kernel | factor | beyond it |
|---|---|---|
| ADD, SUB | operand / result < 2^19 (int16: 2^14) | the process ends |
| SQUARED_DIFFERENCE | operand² / result < 2^12 | the process ends |
| convolutions | operand weight / result < 2^8 | the delegate does not load |
| MUL | operand operand / result < 2^17 (int16: 2^4) | results wrap around |
| RELU, ABS, LEAKY_RELU, QUANTIZE | operand / result < 2^23 (int16: 2^15) | results wrap around |
| HARD_SWISH | operand / result < 2^7 | the model does not load |
| fused RELU6, RELU_N1_TO_1 | bound / result < 2^31 | the model does not load |
| comparisons | operand < 1 | the process ends |

A result never needs steps finer than a fraction of its operands' own, so that one rule holds all of them: products get
no finer steps than 1/16 (int16: all) of the product of their operands' steps, sums none finer than 2^-12 of the
coarser operand's, everything else none finer than 1/32 of its operand's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tflir.ir.tfl.base import TflOp

_OF_PRODUCT = {8: 2.0**-4, 16: 1.0}
_OF_OPERAND = 2.0**-5
_OF_SUM = 2.0**-12
_OF_MERGED = 2.0**-10
"""An operand that is requantized for an op that merges several."""
_OF_QUOTIENT = 2.0**-7
_OF_BOUND = 2.0**-30
_OF_BIAS = 2.0**-30
"""The largest bias is at most 2^30 steps of the accumulator, whose steps count as an operand's."""
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
_BOUNDS = {"RELU6": 6.0, "RELU_N1_TO_1": 1.0}


def least_scale(op: TflOp, scales: Mapping[int, float], bits: int = 8) -> float:
    """The finest scale that the op's kernel takes for its result, from those of its operands that are known.

    The scale of a weight is the largest of its channels'; that of a bias is its largest element / 2^30. 0 where an
    option of the op is infinite, as a slope may be: no scale makes sense then.
    """
    found = _least_scale(op, scales, bits)
    return found if math.isfinite(found) else 0.0


def _least_scale(op: TflOp, scales: Mapping[int, float], bits: int) -> float:
    kind = op.INFO.builtin
    known = {index: scale for index, scale in scales.items() if scale > 0 and math.isfinite(scale)}
    bound = _OF_BOUND * _BOUNDS.get(_fused(op), 0.0)
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
    """Why no kernel takes operands of these scales; None where one does."""
    if op.INFO.builtin in _COMPARES and any(scale > _MOST_COMPARED for scale in scales.values()):
        return "its integer kernel compares nothing in steps of 1 and more"
    return None


def bias_scale(most: float) -> float:
    """What a bias whose largest element is `most` counts as in `least_scale`."""
    return most * _OF_BIAS


def _fused(op: TflOp) -> str:
    fused = op.properties.get("fused_activation_function")
    return str(getattr(fused, "data", ""))


def _slope(op: TflOp) -> float:
    """How much the op may stretch its operand."""
    alpha = getattr(op.properties.get("alpha"), "value", None)
    return max(1.0, abs(float(alpha.data))) if alpha is not None else 1.0
