"""What TensorFlow 2.21 holds int16 kernels to do, where that is not what they do (`OpInfo.int16`)."""

from __future__ import annotations

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.info import OpInfo
from tflir.passes.quantization.int16 import facts

_BELIEVED = frozenset(("SCATTER_ND", "SHAPE", "SQUARED_DIFFERENCE"))
"""Ops that it makes int16 ones though no kernel is (`tfl.shape` has no need of one)."""
_LEFT_FLOAT = frozenset(
    ("DYNAMIC_UPDATE_SLICE", "MATRIX_DIAG", "NEG", "REVERSE_SEQUENCE", "SELECT_V2", "SQRT", "TOPK_V2")
)
"""Ops that it leaves float though an int16 kernel is there."""
_FIRST_SCALE = frozenset(("PADV2", "SELECT", "SUM"))
"""Results that it gives the scale of the first operand, though another has its own or the sum outgrows it."""
# fmt: off
_VERSION_2: tuple[str, ...] = (
    "ADD", "ARG_MAX", "CONCATENATION", "DEPTH_TO_SPACE", "EQUAL", "GATHER", "GELU", "GREATER", "GREATER_EQUAL",
    "L2_NORMALIZATION", "LESS", "LESS_EQUAL", "LOG_SOFTMAX", "MAXIMUM", "MEAN", "MINIMUM", "MUL", "NOT_EQUAL",
    "PACK", "PAD", "PADV2", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "SLICE", "SPACE_TO_DEPTH", "SPLIT",
    "SPLIT_V", "SQUARED_DIFFERENCE", "STRIDED_SLICE", "SUB", "SUM", "TRANSPOSE",
)
# fmt: on
_VERSION_3: tuple[str, ...] = ("BROADCAST_TO", "DEPTHWISE_CONV_2D", "FILL", "GATHER_ND", "REVERSE_V2", "TILE")
VERSIONS: dict[str, int] = {**dict.fromkeys(_VERSION_2, 2), **dict.fromkeys(_VERSION_3, 3)}
"""Versions that it gives ops, int16 or not, where their types ask for less."""


def quantizes(info: OpInfo) -> bool:
    """Whether TensorFlow makes the op an int16 one."""
    return (info.int16 and info.builtin not in _LEFT_FLOAT) or info.builtin in _BELIEVED


def takes_first_scale(info: OpInfo) -> bool:
    """Whether it gives the result the scale of the first operand, against the op's nature."""
    return info.builtin in _FIRST_SCALE


def activations(op: TflOp) -> list[int]:
    """The operands that it makes int16: it forgets the value that PADV2 pads with."""
    found = facts.activations(op)
    return found[:1] if op.INFO.builtin == "PADV2" else found
