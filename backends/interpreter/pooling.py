"""Average and L2 pooling of floats; max pooling of any element type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tflir.backends.interpreter.float_arithmetic import larger
from tflir.backends.interpreter.fused import activated
from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel
from tflir.backends.interpreter.options import number, option, word
from tflir.backends.interpreter.windows import Window, window
from tflir.ir.tfl.legacy import L2Pool2DOp
from tflir.ir.tfl.spatial import AveragePool2DOp, MaxPool2DOp


def pool_windows(op: Any, shape: Sequence[int]) -> tuple[Window, Window]:
    """The windows of a pooling op along height and width."""
    padding = word(option(op, "padding"), "SAME")
    height, width = number(option(op, "filter_height")), number(option(op, "filter_width"))
    return (
        window(shape[1], height, number(option(op, "stride_h")), 1, padding),
        window(shape[2], width, number(option(op, "stride_w")), 1, padding),
    )


def pooled(x: Array, windows: Sequence[Window], combine: Callable[[Array, Array], Array], start: Any) -> Array:
    """Combines the elements of each window, along height and then along width; `start` is the value of padding."""
    for axis, w in enumerate(windows, 1):
        margins = [(0, 0)] * x.ndim
        margins[axis] = (w.before, w.after)
        source = np.pad(x, margins, constant_values=start) if any(margins[axis]) else x
        along = [slice(None)] * x.ndim
        along[axis] = w.slice(0)
        x = source[tuple(along)]
        for tap in range(1, w.taps):
            along[axis] = w.slice(tap)
            x = combine(x, source[tuple(along)])
    return x


def window_sizes(windows: Sequence[Window]) -> Array:
    """How many elements of the input each window has, without padding: [height, width, 1]."""
    counts: list[Array] = []
    for w in windows:
        first = np.arange(w.count) * w.stride - w.before
        counts.append(np.minimum(first + w.taps, w.size) - np.maximum(first, 0))
    return np.multiply.outer(counts[0], counts[1])[..., None]


@float_kernel(AveragePool2DOp)
def average_pool_2d(op: AveragePool2DOp, operands: Operands) -> Results:
    x = operands[0]
    windows = pool_windows(op, x.shape)
    total = pooled(x, windows, np.add, 0)
    return [activated(total / window_sizes(windows).astype(x.dtype), op.fused_activation_function)]


@float_kernel(MaxPool2DOp, exact=True)
def max_pool_2d(op: MaxPool2DOp, operands: Operands) -> Results:
    x = operands[0]
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return [activated(pooled(x, pool_windows(op, x.shape), larger, lowest), op.fused_activation_function)]


@float_kernel(L2Pool2DOp)
def l2_pool_2d(op: L2Pool2DOp, operands: Operands) -> Results:
    x = operands[0]
    windows = pool_windows(op, x.shape)
    total = pooled(np.square(x), windows, np.add, 0)
    return [activated(np.sqrt(total / window_sizes(windows).astype(x.dtype)), op.fused_activation_function)]
