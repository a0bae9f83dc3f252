"""What was recorded of a layer's input before its channels were scaled, as it is afterwards."""

from __future__ import annotations

import numpy as np

from tflir.ir import names
from tflir.ir.recorded_moments import is_recorded, record, recorded
from tflir.ir.spilled import Spill
from tflir.passes.equalize.rules import Weighted
from tflir.passes.equalize.scales import Float64

_MEANS = (names.INPUT_MEAN, names.HELD_OUT_MEAN)


def scale_moments(layer: Weighted, scales: Float64, spill: Spill) -> None:
    """Divides E[x] by the scales s of the channels of x, and E[x x^T] by s s^T.

    `scales` has one for each index of the last dimension of the layer's weights. Large moments wait in `spill`.
    """
    if (scales == 1).all():
        return
    for name in names.MOMENTS:
        if not is_recorded(layer.op, name, 0):
            continue
        held = recorded(layer.op, name, 0)
        assert held is not None
        rank = 1 if name in _MEANS else 2
        for axis in range(-rank, 0):
            held = held / _along(held, scales, axis, depthwise=layer.depthwise)
        record(layer.op, name, {0: spill.constant(held.astype(np.float32))})


def _along(moments: Float64, scales: Float64, axis: int, *, depthwise: bool) -> Float64:
    """The scale of each element of x along an axis of the moments.

    The elements of x are those of a patch, channels last; of a depthwise convolution each channel has its own x.
    """
    if depthwise:
        own = scales[:: scales.size // len(moments)]  # a channel may make several
        return own.reshape(-1, *[1] * (moments.ndim - 1))
    columns = np.tile(scales, moments.shape[axis] // scales.size)
    return columns.reshape(-1, *[1] * (-axis - 1))
