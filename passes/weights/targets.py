"""What the weights of a layer should be, whose input is not quite what it was in the float model.

A layer computes y = W x in the float model. After the layers before it were rounded, it reads z instead of x. The
weights T = W + W E[(x - z) z^T] (E[z z^T] + d I)^-1 minimise E|W x - T z|^2 + d |T - W|^2: they make up for the errors
of the layers before as far as z tells them. Rounding T afterwards by what z is, as GPTQ does, then minimises the whole
error, since W x - T z is uncorrelated with z for d = 0. That layers are rounded with what they really read, and towards
the results of the float model, is what Li et al., arXiv:2504.02692, call asymmetric calibration, and Zhang et al.,
arXiv:2505.11695, the mismatched reconstruction problem.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from tflir.passes.weights.reading import agrees, of_channels

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_DAMPINGS = (0.01, 0.1, 1.0, 10.0)
"""d as parts of the mean of the diagonal of E[z z^T]."""
_STEPS = 30
"""Steps of conjugate gradients; what they have not found by then, d would hold back anyway."""
_LEAST = 1e-12
"""Is added to the diagonal, so that there is an inverse where z is always 0."""
_solve = cast("Callable[[Array, Array], Array]", np.linalg.solve)


class Moments(Protocol):
    """Means over the rows of a layer's input: E[x], E[z], E[z z^T] and E[(x - z) z^T], in this order."""

    @property
    def first_mean(self) -> npt.NDArray[np.float64]: ...
    @property
    def second_mean(self) -> npt.NDArray[np.float64]: ...
    @property
    def second(self) -> npt.NDArray[np.float32]: ...
    @property
    def change(self) -> npt.NDArray[np.float32]: ...


def target(rows: Array, seen: Moments, held_out: Moments, *, keep_zeros: bool = False) -> Array | None:
    """The weights T for weights W of shape `(channels, columns)`; None if no damping lessens the error over data that
    was held out. With `keep_zeros`, weights that are 0 stay 0.
    """
    second, change = (_of_channels(part, len(rows)) for part in (seen.second, seen.change))
    checked = [_of_channels(part, len(rows)) for part in (held_out.second, held_out.change)]
    wanted = _times(rows, change)
    least, best = 0.0, None
    free = rows != 0 if keep_zeros else None
    for damping in _DAMPINGS:
        added = _solved(second, wanted, damping, None if free is None or free.all() else free)
        if (error := _added_error(rows, added, *checked)) < least:
            least, best = error, added
    return None if best is None else np.add(rows, best, out=best)


def shift(rows: Array, aimed: Array, seen: Moments, held_out: Moments) -> Array | None:
    """What to add to biases, shape `(channels,)`, so that the mean of T z is that of W x; None if the means over data
    that was held out do not agree.
    """
    added, missing = (_mean_error(rows, aimed, part) for part in (seen, held_out))
    return added if agrees(added, missing) else None


def _mean_error(rows: Array, aimed: Array, means: Moments) -> Array:
    """E[W x - T z], shape `(channels,)`."""
    first, second = (_of_channels(part, len(rows), 1) for part in (means.first_mean, means.second_mean))
    return (rows * first).sum(axis=1) - (aimed * second).sum(axis=1)


def _of_channels(part: npt.NDArray[np.floating], channels: int, rank: int = 2) -> Array:
    """Moments for each output channel, in double precision."""
    return of_channels(part.astype(np.float64), channels, rank)


def _times(rows: Array, matrices: Array, out: Array | None = None) -> Array:
    """Each row times a matrix, or times its own matrix; written to `out`, if it is given."""
    if matrices.ndim == 2:
        return np.matmul(rows, matrices, out=out)
    return np.einsum("cj,cjk->ck", rows, matrices, out=out)


def _solved(second: Array, wanted: Array, damping: float, free: Mask | None) -> Array:
    """wanted (E[z z^T] + d I)^-1 for each row; with `free`, what is best among rows that are 0 elsewhere."""
    diagonal = np.einsum("...ii->...i", second)
    added = damping * diagonal.mean(axis=-1) + _LEAST
    damped = second + np.eye(second.shape[-1]) * added[..., None, None]
    if free is not None:
        return _descended(damped, wanted, free)
    if second.ndim == 2:
        return _solve(damped, wanted.T).T
    return _solve(damped, wanted[..., None])[..., 0]


def _descended(matrices: Array, wanted: Array, free: Mask) -> Array:
    """Rows v that are 0 where `free` is not set, and for which v H is `wanted` where it is: by conjugate gradients
    (Hestenes and Stiefel 1952), for all rows at once, in five arrays of their size.
    """
    rest = wanted * free
    found, direction, moved, scratch = np.zeros_like(rest), rest.copy(), np.empty_like(rest), np.empty_like(rest)
    left = np.square(rest, out=scratch).sum(axis=1, keepdims=True)
    for _ in range(_STEPS):
        np.multiply(_times(direction, matrices, moved), free, out=moved)
        curved = np.multiply(direction, moved, out=scratch).sum(axis=1, keepdims=True)
        length = np.divide(left, curved, out=np.zeros_like(left), where=curved > 0)
        found += np.multiply(length, direction, out=scratch)
        rest -= np.multiply(length, moved, out=scratch)
        before, left = left, np.square(rest, out=scratch).sum(axis=1, keepdims=True)
        direction *= np.divide(left, before, out=np.zeros_like(left), where=before > 0)
        direction += rest
    return found


def _added_error(rows: Array, added: Array, second: Array, change: Array) -> float:
    """By how much E|W x - T z|^2 exceeds E|W x - W z|^2 for T = W + added."""
    product = _times(added, second)
    product *= added
    squares = product.sum()
    product = _times(rows, change, product)
    product *= added
    return float(squares - 2 * product.sum())
