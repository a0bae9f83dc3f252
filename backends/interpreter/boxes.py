"""Non-maximum suppression: the best boxes that don't overlap much."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, float_kernel, integers, picked
from tflir.ir.tfl.indexing import NonMaxSuppressionV4Op, NonMaxSuppressionV5Op


@float_kernel(NonMaxSuppressionV4Op)
def non_max_suppression(op: NonMaxSuppressionV4Op, operands: Operands) -> Results:
    boxes, scores, count, overlap, least = operands
    chosen, _ = suppressed(boxes, scores, integers(count)[0], float(overlap), float(least), 0.0)
    return [_filled(chosen, integers(count)[0], np.int32), np.array(len(chosen), np.int32)]


@float_kernel(NonMaxSuppressionV5Op)
def soft_non_max_suppression(op: NonMaxSuppressionV5Op, operands: Operands) -> Results:
    boxes, scores, count, overlap, least, sigma = operands
    most = integers(count)[0]
    chosen, kept = suppressed(boxes, scores, most, float(overlap), float(least), float(sigma))
    return [_filled(chosen, most, np.int32), _filled(kept, most, np.float32), np.array(len(chosen), np.int32)]


def _filled(values: list[int] | list[float], count: int, dtype: type[np.generic]) -> Array:
    out = np.zeros(count, dtype)
    out[: len(values)] = values
    return out


def suppressed(
    boxes: Array, scores: Array, most: int, overlap: float, least: float, sigma: float
) -> tuple[list[int], list[float]]:
    """Indices and scores of the boxes that are chosen, best first.

    A box that overlaps a chosen one by `overlap` or more is dropped; with a `sigma` above 0 the score of a box falls
    with its overlap instead (Bodla et al., "Soft-NMS", 2017), and it is dropped below `least`.
    """
    left = scores.astype(np.float32).copy()
    alive = left > least
    chosen: list[int] = []
    scores_of_chosen: list[float] = []
    while len(chosen) < most and alive.any():
        best = int(np.argmax(picked(alive, left, -np.inf)))
        chosen.append(best)
        scores_of_chosen.append(float(left[best]))
        alive[best] = False
        shared = overlaps(boxes, best)
        if sigma > 0:
            left = left * np.exp(np.float32(-0.5 / sigma) * shared * shared)
            alive &= left > least
        alive &= shared < overlap
    return chosen, scores_of_chosen


def overlaps(boxes: Array, chosen: int) -> Array:
    """Intersection over union of box number `chosen` with every box; boxes are two opposite corners (y, x, y, x)."""
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    areas = np.prod(high - low, -1)
    sides = np.minimum(high, high[chosen]) - np.maximum(low, low[chosen])
    shared = np.prod(np.maximum(sides, 0), -1)
    union = areas + areas[chosen] - shared
    return picked((areas > 0) & (areas[chosen] > 0), shared / picked(union > 0, union, 1), 0)
