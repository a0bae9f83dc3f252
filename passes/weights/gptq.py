"""GPTQ: rounds weights one column after the other, and lets the columns that follow make up for each error.

For a layer y = W x with the second moments H = E[x x^T], the error of its results is tr(E H E^T) where E is the error
of the weights. Frantar et al., arXiv:2210.17323, algorithm 1: with U upper triangular and U^T U = H^-1, each column j
is rounded, and its error divided by U_jj times row j of U is subtracted from the columns after j.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_DAMPING = 0.01
"""The part of the mean of the diagonal of H that is added to it, so that it has an inverse."""
_BLOCK = 64
"""The number of columns whose errors are applied to the rest at once, as one product of matrices."""
_MOST = 127


def gptq(weights: Array, scales: Array, moments: Array) -> Array:
    """The weights rounded to multiples of the scales, shape `(channels, columns)`.

    `scales` has shape `(channels,)`; `moments` shape `(columns, columns)`, or `(channels, columns, columns)` where each
    channel reads values of its own, as in a depthwise convolution. The element of the largest magnitude of each channel
    keeps its value, so that a quantizer that computes scales from the largest magnitudes finds the same scales.
    """
    shared = moments.ndim == 2
    diagonal: Any = np.diagonal(moments)
    order = np.arange(weights.shape[1], dtype=np.intp)
    if shared:
        order = np.asarray(np.argsort(-diagonal, kind="stable"), np.intp)
    left = weights[:, order].copy()
    pinned = np.argmax(np.abs(left), axis=1)
    upper = _upper(moments[order][:, order] if shared else moments)
    rounded = np.empty_like(left)
    columns = left.shape[1]
    for start in range(0, columns, _BLOCK):
        stop = min(start + _BLOCK, columns)
        errors = np.empty((len(left), stop - start))
        for j in range(start, stop):
            steps = np.clip(np.rint(left[:, j] / scales), -_MOST, _MOST) * scales
            kept = pinned == j
            steps[kept] = weights[kept, order[j]]
            rounded[:, j] = steps
            errors[:, j - start] = (left[:, j] - steps) / upper[..., j, j]
            left[:, j + 1 : stop] -= errors[:, j - start, None] * upper[..., j, j + 1 : stop]
        if shared:
            left[:, stop:] -= errors @ upper[start:stop, stop:]
        else:
            left[:, stop:] -= np.einsum("cb,cbk->ck", errors, upper[:, start:stop, stop:])
    back = np.empty_like(rounded)
    back[:, order] = rounded
    return back


def _upper(moments: Array) -> Array:
    """U, upper triangular, with U^T U = (H + damping)^-1. A column that is always 0 gets 1 on the diagonal."""
    damped = np.array(moments, np.float64)
    diagonal: Any = np.einsum("...ii->...i", damped)
    mean = diagonal.mean(axis=-1, keepdims=True)
    diagonal += np.where(mean > 0, _DAMPING * mean, 1.0)
    inverse = np.linalg.inv(damped)
    symmetric = (inverse + np.swapaxes(inverse, -1, -2)) / 2
    lower: Any = np.linalg.cholesky(symmetric)
    return np.swapaxes(lower, -1, -2)


def noise(errors: Array, moments: Array) -> float:
    """tr(E H E^T): the squared error of all results of a layer, for errors E of shape `(channels, columns)`."""
    if moments.ndim == 2:
        return float(np.einsum("ck,ck->", errors @ moments, errors))
    return float(np.einsum("cj,cjk,ck->", errors, moments, errors))
