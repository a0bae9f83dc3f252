"""Forms of weights that LiteRT's built-in kernels load and get wrong, do not load, or crash on.

Measured, an op a process: each operator with weights of 2, 4 and 8 bits, with one scale, a scale per channel and one
per block, beside activations of float32, int8 and int16; a result within 20 dB of the float one is wrong.
"""

from __future__ import annotations

import numpy as np

from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.targets.site import Site, matrix_axis
from tflir.ir.targets.target import fails
from tflir.ir.types import quantized_element

_LEGALIZE = "tfl-legalize"
_CHUNK = 1 << 20


def _holds_lowest_int4(site: Site) -> bool:
    """Whether int4 weights hold -8."""
    owner = site.inputs[1].owner
    value = getattr(owner, "properties", {}).get("value")
    if not isinstance(value, ArrayElementsAttr) or value.element_name != "INT4":
        return False
    data = value.blob.view()
    parts = (data[at : at + _CHUNK] for at in range(0, data.size, _CHUNK))
    odd = value.size % 2
    return any(bool((((part & 15) == 8) | ((part >> 4) == 8)).any()) for part in parts) and not (
        odd and _only_padding(data, value.size)
    )


def _only_padding(data: np.ndarray, size: int) -> bool:
    """Whether the only -8 is in the unused half of the last byte."""
    halves = np.stack((data & 15, data >> 4), axis=1).reshape(-1)
    return not bool((halves[:size] == 8).any())


def _off_columns(site: Site) -> bool:
    """Whether a matrix has scales per channel along another axis than that of its columns."""
    element = quantized_element(site.inputs[1])
    return element is not None and element.layout.axes != (matrix_axis(site),)


def _activates(site: Site) -> bool:
    """Whether an activation is fused into the op."""
    return str(site.option("activation")) not in ("None", "NONE")


_INT2 = "qi2/qci2/qbi2"
_INT4 = "qi4/qci4/qbi4"
_BLOCKS = "qbi8/qbi4/qbi2"

WEIGHT_DEFECTS = (
    # fully connected
    fails("wrong", "FULLY_CONNECTED", "f32 qbi8/qbi2 *",
          reason="weights in blocks other than int4", mend=_LEGALIZE),
    fails("wrong", "FULLY_CONNECTED", "f32 qbi4 *", _activates,
          reason="weights in blocks and a fused activation, which it ignores", mend=_LEGALIZE),
    fails("unloadable", "FULLY_CONNECTED", f"qi8/qi16/qu8 {_BLOCKS} *",
          reason="weights in blocks beside integer activations", mend=_LEGALIZE),
    # convolutions
    fails("wrong", "CONV_2D", f"f32 {_BLOCKS} *", reason="weights in blocks", mend=_LEGALIZE),
    fails("wrong", "CONV_2D", "f32 qi2/qci2 *", reason="int2 weights", mend=_LEGALIZE),
    fails("unloadable", "CONV_2D", f"qi8/qi16/qu8 {_BLOCKS} *", reason="weights in blocks", mend=_LEGALIZE),
    fails("wrong", "CONV_2D", "qi16 qi2 *", reason="int2 weights", mend=_LEGALIZE),
    fails("unloadable", "CONV_2D", "qi8/qi16 qi2/qci2 *", reason="int2 weights", mend=_LEGALIZE),
    # depthwise convolutions
    fails("crashes", "DEPTHWISE_CONV_2D", "f32 qbi8 *", reason="weights in blocks", mend=_LEGALIZE),
    fails("wrong", "DEPTHWISE_CONV_2D", "f32 qi8 *",
          reason="weights with one scale beside float activations", mend=_LEGALIZE),
    fails("unloadable", "DEPTHWISE_CONV_2D", f"f32 {_INT4}/{_INT2} *",
          reason="weights of fewer than 8 bits beside float activations", mend=_LEGALIZE),
    fails("unloadable", "DEPTHWISE_CONV_2D", f"qi8/qi16/qu8 {_BLOCKS} *", reason="weights in blocks", mend=_LEGALIZE),
    fails("wrong", "DEPTHWISE_CONV_2D", "qi16 qi4/qci4/qi2 *",
          reason="weights of fewer than 8 bits beside int16 activations", mend=_LEGALIZE),
    fails("unloadable", "DEPTHWISE_CONV_2D", "qi8/qi16 qi2/qci2 *", reason="int2 weights", mend=_LEGALIZE),
    fails("unloadable", "TRANSPOSE_CONV", f"any {_INT4}/{_INT2} *",
          reason="weights of fewer than 8 bits", mend=_LEGALIZE),
    # products of matrices
    fails("wrong", "BATCH_MATMUL", "f32 qbi8 *", reason="a matrix in blocks", mend=_LEGALIZE),
    fails("wrong", "BATCH_MATMUL", "qi8/qi16 qci8/qbi8 *",
          reason="a matrix with a scale per channel beside integers", mend=_LEGALIZE),
    fails("wrong", "BATCH_MATMUL", "f32 qci8 *", _off_columns,
          reason="a matrix with a scale per channel along another axis", mend=_LEGALIZE),
    fails("unloadable", "BATCH_MATMUL", f"any {_INT4}/{_INT2} *",
          reason="a matrix of fewer than 8 bits", mend=_LEGALIZE),
    # look-ups
    fails("unloadable", "EMBEDDING_LOOKUP", "any qbi8 *", reason="int8 in blocks", mend=_LEGALIZE),
    fails("unloadable", "GATHER", "qci8/qci4/qci2 *", reason="a table with a scale per channel", mend=_LEGALIZE),
    fails("unloadable", "GATHER", "qi2 *", reason="an int2 table", mend=_LEGALIZE),
    # conversion
    fails("wrong", "DEQUANTIZE", _BLOCKS, reason="a tensor in blocks: one scale is read", mend=_LEGALIZE),
    # int4 that holds -8
    fails("wrong", "FULLY_CONNECTED CONV_2D", "f32 qi4/qci4 *", _holds_lowest_int4,
          reason="int4 weights that hold -8, which the kernel reads as 8", mend=_LEGALIZE),
)  # fmt: skip
