"""Resizing of integer images: positions and weights have 10 fractional bits."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, integers, quantized_kernel
from tflir.backends.interpreter.options import flag
from tflir.backends.interpreter.resizing import resized
from tflir.ir.tfl.spatial import ResizeBilinearOp

_ONE = 1 << 10


@quantized_kernel(ResizeBilinearOp)
def resize_bilinear(op: ResizeBilinearOp, operands: Operands) -> Results:
    """uint8 images are interpolated in float32, others in integers; halves are rounded away from zero."""
    x = operands[0]
    height, width = integers(operands[1])
    if x.dtype == np.uint8:
        return [(resized(op, x, height, width, np.float32) + np.float32(0.5)).astype(np.uint8)]
    top, bottom, down = _neighbours(op, x.shape[1], height)
    left, right, across = _neighbours(op, x.shape[2], width)
    down, across = down[:, None, None], across[:, None]
    out = np.empty((x.shape[0], height, width, x.shape[3]), x.dtype)
    for batch, image in enumerate(x.astype(np.int64)):
        above, below = image[top], image[bottom]
        first = above[:, left] * (_ONE - down) + below[:, left] * down
        second = above[:, right] * (_ONE - down) + below[:, right] * down
        total = first * (_ONE - across) + second * across
        out[batch] = np.sign(total) * ((np.abs(total) + (1 << 19)) >> 20)
    return [out]


def _neighbours(op: ResizeBilinearOp, size: int, target: int) -> tuple[Array, Array, Array]:
    """For each output position: the input positions before and after it, and its distance from the first."""
    spans, steps = (size - 1, target - 1) if flag(op.align_corners) and target > 1 else (size, target)
    step = (_ONE * spans + steps // 2) // steps
    points = np.arange(target, dtype=np.int64) * step
    if flag(op.half_pixel_centers):
        points += step // 2 - _ONE // 2
    lower = np.clip(points >> 10, 0, size - 1)
    upper = np.clip((points + _ONE - 1) >> 10, 0, size - 1)
    return lower, upper, points - lower * _ONE
