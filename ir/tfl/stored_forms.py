"""Forms of stored integer weights that the runtime's kernels read correctly, with and without the default delegate.

Measured, an op a process: a form is listed if the result is more than 20 dB above its difference from the float op on
the dequantized weights. All weights are signed with a zero point of 0; int4 weights are from -7 to 7, since the
built-in hybrid kernel of FULLY_CONNECTED reads -8 as 8.
"""

from __future__ import annotations

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.info import OpInfo
from tflir.ir.weight_kind import BLOCKS

_FORMS = {
    ("FULLY_CONNECTED", "float"): "8t 8c 4t 4c 4b 2t 2c",
    ("FULLY_CONNECTED", "int8"): "8t 8c 4t 4c 2c",
    ("FULLY_CONNECTED", "int16"): "8t 8c 4t 4c 2t 2c",
    ("CONV_2D", "float"): "8t 8c 4t 4c",
    ("CONV_2D", "int8"): "8t 8c 4t 4c",
    ("CONV_2D", "int16"): "8t 8c 4t 4c",
    ("DEPTHWISE_CONV_2D", "float"): "8c",
    ("DEPTHWISE_CONV_2D", "int8"): "8t 8c 4t 4c",
    ("DEPTHWISE_CONV_2D", "int16"): "8t 8c",
    ("TRANSPOSE_CONV", "int8"): "8t 8c",
    ("TRANSPOSE_CONV", "int16"): "8t 8c",
    ("EMBEDDING_LOOKUP", "float"): "8t 8c 4t 4c 4b 2t 2c 2b",
    ("BATCH_MATMUL", "float"): "8t 8c",
    ("BATCH_MATMUL", "int8"): "8t",
    ("BATCH_MATMUL", "int16"): "8t",
    ("GATHER", "float"): "8t 4t",
}
"""For an operator and its activations: bits, and t for one scale, c for one a channel, b for one a block."""
_LETTERS = {"tensor": "t", "channel": "c", "block": "b"}


def computes(builtin: str, beside: str, bits: int, granularity: str) -> bool | None:
    """Whether the kernel of `builtin` computes right with such weights; None if the operator was not measured.

    `beside` is the type of the activations, `float`, `int8` or `int16`; `granularity` is `tensor`, `channel` or
    `block`. GATHER counts as computing beside float if a DEQUANTIZE of the rows that it selects follows.
    """
    forms = _FORMS.get((builtin, beside))
    return None if forms is None else f"{bits}{_LETTERS[granularity]}" in forms.split()


def reads_form(info: OpInfo, beside: str, weight: UniformQuantizedType) -> bool:
    """Whether the kernel of an operator with activations of type `beside` reads weights of this type right.

    Hybrid kernels that were not measured, as those of recurrent layers, read int8 weights with one scale.
    """
    layout = weight.layout
    if weight.is_unsigned or layout.zero_points.any():
        return False
    if layout.blocks and layout.blocks[-1] not in BLOCKS:
        return False
    granularity = "block" if layout.blocks else "channel" if layout.axes else "tensor"
    bits = weight.storage.width.data
    right = computes(info.builtin, beside, bits, granularity)
    return info.hybrid and (beside, bits, granularity) == ("float", 8, "tensor") if right is None else right
