"""Which integer types the runtime has kernels for.

The pairs of an input model may ask for types that no kernel supports; then no integer op is formed.
"""

from __future__ import annotations

from collections.abc import Iterable

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.base import TflOp


def spelled(element: UniformQuantizedType) -> str:
    """The name of the storage type, such as `int4` or `uint8`."""
    return f"{'u' * element.is_unsigned}int{element.storage.width.data}"


def why_no_hybrid_kernel(op: TflOp, weight: UniformQuantizedType) -> str | None:
    """Why the hybrid kernel of `op` can't read weights of this type with float activations; None if it can."""
    if weight.is_unsigned or weight.storage.width.data not in op.INFO.hybrid_bits:
        return f"no kernel reads {spelled(weight)} weights beside float activations: weight-only instead"
    if weight.layout.zero_points.any():
        return "hybrid kernels read weights without a zero point: weight-only instead"
    return None


def why_no_dequantize(element: UniformQuantizedType) -> str | None:
    """Why the runtime can't dequantize integers of this type; None if it can."""
    bits = element.storage.width.data
    if bits > 16 or (bits == 16 and (element.is_unsigned or element.layout.axes)):
        channels = " with scales per channel" if element.layout.axes else ""
        return f"the runtime can't make {spelled(element)}{channels} float again: float instead"
    return None


def why_no_integer_kernel(op: TflOp, activations: Iterable[UniformQuantizedType]) -> str | None:
    """Why no integer kernel of `op` supports these types; None if one may.

    `activations` are the types of the op's operands and results, except for weights and biases.
    """
    elements = list(activations)
    widths = {element.storage.width.data for element in elements}
    for element in elements:
        if element.storage.width.data < 8:
            return f"no kernel computes {spelled(element)} activations"
    if op.INFO.stateful or 16 not in widths:
        return None
    if not op.INFO.int16:
        return "it has no int16 kernel"
    if len(widths) > 1:
        return "int8 and int16 meet, and no kernel takes both"
    if any(element.layout.zero_points.any() for element in elements):
        return "int16 kernels take no zero point"
    return None
