"""What TensorFlow 2.21 holds int16 kernels to do, where that is not what they do (`OpInfo.int16`)."""

from __future__ import annotations

from tflir.ir.tfl.info import OpInfo

_BELIEVED = frozenset(
    "GELU PADV2 SCATTER_ND SHAPE SQUARED_DIFFERENCE TILE".split()
)
_UNKNOWN = frozenset(
    "ARG_MAX ARG_MIN".split()
)
_COPIES_SCALE = frozenset(("SELECT", "SUM"))
"""Results that it gives the scale of the first operand, though the second has another or the sum outgrows it."""


def quantizes(info: OpInfo) -> bool:
    """Whether TensorFlow makes the op an int16 one."""
    return (info.int16 and info.builtin not in _UNKNOWN) or info.builtin in _BELIEVED


def copies_scale(info: OpInfo) -> bool:
    """Whether it gives the result the scale of the first operand, against the op's nature."""
    return info.builtin in _COPIES_SCALE
