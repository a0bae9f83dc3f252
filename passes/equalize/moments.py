"""What was recorded of a layer's input before its channels were scaled, as it is afterwards."""

from __future__ import annotations

import numpy as np

from tflir.ir.recorded_moments import change_moments
from tflir.ir.spilled import Spill
from tflir.passes.equalize.rules import Weighted
from tflir.passes.equalize.scales import Float64


def scale_moments(layer: Weighted, scales: Float64, spill: Spill) -> None:
    """Divides E[x] by the scales s of the channels of x, and E[x x^T] by s s^T.

    `scales` has one for each index of the last dimension of the layer's weights. Large moments wait in `spill`.
    """

    def scaled(held: Float64, axes: int) -> Float64:
        for axis in range(-axes, 0):
            held = held / _along(held, scales, axis, depthwise=layer.depthwise)
        return held

    if not (scales == 1).all():
        change_moments(layer.op, scaled, spill)


def _along(moments: Float64, scales: Float64, axis: int, *, depthwise: bool) -> Float64:
    """The scale of each element of x along an axis of the moments.

    The elements of x are those of a patch, channels last; of a depthwise convolution each channel has its own x.
    """
    if depthwise:
        own = scales[:: scales.size // len(moments)]  # a channel may make several
        return own.reshape(-1, *[1] * (moments.ndim - 1))
    columns = np.tile(scales, moments.shape[axis] // scales.size)
    return columns.reshape(-1, *[1] * (-axis - 1))
