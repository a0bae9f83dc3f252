"""Sliding windows over the spatial dimensions of an NHWC or NDHWC tensor, with padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tflir.backends.interpreter.kernel import Array, refuse

CHUNK_BYTES = 1 << 24
"""Bytes of unfolded input in one matrix product: few enough to limit memory, enough for BLAS to be fast."""


@dataclass(frozen=True)
class Window:
    """Windows along one dimension."""

    size: int
    """Elements of the input, without padding."""
    taps: int
    """Elements that a window reads."""
    stride: int
    dilation: int
    count: int
    """How many windows there are."""
    before: int
    """Padding before the first element."""

    @property
    def extent(self) -> int:
        """Elements from the first that a window reads to the last, both included."""
        return (self.taps - 1) * self.dilation + 1

    @property
    def after(self) -> int:
        """Padding after the last element."""
        return max((self.count - 1) * self.stride + self.extent - self.size - self.before, 0)

    def slice(self, tap: int) -> slice:
        """The elements of the padded dimension that tap number `tap` of all windows reads."""
        first = tap * self.dilation
        return slice(first, first + (self.count - 1) * self.stride + 1, self.stride)


def window(size: int, taps: int, stride: int, dilation: int, padding: str) -> Window:
    """The windows along a dimension of `size` elements. Raises `Error` if none fits."""
    extent = (taps - 1) * dilation + 1
    same = padding == "SAME"
    count = -(-size // stride) if same else (size - extent + stride) // stride
    if count < 1 and size > 0:
        raise refuse(f"a window of {extent} elements does not fit into {size}", "pad the input, or use padding SAME")
    before = max((count - 1) * stride + extent - size, 0) // 2 if same else 0
    return Window(size, taps, stride, dilation, max(count, 0), before)


def padded(x: Array, windows: Sequence[Window], value: float = 0) -> Array:
    """`x`, whose dimensions from 1 on have `windows`, padded with `value` as far as the windows extend beyond it."""
    margins = [(0, 0), *((w.before, w.after) for w in windows), (0, 0)]
    return x if not any(map(sum, margins)) else np.pad(x, margins, constant_values=value)


def unfolded(x: Array, windows: Sequence[Window]) -> Array:
    """A view [n, window counts…, taps…, channels] of padded `x`: what each window reads."""
    batch, *_, channels = x.strides
    inner = x.strides[1:-1]
    shape = (x.shape[0], *(w.count for w in windows), *(w.taps for w in windows), x.shape[-1])
    steps = (s * w.stride for s, w in zip(inner, windows, strict=True))
    taps = (s * w.dilation for s, w in zip(inner, windows, strict=True))
    return np.lib.stride_tricks.as_strided(x, shape, (batch, *steps, *taps, channels), writeable=False)


def row_chunks(view: Array) -> Iterator[tuple[int, slice]]:
    """Parts (batch, rows) of an `unfolded` view; a copy of each has at most `CHUNK_BYTES`."""
    row_bytes = max(view.itemsize * int(np.prod(view.shape[2:])), 1)
    step = max(CHUNK_BYTES // row_bytes, 1)
    for batch in range(view.shape[0]):
        for first in range(0, view.shape[1], step):
            yield batch, slice(first, first + step)
