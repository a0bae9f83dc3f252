"""Differences between what TensorFlow 2.21 assumes about int16 kernels and what they support (`OpInfo.int16`)."""

from __future__ import annotations

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.info import OpInfo
from tflir.passes.quantization import int16_facts

_WITHOUT_KERNEL = frozenset(("SCATTER_ND", "SHAPE", "SQUARED_DIFFERENCE"))
"""Ops that TensorFlow makes int16 though they have no int16 kernel (`tfl.shape` does not need one)."""
_LEFT_FLOAT = frozenset(
    ("DYNAMIC_UPDATE_SLICE", "MATRIX_DIAG", "NEG", "REVERSE_SEQUENCE", "SELECT_V2", "SQRT", "TOPK_V2")
)
"""Ops that TensorFlow leaves float though they have an int16 kernel."""
_FIRST_SCALE = frozenset(("PADV2", "SELECT", "SUM"))
"""Ops whose results get the scale of the first operand in TensorFlow, though another operand has another scale, or a
sum can exceed the operand's range.
"""
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
"""Versions that TensorFlow gives ops, int16 or not, where a lower version would suffice for their types."""


def quantizes(info: OpInfo) -> bool:
    """Whether TensorFlow makes the op an int16 op."""
    return (info.int16 and info.builtin not in _LEFT_FLOAT) or info.builtin in _WITHOUT_KERNEL


def takes_first_scale(info: OpInfo) -> bool:
    """Whether TensorFlow gives the result the scale of the first operand, though that is wrong for the op."""
    return info.builtin in _FIRST_SCALE


def activations(op: TflOp) -> list[int]:
    """The positions of the operands that TensorFlow makes int16; it omits the value that PADV2 pads with."""
    positions = int16_facts.activations(op)
    return positions[:1] if op.INFO.builtin == "PADV2" else positions
