"""What was recorded of a layer's input, where channels of it are removed."""

from __future__ import annotations

import numpy as np

from tflir.ir import names
from tflir.ir.recorded_moments import is_recorded, record, recorded
from tflir.ir.spilled import Spill
from tflir.ir.tfl.base import TflOp
from tflir.passes.channels.channel_ids import Mask

_MEANS = (names.INPUT_MEAN, names.HELD_OUT_MEAN)


def keep_moments(op: TflOp, stays: Mask, spill: Spill) -> None:
    """Takes those moments of a convolution or fully connected op that are of channels which stay.

    `stays` has an entry for each index of the last dimension of the weights. Large moments wait in `spill`.
    """
    for name in names.MOMENTS if not stays.all() else ():
        if not is_recorded(op, name, 0):
            continue
        held = recorded(op, name, 0)
        assert held is not None
        rank = 1 if name in _MEANS else 2
        if held.ndim > rank:  # of a depthwise convolution: each channel has its own x, and may make several channels
            held = held[stays[:: stays.size // len(held)]]
        else:  # the elements of x are those of a patch, channels last
            kept = np.flatnonzero(np.tile(stays, held.shape[0] // stays.size))
            held = held[np.ix_(*[kept] * rank)]
        record(op, name, {0: spill.constant(held.astype(np.float32))})
