"""Runs a model and sums the second moments of what its layers read: the sums of x and of x x^T.

For a convolution, x is the patch of the input under the filter at one position, its elements in the order of the
filter: height, width, channels. Padding counts as 0, which is what the kernels read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.backends.litert.isolated import Note, isolated
from tflir.backends.litert.observed import observed
from tflir.backends.litert.run import Array, Model, Sample

_MOST_ROWS = 4096
"""Of more positions than this in one sample, every n-th is taken."""


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
    """Height and width of the filter; (0, 0) for a fully connected layer."""
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    same: bool = False
    """Whether the padding is SAME, not VALID."""
    depthwise: bool = False


@dataclass
class Moments:
    """The sums over all rows x of one reading."""

    count: int
    total: npt.NDArray[np.float64]
    """The sum of x, shape `(columns,)`, or `(channels, columns)` for a depthwise convolution."""
    products: npt.NDArray[np.float64]
    """The sum of x x^T, with one more dimension of `columns`."""


def second_moments(
    model: Model, readings: Sequence[Reading], samples: dict[str, list[Sample]], progress: Note | None = None
) -> list[Moments | None]:
    """The moments of each reading over the samples, by signature; None where the tensor can't be read.

    Sums are taken sample by sample in their order, in float64. `progress` is called with the samples done and of all
    samples. Raises `Error` if the model can't be run.
    """
    return isolated(_second_moments, model, list(readings), samples, progress=progress)


def _second_moments(
    model: Model, readings: list[Reading], samples: dict[str, list[Sample]], progress: Note | None = None
) -> list[Moments | None]:
    sums: list[Moments | None] = [None] * len(readings)
    readers: dict[tuple[int, str], list[int]] = {}
    tensors: dict[int, list[str]] = {}
    for at, reading in enumerate(readings):
        readers.setdefault((reading.subgraph, reading.tensor), []).append(at)
        tensors.setdefault(reading.subgraph, []).append(reading.tensor)
    for subgraph, name, value in observed(model, tensors, samples, progress):
        for at in readers[subgraph, name]:
            if (rows := _rows(value, readings[at])) is not None:
                sums[at] = _added(sums[at], rows)
    return sums


def _added(held: Moments | None, rows: Array) -> Moments:
    """The sums with those of further rows, shape `(rows, columns)` or `(channels, rows, columns)`."""
    count, total = rows.shape[-2], rows.sum(axis=-2, dtype=np.float64)
    products = np.matmul(np.swapaxes(rows, -1, -2), rows).astype(np.float64)
    if held is None:
        return Moments(count, total, products)
    held.count += count
    held.total += total
    held.products += products
    return held


def _rows(value: Array, reading: Reading) -> Array | None:
    """The vectors x of one sample; None if the tensor has another shape than the layer says, or is not finite."""
    if not np.isfinite(value).all():
        return None
    if reading.window == (0, 0):
        return None if value.size % reading.columns else _some(value.reshape(-1, reading.columns), 0)
    if value.ndim != 4:
        return None
    patches = _patches(value, reading)
    if reading.depthwise:
        channels = patches.shape[3]
        return _some(patches.transpose(3, 0, 1, 2, 4, 5).reshape(channels, -1, reading.columns), 1)
    rows = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, reading.window[0] * reading.window[1] * value.shape[3])
    return None if rows.shape[1] != reading.columns else _some(rows, 0)


def _some(rows: Array, axis: int) -> Array:
    step = -(-rows.shape[axis] // _MOST_ROWS)
    taken = rows[::step] if axis == 0 else rows[:, ::step]
    return np.ascontiguousarray(taken, np.float32)


def _patches(value: Array, reading: Reading) -> Array:
    """The windows of an NHWC tensor, shape `(batch, rows, columns, channels, height, width)`."""
    spans = [(size - 1) * dilation + 1 for size, dilation in zip(reading.window, reading.dilations, strict=True)]
    if reading.same:
        pads: list[tuple[int, int]] = [(0, 0)]
        for size, span, stride in zip(value.shape[1:3], spans, reading.strides, strict=True):
            all_ = max(0, (-(-size // stride) - 1) * stride + span - size)
            pads.append((all_ // 2, all_ - all_ // 2))
        value = np.pad(value, [*pads, (0, 0)])
    windows: Any = np.lib.stride_tricks.sliding_window_view(value, spans, axis=(1, 2))
    (down, right), (tall, wide) = reading.strides, reading.dilations
    return windows[:, ::down, ::right, :, ::tall, ::wide]
