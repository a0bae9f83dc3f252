"""Resizing of float images, and of any images to the nearest element."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, integers, kernel
from tflir.backends.interpreter.options import flag
from tflir.ir.tfl.spatial import ResizeBilinearOp, ResizeNearestNeighborOp


def scale(op: ResizeBilinearOp | ResizeNearestNeighborOp, size: int, target: int) -> np.float32:
    """How many input elements correspond to an output element along a dimension."""
    if flag(op.align_corners) and target > 1:
        return np.float32(size - 1) / np.float32(target - 1)
    return np.float32(size) / np.float32(target)


@float_kernel(ResizeBilinearOp)
def resize_bilinear(op: ResizeBilinearOp, operands: Operands) -> Results:
    height, width = integers(operands[1])
    return [resized(op, operands[0], height, width, operands[0].dtype)]


def resized(op: ResizeBilinearOp, x: Array, height: int, width: int, dtype: Any) -> Array:
    """Images interpolated between the four neighbours of each element, in the float type `dtype`."""
    top, bottom, down = _neighbours(op, x.shape[1], height)
    left, right, across = _neighbours(op, x.shape[2], width)
    down, across = down[:, None, None].astype(dtype), across[:, None].astype(dtype)
    one = np.ones((), dtype)
    out = np.empty((x.shape[0], height, width, x.shape[3]), dtype)
    for batch, image in enumerate(x):
        above, below = image[top].astype(dtype), image[bottom].astype(dtype)
        out[batch] = (
            above[:, left] * (one - down) * (one - across)
            + below[:, left] * down * (one - across)
            + above[:, right] * (one - down) * across
            + below[:, right] * down * across
        )
    return out


def _neighbours(op: ResizeBilinearOp, size: int, target: int) -> tuple[Array, Array, Array]:
    """For each output position: the input positions before and after it, and its distance from the first."""
    step = scale(op, size, target)
    positions = np.arange(target, dtype=np.float32)
    half = np.float32(0.5)
    points = (positions + half) * step - half if flag(op.half_pixel_centers) else positions * step
    lower = np.maximum(np.floor(points).astype(np.int64), 0)
    upper = np.minimum(np.ceil(points).astype(np.int64), size - 1)
    return lower, upper, points - lower.astype(np.float32)


@kernel(ResizeNearestNeighborOp)
def resize_nearest_neighbor(op: ResizeNearestNeighborOp, operands: Operands) -> Results:
    x = operands[0]
    height, width = integers(operands[1])
    rows, columns = _nearest(op, x.shape[1], height), _nearest(op, x.shape[2], width)
    return [x[:, rows][:, :, columns]]


def _nearest(op: ResizeNearestNeighborOp, size: int, target: int) -> Any:
    """The input position of each output position."""
    offset = np.float32(0.5 if flag(op.half_pixel_centers) else 0)
    points = (np.arange(target, dtype=np.float32) + offset) * scale(op, size, target)
    positions = np.floor(points + np.float32(0.5)) if flag(op.align_corners) else np.floor(points)
    return np.clip(positions.astype(np.int64), 0, size - 1)
