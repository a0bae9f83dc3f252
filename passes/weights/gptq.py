"""GPTQ: rounds weights one column after the other, and lets the columns that follow make up for each error.

For a layer y = W x with the second moments H = E[x x^T], the error of its results is tr(E H E^T) where E is the error
of the weights. Frantar et al., arXiv:2210.17323, algorithm 1: with U upper triangular and U^T U = H^-1, each column j
is rounded, and its error divided by U_jj times row j of U is subtracted from the columns after j.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_BLOCK = 64
"""The number of columns whose errors are applied to the rest at once, as one product of matrices."""


@dataclass(frozen=True)
class Factors:
    """What GPTQ needs of the second moments of a layer, whatever the scales of its weights are."""

    order: npt.NDArray[np.intp]
    """The order in which columns are rounded: those that are largest on average first."""
    upper: Array
    """U for the columns in that order, of the shape of the moments."""

    @staticmethod
    def of(moments: Array, damping: float = 0.01) -> Factors:
        """The factors of second moments, shape `(columns, columns)`, or `(channels, columns, columns)` where each
        channel reads values of its own, as in a depthwise convolution.

        `damping` times the mean of the diagonal is added to the diagonal, so that there is an inverse; the larger it
        is, the less is made of correlations, and the nearer the result is to rounding to nearest.
        """
        if moments.ndim == 3:
            return Factors(np.arange(moments.shape[-1], dtype=np.intp), _upper(moments, damping))
        diagonal: Any = np.diagonal(moments)
        order = np.asarray(np.argsort(-diagonal, kind="stable"), np.intp)
        return Factors(order, _upper(moments[order][:, order], damping))


def gptq(weights: Array, scales: Array, factors: Factors, most: int = 127, *, pinned: bool = False) -> Array:
    """The weights rounded to multiples of the scales from -most to most, shape `(channels, columns)`.

    `scales` broadcasts to the weights: shape `(channels, 1)`, or `(channels, columns)` where blocks of columns have
    scales of their own. With `pinned`, the element of the largest magnitude of each channel keeps its value, so that a
    quantizer that computes scales from the largest magnitudes finds the same scales.
    """
    order, upper = factors.order, factors.upper
    left = weights[:, order].copy()
    steps_of = np.broadcast_to(scales, weights.shape)[:, order]
    largest = np.argmax(np.abs(left), axis=1) if pinned else np.full(len(left), -1)
    rounded = np.empty_like(left)
    columns = left.shape[1]
    for start in range(0, columns, _BLOCK):
        stop = min(start + _BLOCK, columns)
        errors = np.empty((len(left), stop - start))
        for j in range(start, stop):
            steps = np.clip(np.rint(left[:, j] / steps_of[:, j]), -most, most) * steps_of[:, j]
            kept = largest == j
            steps[kept] = weights[kept, order[j]]
            rounded[:, j] = steps
            errors[:, j - start] = (left[:, j] - steps) / upper[..., j, j]
            left[:, j + 1 : stop] -= errors[:, j - start, None] * upper[..., j, j + 1 : stop]
        if upper.ndim == 2:
            left[:, stop:] -= errors @ upper[start:stop, stop:]
        else:
            left[:, stop:] -= np.einsum("cb,cbk->ck", errors, upper[:, start:stop, stop:])
    back = np.empty_like(rounded)
    back[:, order] = rounded
    return back


def _upper(moments: Array, damping: float) -> Array:
    """U, upper triangular, with U^T U = (H + damping)^-1. A column that is always 0 gets 1 on the diagonal."""
    damped = np.array(moments, np.float64)
    diagonal: Any = np.einsum("...ii->...i", damped)
    mean = diagonal.mean(axis=-1, keepdims=True)
    diagonal += np.where(mean > 0, damping * mean, 1.0)
    inverse = np.linalg.inv(damped)
    symmetric = (inverse + np.swapaxes(inverse, -1, -2)) / 2
    lower: Any = np.linalg.cholesky(symmetric)
    return np.swapaxes(lower, -1, -2)


def noise(errors: Array, moments: Array) -> Array:
    """The squared error of the results of each channel, e H e^T for each row e of the errors `(channels, columns)`.

    Their sum is tr(E H E^T).
    """
    if moments.ndim == 2:
        return np.einsum("ck,ck->c", errors @ moments, errors)
    return np.einsum("cj,cjk,ck->c", errors, moments, errors)
