"""Scales of weights: from the largest magnitude or the range, of the least squared error, or of OCTAV.

Weights are given as groups that share a scale, shape `(groups, elements)`; scales have shape `(groups,)`. They are
rounded to the multiples of the scale from -most to most, or from `least` to `most` where there is a zero point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.passes.quantization.numerics import NARROW_LEVELS, least_spread

Array = npt.NDArray[np.float64]
End = int | npt.NDArray[Any]
"""The last multiple of a scale, for all groups or for each."""

_FEW = 1e-9
"""What is divided by in place of a count of 0."""
_FACTORS = np.linspace(1.0, 0.3, 29)
"""Parts of the largest magnitude that are tried as the largest value."""
_CHUNK = 1 << 20
"""Elements that are processed at once."""
_SAME = 1e-5
"""Magnitudes whose difference is below this fraction of the largest one count as the same multiple."""
_OFF = 1e-3
"""The largest deviation of a weight from the nearest multiple, as a fraction of the step."""
_ROUNDS = 20
"""Steps of OCTAV's iteration, which converges in fewer."""


def _least(groups: Array) -> float:
    """What scales are at least, also of weights that are all 0."""
    return least_spread(np.abs(groups)) / NARROW_LEVELS


def minmax_scales(groups: Array, most: int) -> Array:
    """max|v| / most: no weight is clipped."""
    return np.maximum(np.abs(groups).max(axis=1) / most, _least(groups))


def range_scales(groups: Array, low: int, high: int) -> tuple[Array, Array]:
    """The scales and zero points with which the integers from low to high cover the weights and 0 (Jacob et al.,
    arXiv:1712.05877, section 3).
    """
    least, most = np.minimum(groups.min(axis=1), 0.0), np.maximum(groups.max(axis=1), 0.0)
    scales = np.maximum((most - least) / (high - low), _least(groups)).astype(np.float32).astype(np.float64)
    return scales, np.clip(np.rint(low - least / scales), low, high)


def mse_scales(groups: Array, most: int) -> Array:
    """Of the scales that clip at 100 % to 30 % of the largest magnitude, the one of the least squared error."""
    return least_squares(groups, minmax_scales(groups, most), -np.full(len(groups), most), np.full(len(groups), most))


def least_squares(groups: Array, largest: Array, least: npt.NDArray[Any], most: npt.NDArray[Any]) -> Array:
    """Of 100 % to 30 % of the scales `largest`, those of the least squared error with multiples from least to most."""
    best = largest.copy()
    step = max(1, _CHUNK // max(1, groups.shape[1]))
    for start in range(0, len(groups), step):
        part = slice(start, start + step)
        ends = most[part, None], least[part, None]
        smallest = np.full(len(groups[part]), np.inf)
        for factor in _FACTORS:
            scales = largest[part] * factor
            errors = np.square(rounded(groups[part], scales[:, None], *ends) - groups[part]).sum(axis=1)
            better = errors < smallest
            smallest[better] = errors[better]
            best[part][better] = scales[better]
    return np.maximum(best, _least(groups))


def octav_scales(groups: Array, most: int) -> Array:
    """The clipping value c / most, where c solves the equation of Sakr et al., arXiv:2206.06501, equation 6.

    c is the fixed point of sum |w| over |w| > c, divided by 4^-n / 3 times the number of other elements that are not 0
    plus the number of those above c, where n is the bit width.
    """
    magnitudes = np.abs(groups)
    noise_of_bits = 4.0 ** -(int(most).bit_length() + 1) / 3
    present = np.count_nonzero(magnitudes, axis=1)
    clip: Array = magnitudes.sum(axis=1) / np.maximum(present, 1)
    for _ in range(_ROUNDS):
        above = np.where(magnitudes > clip[:, None], magnitudes, 0.0)
        over = np.count_nonzero(above, axis=1)
        weight = np.maximum(noise_of_bits * (present - over) + over, _FEW)
        clip = np.where(over > 0, above.sum(axis=1) / weight, clip)
    return np.maximum(np.minimum(clip, magnitudes.max(axis=1)) / most, _least(groups))


def recovered_scales(groups: Array, most: int) -> Array:
    """The step of which all weights of a group are multiples, as after training with simulated quantization; that of
    `minmax_scales` where there is none with at most `most` multiples.

    The step is the least difference of magnitudes, or a part of it: multiples 2 and 5 differ by 2 or 3.
    """
    found = minmax_scales(groups, most)
    step = max(1, _CHUNK // max(1, groups.shape[1]))
    for start in range(0, len(groups), step):
        part = slice(start, start + step)
        found[part] = _recovered(np.sort(np.abs(groups[part]), axis=1), found[part], most)
    return found


def _recovered(magnitudes: Array, usual: Array, most: int) -> Array:
    """The steps of groups of rising magnitudes, else the `usual` ones.

    A magnitude that is no multiple of a wrong step is off by at least one part in `most`, far more than rounding is.
    """
    found, largest = usual.copy(), magnitudes[:, -1]
    differences = np.diff(magnitudes, axis=1, prepend=0.0)
    differences[differences <= _SAME * largest[:, None]] = np.inf
    least = differences.min(axis=1)
    unknown = np.flatnonzero(np.isfinite(least))
    for divisor in range(1, most + 1):
        multiples = np.rint(largest[unknown] * divisor / least[unknown])
        unknown, multiples = unknown[multiples <= most], multiples[multiples <= most]
        if not unknown.size:
            break
        scales = largest[unknown] / multiples
        steps = magnitudes[unknown] / scales[:, None]
        fits = np.abs(steps - np.rint(steps)).max(axis=1) < _OFF
        found[unknown[fits]] = scales[fits]
        unknown = unknown[~fits]
    return found


def ends(most: int, points: Array | None) -> tuple[End, End]:
    """The least and the last multiple of a scale: -most and most, or those of all integers around zero points."""
    return (-most, most) if points is None else (-most - 1 - points, most - points)


def rounded(groups: Array, scales: Array, most: End, least: End | None = None) -> Array:
    """The weights rounded to the nearest multiples of scales that broadcast to them, from `least` (-most) to `most`."""
    return np.clip(np.rint(groups / scales), -most if least is None else least, most) * scales


SCALES = {"minmax": minmax_scales, "mse": mse_scales, "octav": octav_scales, "recover": recovered_scales}
"""The ways to choose scales, by their names."""
