"""Forms of stored integer weights that the runtime's kernels read correctly, with and without the default delegate.

Measured, an op a process: a form is listed if the result is more than 20 dB above its difference from the float op on
the dequantized weights. All weights are signed with a zero point of 0.
"""

from __future__ import annotations

from tflir.ir.quant import UniformQuantizedType

_FORMS = {
    ("FULLY_CONNECTED", "float"): "8t 8c 4t 4c 4b 2t 2c",
    ("FULLY_CONNECTED", "int8"): "8t 8c 4t 4c 2c",
    ("FULLY_CONNECTED", "int16"): "8t 8c 4t 4c 2t 2c",
    ("CONV_2D", "float"): "8t 8c 4t 4c",
    ("CONV_2D", "int8"): "8t 8c 4t 4c",
    ("CONV_2D", "int16"): "8t 8c 4t 4c",
    ("DEPTHWISE_CONV_2D", "int8"): "8t 8c 4t 4c",
    ("DEPTHWISE_CONV_2D", "int16"): "8t 8c",
    ("TRANSPOSE_CONV", "int8"): "8t 8c",
    ("TRANSPOSE_CONV", "int16"): "8t 8c",
    ("EMBEDDING_LOOKUP", "float"): "8t 8c 4t 4c 4b 2t 2c 2b",
    ("BATCH_MATMUL", "float"): "8t 8c",
    ("GATHER", "float"): "8t 4t",
}
"""For an operator and its activations: bits, and t for one scale, c for one a channel, b for one a block."""
_BLOCKS = (32, 64, 128, 256)


def reads_form(builtin: str, beside: str, weight: UniformQuantizedType) -> bool:
    """Whether the kernel of `builtin` with activations of type `beside` (`float`, `int8`, `int16`) reads such weights.

    GATHER counts as reading a form beside float if a DEQUANTIZE of the rows that it selects follows.
    """
    layout = weight.layout
    if weight.is_unsigned or layout.zero_points.any():
        return False
    if layout.blocks and layout.blocks[-1] not in _BLOCKS:
        return False
    kind = "b" if layout.blocks else "c" if layout.axes else "t"
    return f"{weight.storage.width.data}{kind}" in _FORMS.get((builtin, beside), "").split()
