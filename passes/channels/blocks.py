"""Weights that are zero in blocks: single columns taken out of them would leave no blocks, and a larger model.

Encodings of blocks take about as many bytes as the elements in them; those of scattered elements take up to twice as
many. So only whole blocks go, unless a large part of the weights goes with the rest.
"""

from __future__ import annotations

import numpy as np

from tflir.ir.constants import load_numpy
from tflir.passes.channels.spaces import Mask
from tflir.passes.channels.trace import Layer

_SIZES = (16, 4)
"""Blocks along a row that kernels read, and that encodings gain by."""
_MOST_OF_ZEROS = 0.9
_WORTH_IT = 0.7
"""Blocks are given up where no more than this share of the weights that are not zero stays."""


class Blocks:
    """What a layer's weights are like."""

    def __init__(self, layer: Layer) -> None:
        array = load_numpy(layer.weights.source.value)
        kept: Mask = array.reshape(-1, array.shape[-1]) != 0
        self._weights = np.count_nonzero(kept, axis=0)
        """How many weights of each column are not zero."""
        self._size = next((size for size in _SIZES if _in_blocks(kept, size)), 1)

    def torn(self, stays: Mask) -> Mask:
        """The columns that must stay with those that do, so that blocks stay whole."""
        none = np.zeros_like(stays)
        if self._size == 1 or stays.all():
            return none
        left = int(self._weights[stays].sum())
        if left <= _WORTH_IT * int(self._weights.sum()):
            return none
        blocks = stays.reshape(-1, self._size)
        whole: Mask = np.repeat(blocks.any(axis=1), self._size)
        return whole & ~stays


def _in_blocks(kept: Mask, size: int) -> bool:
    """Whether blocks of `size` that are zero throughout hold nearly all zeros, and there are some to speak of."""
    rows, columns = kept.shape
    if columns % size or not kept.size:
        return False
    zeros = kept.size - int(np.count_nonzero(kept))
    empty = kept.size // size - int(np.count_nonzero(kept.reshape(rows, -1, size).any(axis=2)))
    return zeros > 0 and empty * size >= _MOST_OF_ZEROS * zeros
