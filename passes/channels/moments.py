"""What was recorded of a layer's input, where channels of it are removed."""

from __future__ import annotations

import numpy as np

from tflir.ir.recorded_moments import Array, change_moments
from tflir.ir.spilled import Spill
from tflir.ir.tfl.base import TflOp
from tflir.passes.channels.channel_ids import Mask


def keep_moments(op: TflOp, stays: Mask, spill: Spill) -> None:
    """Takes those moments of a convolution or fully connected op that are of channels which stay.

    `stays` has an entry for each index of the last dimension of the weights. Large moments wait in `spill`.
    """

    def kept(held: Array, axes: int) -> Array:
        if held.ndim > axes:  # of a depthwise convolution: each channel has its own x, and may make several channels
            return held[stays[:: stays.size // len(held)]]
        # The elements of x are those of a patch, channels last.
        columns = np.flatnonzero(np.tile(stays, held.shape[0] // stays.size))
        return held[np.ix_(*[columns] * axes)]

    if not stays.all():
        change_moments(op, kept, spill)
