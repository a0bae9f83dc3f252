"""GPTQ: rounds weights one column after the other, and lets the columns that follow make up for each error.

For a layer y = W x with the second moments H = E[x x^T], the error of its results is tr(E H E^T) where E = W - Q is the
error of the weights. With H = R R^T, R upper triangular, it is the sum over columns k of the squares of
R_kk (e_k + sum over j < k of e_j R_jk / R_kk), so column k is rounded after that sum is added to it. This is the
algorithm of Frantar et al., arXiv:2210.17323, in the form without an inverse of H that Chee et al., arXiv:2307.13304,
show to give the same results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.passes.weights.scales import ends

Array = npt.NDArray[np.float64]

_BLOCK = 64
"""The number of columns whose errors are applied to the rest at once, as one product of matrices."""

_TOLERANCE = 1e-3
"""Steps by which the largest weight may miss the largest integer: scales are of single precision."""


@dataclass(frozen=True)
class Factors:
    """What GPTQ needs of the second moments of a layer, whatever the scales of its weights are."""

    order: npt.NDArray[np.intp]
    """The order in which columns are rounded: those that are largest on average first."""
    feedback: Array
    """R_jk / R_kk for the columns in that order, of the shape of the moments: what column k makes up of e_j."""

    @staticmethod
    def of(moments: Array, damping: float = 0.01) -> Factors:
        """The factors of second moments, shape `(columns, columns)`, or `(channels, columns, columns)` where each
        channel reads values of its own, as in a depthwise convolution.

        `damping` times the mean of the diagonal is added to the diagonal, so that there is an inverse; the larger it
        is, the less is made of correlations, and the nearer the result is to rounding to nearest.
        """
        if moments.ndim == 3:
            return Factors(np.arange(moments.shape[-1], dtype=np.intp), _feedback(moments, damping))
        diagonal: Any = np.diagonal(moments)
        order = np.asarray(np.argsort(-diagonal, kind="stable"), np.intp)
        return Factors(order, _feedback(moments[np.ix_(order, order)], damping))


def gptq(
    weights: Array,
    scales: Array,
    factors: Factors,
    most: int = 127,
    points: Array | None = None,
    *,
    pinned: bool = False,
    keep_zeros: bool = False,
) -> Array:
    """The weights rounded to multiples of the scales from -most to most, shape `(channels, columns)`.

    With `points`, a zero point for each channel or one for all, multiples are from -most - 1 - point to most - point.
    `scales` broadcasts to the weights: shape `(channels, 1)`, or `(channels, columns)` where blocks of columns have
    scales of their own. With `pinned`, the elements of the largest magnitude, from which the scales follow, keep their
    values, so that a quantizer that computes scales from the largest magnitudes finds the same scales. With
    `keep_zeros`, weights that are 0 stay 0 instead of making up for others.
    """
    order, feedback = factors.order, factors.feedback
    wanted = np.ascontiguousarray(weights.T[order])  # a column of weights is a row here: the inner loop goes over these
    steps_of = np.ascontiguousarray(np.broadcast_to(scales, weights.shape).T[order])
    largest = _largest(wanted, steps_of, most) if pinned else np.full(len(weights), -1)
    least, last = ends(most, points)
    rounded, errors = np.empty_like(wanted), np.zeros_like(wanted)
    for start in range(0, len(wanted), _BLOCK):
        block = slice(start, min(start + _BLOCK, len(wanted)))
        left = wanted[block] + _product(errors[:start], feedback[..., :start, block])
        for k, column in enumerate(left):
            at = start + k
            steps = np.rint(column / steps_of[at])
            steps = np.minimum(np.maximum(steps, least), last) * steps_of[at]
            kept = largest == at
            steps[kept] = wanted[at, kept]
            if keep_zeros:
                steps[wanted[at] == 0] = 0
            rounded[at] = steps
            errors[at] = wanted[at] - steps
            made_up = feedback[..., at, at + 1 : block.stop].T
            left[k + 1 :] += errors[at] * (made_up[:, None] if made_up.ndim == 1 else made_up)
    back = np.empty_like(rounded)
    back[order] = rounded
    return np.ascontiguousarray(back.T)


def _largest(weights: Array, scales: Array, most: int) -> npt.NDArray[np.intp]:
    """The column of the largest magnitude of each channel; -1 where another channel with the same scale has a larger
    one. Weights and scales have the shape `(columns, channels)`.
    """
    magnitudes = np.abs(weights)
    columns: npt.NDArray[np.intp] = magnitudes.argmax(axis=0)
    channels = np.arange(len(columns))
    reaches = magnitudes[columns, channels] >= (most - _TOLERANCE) * scales[columns, channels]
    return np.where(reaches, columns, -1)


def _product(errors: Array, feedback: Array) -> Array:
    """The transpose of errors of shape `(columns, channels)` times a matrix, or times a matrix for each channel."""
    return feedback.T @ errors if feedback.ndim == 2 else np.einsum("jc,cjk->kc", errors, feedback)


def _feedback(moments: Array, damping: float) -> Array:
    """R_jk / R_kk, where R is upper triangular and R R^T is H with damping. A column that is always 0 gets 1 in H."""
    damped = np.array(moments, np.float64)
    diagonal: Any = np.einsum("...ii->...i", damped)
    mean = diagonal.mean(axis=-1, keepdims=True)
    diagonal += np.where(mean > 0, damping * mean, 1.0)
    lower: Any = np.linalg.cholesky(damped[..., ::-1, ::-1])
    upper = lower[..., ::-1, ::-1]
    own = np.einsum("...ii->...i", upper)[..., None, :].copy()
    return np.divide(upper, own, out=upper)


def noise(errors: Array, moments: Array, damping: float = 0.0) -> Array:
    """The squared error of the results of each channel, e H e^T for each row e of the errors `(channels, columns)`.

    Their sum is tr(E H E^T). `damping` times the mean of the diagonal of H is added to the diagonal.
    """
    diagonal: Any = np.einsum("...ii->...i", moments)
    added = damping * diagonal.mean(axis=-1) * np.square(errors).sum(axis=-1)
    if moments.ndim == 2:
        return np.einsum("ck,ck->c", errors @ moments, errors) + added
    return np.einsum("cj,cjk,ck->c", errors, moments, errors) + added
