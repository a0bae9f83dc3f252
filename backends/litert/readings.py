"""What a layer multiplies its weights by, taken from the value of a tensor: the vectors x, one a row.

For a convolution, x is the patch of the input under the filter at one position, its elements in the order of the
filter: height, width, channels. Padding counts as 0, which is what the kernels read. For a recurrent layer, x may be
what the layer gave in the step before; the first step reads zeros, to which a run resets the state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tflir.backends.litert.run import Array

_MOST_ROWS, _LEAST_ROWS = 4096, 512
"""Bounds of the rows that are taken of one sample, if it has so many."""
_ROWS_PER_COLUMN = 8
"""Between the bounds, at least so many rows are taken for each element of x."""
_ROWS = 1 << 15
"""Between the bounds, at least so many rows are taken of all samples."""
_WITH_STEPS = 3
"""A tensor of fewer dimensions has one step."""


@dataclass(frozen=True)
class Reading:
    """What one layer reads: a tensor, and how a filter moves over it."""

    subgraph: int
    """The number of the subgraph that has the layer."""
    tensor: str
    """The name of the tensor, unique among the activations of its subgraph."""
    columns: int
    """The length of x; of one channel for a depthwise convolution."""
    window: tuple[int, int] = (0, 0)
    """Height and width of the filter; (0, 0) if x is a row, along the last dimension."""
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    same: bool = False
    """Whether the padding is SAME, not VALID."""
    depthwise: bool = False
    transposed: bool = False
    """x lies along the last dimension but one."""
    shift: int = 0
    """1: x is the row of one step before; -1: of one step after, in a layer that runs backward."""
    time: int = 0
    """The dimension of the steps, if there is a shift."""
    start: int = 0
    """With a shift: x begins at this element of the row; negative numbers count from the end."""

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a convolution whose patches are the positions of its input."""
        return self.window == self.strides == (1, 1) and not self.depthwise

    def most_rows(self, samples: int) -> int:
        """At most so many rows are taken of one of so many samples: with many samples, few tell the moments."""
        return min(_MOST_ROWS, max(_LEAST_ROWS, _ROWS_PER_COLUMN * self.columns, _ROWS // max(1, samples)))


def rows_of(value: Array, reading: Reading, most: int) -> Array | None:
    """The vectors x of one sample, shape `(rows, columns)`, or `(channels, rows, columns)` if depthwise.

    Of more positions than `most`, every n-th is taken. None if the tensor has another shape than the layer says, or is
    not finite.
    """
    if not np.isfinite(value).all():
        return None
    if reading.shift:
        value = _shifted(value, reading)
        return _some(value.reshape(-1, reading.columns), most) if value.shape[-1] == reading.columns else None
    if reading.window == (0, 0):
        value = np.swapaxes(value, -1, -2) if reading.transposed else value
        return None if value.size % reading.columns else _some(value.reshape(-1, reading.columns), most)
    if value.ndim != 4:
        return None
    if reading.is_pointwise:
        rows = value.reshape(-1, value.shape[-1])
        return _some(rows, most) if rows.shape[-1] == reading.columns else None
    patches = _patches(value, reading)
    positions = np.arange(0, count := math.prod(patches.shape[:3]), -(-count // most))
    taken = patches[np.unravel_index(positions, patches.shape[:3])]  # (rows, channels, height, width)
    if reading.depthwise:
        rows = taken.transpose(1, 0, 2, 3).reshape(taken.shape[1], len(taken), -1)
    else:
        rows = taken.transpose(0, 2, 3, 1).reshape(len(taken), -1)
    return np.ascontiguousarray(rows, np.float32) if rows.shape[-1] == reading.columns else None


def sum_of(rows: Array) -> Array:
    """The sum of float32 rows over the last dimension but one, given in double precision.

    It is added up in single precision, as a product of matrices, which takes a fraction of the time of numpy's sum in
    double.
    """
    return np.matmul(np.ones(rows.shape[-2], np.float32), rows).astype(np.float64)


def _shifted(value: Array, reading: Reading) -> Array:
    """What the layer read in each step, steps first."""
    steps = value[None] if value.ndim < _WITH_STEPS else np.moveaxis(value, reading.time, 0)
    part = steps[..., reading.start :][..., : reading.columns]
    before = np.zeros_like(part)
    if reading.shift > 0:
        before[1:] = part[:-1]
    else:
        before[:-1] = part[1:]
    return before


def _some(rows: Array, most: int) -> Array:
    return np.ascontiguousarray(rows[:: max(1, -(-len(rows) // most))], np.float32)


def _patches(value: Array, reading: Reading) -> Array:
    """The windows of an NHWC tensor, shape `(batch, rows, columns, channels, height, width)`."""
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(reading.window, reading.dilations, strict=True)]
    if reading.same:
        pads: list[tuple[int, int]] = [(0, 0)]
        for size, span, stride in zip(value.shape[1:3], spans, reading.strides, strict=True):
            all_ = max(0, (-(-size // stride) - 1) * stride + span - size)
            pads.append((all_ // 2, all_ - all_ // 2))
        if any(map(any, pads)):
            value = np.pad(value, [*pads, (0, 0)])
    windows: Any = np.lib.stride_tricks.sliding_window_view(value, spans, axis=(1, 2))
    (down, right), (tall, wide) = reading.strides, reading.dilations
    return windows[:, ::down, ::right, :, ::tall, ::wide]
