"""Weights whose zeros come in blocks along a row: removing single columns would break the blocks up.

A sparse encoding of blocks takes about as many bytes as the elements that it stores; an encoding of single elements
takes up to twice as many. For example, of the columns 0 to 15 of a weight that is zero in blocks of 4, removing column
1 alone would shift all blocks after it, and the model would become larger. So only whole blocks are removed, unless
that removes a large part of the weights anyway.
"""

from __future__ import annotations

import numpy as np

from tflir.ir.constants import load_numpy
from tflir.passes.channels.channel_ids import Mask
from tflir.passes.channels.trace import Layer

_SIZES = (16, 4)
"""Lengths of the blocks that sparse kernels read, the longest first."""
_MOST_OF_ZEROS = 0.9
"""A weight counts as zero in blocks if such blocks hold at least this share of its zeros."""
_WORTH_IT = 0.7
"""Blocks may be broken up if at most this share of the nonzero weights is kept."""


class Blocks:
    """The length of the blocks in which a layer's weights are zero (1: none), and what they hold besides zeros."""

    def __init__(self, layer: Layer) -> None:
        array = load_numpy(layer.weights.source.value)
        kept: Mask = array.reshape(-1, array.shape[-1]) != 0
        self._weights = np.count_nonzero(kept, axis=0)
        """The number of nonzero weights in each column."""
        self._size = next((size for size in _SIZES if _in_blocks(kept, size)), 1)

    def torn(self, stays: Mask) -> Mask:
        """The columns to keep in addition to those marked in `stays`, so that no block is broken up."""
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
    """Whether blocks of `size` columns that are all zero hold nearly all zeros of the weights.

    `kept` tells, by row and column, which weights are not zero. Weights without zeros are not in blocks.
    """
    rows, columns = kept.shape
    if columns % size or not kept.size:
        return False
    zeros = kept.size - int(np.count_nonzero(kept))
    empty = kept.size // size - int(np.count_nonzero(kept.reshape(rows, -1, size).any(axis=2)))
    return zeros > 0 and empty * size >= _MOST_OF_ZEROS * zeros
