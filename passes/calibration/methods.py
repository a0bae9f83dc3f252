"""Ranges from histograms: which part of an activation's values its integers stand for.

The smallest and largest element (`minmax`) waste most integers where few elements are far from the others. The other
methods clip those; no range is wider than that of the elements, but with a margin for data that was not seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tflir.ir.histogram import Floats, Histogram
from tflir.ir.option_words import WITHOUT_HISTOGRAMS

Span = tuple[float, float]
MINMAX, MARGIN = WITHOUT_HISTOGRAMS
PERCENTILE = 99.99
CLIPPING = 3.0
"""With 1, outputs of networks were up to 11 dB worse than by `minmax`, with 3 up to 0.4 dB, with 10 seldom better."""
_ALL = 100.0
_MOST = float(np.finfo(np.float32).max)
_MASK, _MASK_SHARE = -1000.0, 0.01
"""A range from here down, to at most this share of it above 0, holds a mask."""
_OCTAVES = 12
"""A range by the squared error reaches at least so many octaves less far than the elements do."""
_BINS, _LEVELS = 2048, 128
"""Of the search by relative entropy: bins of magnitudes, and those of them that 8 bits tell apart."""
_LEAST_KEPT = 0.99
"""The least part of the elements other than 0 that the range by relative entropy holds."""
_NOTHING = 1e-6
"""The count of a bin that only rounding errors left in it; its square is their size beside the sum of all."""


@dataclass(frozen=True)
class RangeMethod:
    """How ranges are chosen, and for which integers."""

    name: str = MINMAX
    percentile: float = PERCENTILE
    bits: int = 8
    """8: integers from the low to the high end; 16: symmetric ones."""
    clipping: float = CLIPPING
    """What the squared error of elements outside the range counts, beside that of rounding those inside (`mse`)."""

    def span(self, histogram: Histogram, limits: Span) -> Span:
        """The range of a tensor whose smallest and largest elements are `limits`.

        It is `limits` if the method finds no elements to tell apart: a tensor of one value, or almost only of one; and
        if the tensor holds a mask (-1e9 before a softmax), which clipped would be taken for a value.
        """
        choose = _METHODS.get(self.name)
        masked = limits[0] <= _MASK and limits[1] <= -limits[0] * _MASK_SHARE
        if choose is None or masked or not histogram.counts or not limits[0] < limits[1]:
            return limits
        low, high = choose(histogram, limits, self)
        low, high = (float(np.float32(end)) + 0.0 for end in (max(low, limits[0]), min(high, limits[1])))
        return (low, high) if low < high else limits


def with_margin(span: Span, samples: int) -> Span:
    """The range `span` of n samples, each end 1/n further from zero: a further sample may exceed what n have reached.

    For the largest of n values between 0 and an unknown end, (n + 1) / n times it is the unbiased estimate of that end.
    """
    low, high = (float(np.clip(end * (1 + 1 / samples), -_MOST, _MOST)) for end in span)
    return min(low, span[0]), max(high, span[1])


def _percentile(histogram: Histogram, limits: Span, method: RangeMethod) -> Span:
    """The elements at (100 - P) % and P % of the sorted ones, interpolated as `numpy.percentile` does.

    The elements of a bin count as spread evenly over it.
    """
    lower, upper = histogram.edges
    place = int(np.searchsorted(lower, 0.0)) if histogram.zeros else 0
    counts = histogram.weights
    if histogram.zeros:
        lower, upper = np.insert(lower, place, 0.0), np.insert(upper, place, 0.0)
        counts = np.insert(counts, place, histogram.zeros)
    ends = np.cumsum(counts)
    ranks = (ends[-1] - 1) * np.array([_ALL - method.percentile, method.percentile]) / _ALL

    def element(number: Floats) -> Floats:
        at = np.minimum(np.searchsorted(ends, number, "right"), ends.size - 1)
        share = (number - (ends[at] - counts[at]) + 0.5) / counts[at]
        return np.clip(lower[at] + (upper[at] - lower[at]) * share, *limits)

    before = np.floor(ranks)
    below, above = element(before), element(np.ceil(ranks))
    low, high = (below + (above - below) * (ranks - before)).tolist()
    return (low, high) if method.percentile < _ALL else limits


def _mse(histogram: Histogram, limits: Span, method: RangeMethod) -> Span:
    """The range [a, b] around zero of the least squared error, with all of a bin's h elements at its middle c:

        sum over bins of h (g clip(c; a, b)^2 + [a <= c <= b] s^2 / 12)

    where clip is the distance of c from the range, s the scale, (b - a) / 255, and g = `clipping` (Nagel et al., "A
    White Paper on Neural Network Quantization", arXiv:2106.08295, section 3.1). Both ends are searched among the edges
    of bins. Zeros are exact in every range.
    """
    lower, upper = histogram.edges
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    centres = np.clip((lower + upper) / 2, *limits)
    counts = histogram.weights
    if method.bits > 8:
        most = max(-low, high)
        magnitudes = np.abs(centres)
        ends = _candidates(np.maximum(np.abs(lower), np.abs(upper)), most)
        lost, outside = _clipped(magnitudes, counts, ends)
        costs = method.clipping * lost + (counts.sum() - outside) * np.square(ends / (2 ** (method.bits - 1) - 1)) / 12
        end = float(ends[np.argmin(costs)])
        return -end, end
    negative = lower < 0
    lows = _candidates(-lower[negative], -low)
    highs = _candidates(upper[~negative], high)
    lost_low, below = _clipped(-centres[negative], counts[negative], lows)
    lost_high, above = _clipped(centres[~negative], counts[~negative], highs)
    scales = (lows[:, None] + highs[None, :]) / (2**method.bits - 1)
    inside = counts.sum() - below[:, None] - above[None, :]
    costs = method.clipping * (lost_low[:, None] + lost_high[None, :]) + inside * np.square(scales) / 12
    at, to = np.unravel_index(np.argmin(costs), costs.shape)
    return -float(lows[at]), float(highs[to])


def _candidates(ends: Floats, most: float) -> Floats:
    """The magnitudes at which one end of the range may lie: `most`, the outer edges of bins below it, or zero."""
    within = ends[(ends < most) & (ends >= most / 2**_OCTAVES)]
    return np.unique(np.concatenate([within, [most, 0.0] if most else [0.0]]))


def _clipped(magnitudes: Floats, counts: Floats, ends: Floats) -> tuple[Floats, Floats]:
    """The squared error of what lies beyond each of `ends`, and how many elements do."""
    order = np.argsort(magnitudes)
    sizes, weights = magnitudes[order], counts[order]
    first = np.searchsorted(sizes, ends, "right")
    sums = [_from(weights * sizes**power)[first] for power in range(3)]
    return np.maximum(ends**2 * sums[0] - 2 * ends * sums[1] + sums[2], 0.0), sums[0]


def _from(values: Floats) -> Floats:
    """The sum of the values from each position on, and a 0 after the last."""
    return np.concatenate([np.cumsum(values[::-1])[::-1], [0.0]])


def _entropy(histogram: Histogram, limits: Span, method: RangeMethod) -> Span:
    """The range [-T, T] whose 128 levels lose the least information about the magnitudes, of which there are 2048 bins.

    For T at the end of bin i, P is the distribution of the first i bins, the last of which holds all larger elements
    too, and Q that of 128 groups of them, each spread evenly over those of its bins that are not empty. T is where the
    relative entropy sum P log(P / Q) is least (S. Migacz, "8-bit Inference with TensorRT", GTC 2017). Zeros are exact
    in every range and do not count. 99 % of the elements stay within T: where few values occur, such as the gray levels
    of images, one bin that holds nearly all elements would lose nothing by this measure.
    """
    lower, upper = histogram.edges
    most = max(-limits[0], limits[1])
    near, far = np.minimum(np.abs(lower), np.abs(upper)), np.maximum(np.abs(lower), np.abs(upper))
    bins = _linear(near, np.minimum(far, most), histogram.weights, most)
    size = np.arange(_LEVELS, _BINS + 1)
    edges = (np.arange(_LEVELS + 1) * size[:, None]) // _LEVELS
    total, held = (np.concatenate([[0.0], np.cumsum(part)]) for part in (bins, bins > 0))
    entropies = np.concatenate([[0.0], np.cumsum(_times_log(bins, bins))])
    groups, filled = np.diff(total[edges]), np.diff(held[edges])
    means = groups / np.maximum(filled, 1)
    beyond, last = total[-1] - total[size], bins[size - 1]
    own = entropies[size - 1] + _times_log(last + beyond, last + beyond)
    cross = _times_log(groups, means).sum(axis=1) + _times_log(beyond, means[:, -1])
    lost = (own - cross) / total[-1] + np.log(np.maximum(total[size], np.finfo(np.float64).tiny) / total[-1])
    lost[((beyond > 0) & (last == 0)) | (total[size] < _LEAST_KEPT * total[-1])] = np.inf
    end = most * float(size[np.argmin(lost)]) / _BINS
    return -end, end


def _times_log(factor: Floats, argument: Floats) -> Floats:
    """factor * log(argument), 0 where the factor is."""
    return factor * np.log(np.where((factor > 0) & (argument > 0), argument, 1.0))


def _linear(near: Floats, far: Floats, counts: Floats, most: float) -> Floats:
    """The counts of bins of one width from 0 to `most`, over which those of [near, far] are spread evenly."""
    ends = np.linspace(0.0, most, _BINS + 1)
    points, inverse = np.unique(np.concatenate([[0.0], near, far, [most]]), return_inverse=True)
    density = np.zeros(points.size)
    width = far - near
    even = width > 0
    first, last = inverse[1 : 1 + near.size], inverse[1 + near.size : 1 + 2 * near.size]
    heights = np.divide(counts, width, out=np.zeros_like(counts), where=even)
    np.add.at(density, first[even], heights[even])
    np.add.at(density, last[even], -heights[even])
    below = np.concatenate([[0.0], np.cumsum(np.cumsum(density)[:-1] * np.diff(points))])
    spread = np.maximum(np.diff(np.interp(ends, points, below)), 0.0)
    exact = np.minimum((far[~even] / most * _BINS).astype(np.int64), _BINS - 1)
    np.add.at(spread, exact, counts[~even])
    return np.where(spread < max(_NOTHING, _NOTHING**2 * counts.sum()), 0.0, spread)


_METHODS: dict[str, Callable[[Histogram, Span, RangeMethod], Span]] = {
    "percentile": _percentile,
    "mse": _mse,
    "entropy": _entropy,
}
