"""Histograms by exponent beside numpy: bins, merging in any order, and the ranges that methods choose from them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from histograms import histogram_of
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tflir.flags import CALIBRATION_METHODS
from tflir.ir.histogram import FINITE, Histogram
from tflir.passes.calibration.methods import RangeMethod

F32 = np.float32
_QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
_MOST = float(np.finfo(F32).max)
_ARRAYS = hnp.arrays(
    F32, st.integers(1, 40), elements=st.floats(width=32, allow_nan=False, allow_infinity=False) | st.just(0.0)
)


def _span(method: str, values: npt.NDArray[Any], **how: Any) -> tuple[float, float]:
    values = values.astype(F32)
    limits = float(values.min()), float(values.max())
    return RangeMethod(method, **how).span(histogram_of(values), limits)


@given(_ARRAYS)
@_QUICK
def test_each_element_is_counted_in_the_bin_whose_edges_hold_it(values: npt.NDArray[np.float32]) -> None:
    held = histogram_of(values)
    lower, upper = held.edges
    assert held.zeros == np.count_nonzero(values == 0)
    assert held.count == values.size
    assert (np.diff(lower) > 0).all()
    assert (lower < upper).all()
    for low, high, count in zip(lower, upper, held.counts, strict=True):
        inside = (values > low) & (values <= high) if low < 0 else (values >= low) & (values < high)
        inside &= values != 0
        if high == _MOST:
            inside |= values == high
        if low == -_MOST:
            inside |= values == low
        assert np.count_nonzero(inside) == count


@pytest.mark.parametrize("value", [1.0, 1.0625, -1.0, 3.7, 1e-30, -1e30])
def test_an_octave_has_sixteen_bins_of_one_width(value: float) -> None:
    ((low,), (high,)) = histogram_of(np.array([value], F32)).edges
    assert high - low == 2.0 ** (np.floor(np.log2(abs(value))) - 4)
    assert low <= value <= high


def test_infinity_counts_as_the_largest_number_and_nan_not_at_all() -> None:
    held = histogram_of(np.array([np.inf, -np.inf, np.nan, -np.nan, -0.0], F32))
    assert held == Histogram(1, (-FINITE, FINITE - 1), (1, 1))
    assert histogram_of(np.array([_MOST, -_MOST, 0], F32)) == held


@given(st.lists(_ARRAYS, min_size=1, max_size=5), st.randoms())
@_QUICK
def test_histograms_of_parts_merge_in_any_order_to_that_of_all(parts: list[Any], order: Any) -> None:
    whole = histogram_of(np.concatenate(parts))
    order.shuffle(parts)
    assert functools.reduce(Histogram.merged, map(histogram_of, parts)) == whole


@given(_ARRAYS, st.sampled_from([99.99, 99.0, 90.0, 60.0]))
@example(np.array([-1.0, *[0.0] * 10], F32), 90.0)
@_QUICK
def test_a_percentile_lies_within_a_bin_of_numpys(values: npt.NDArray[np.float32], percentile: float) -> None:
    exact = np.percentile(values.astype(np.float64), [100 - percentile, percentile])
    found = _span("percentile", values, percentile=percentile)
    if found == (values.min(), values.max()):
        return  # nothing was clipped, as where the two percentiles are the same
    for mine, numpys in zip(found, exact, strict=True):
        neighbours = np.concatenate([values[values <= numpys].max(initial=-_MOST), values[values >= numpys]], axis=None)
        widest = max(abs(neighbours[0]), abs(neighbours[1:].min(initial=_MOST))) / 16
        assert abs(mine - numpys) <= widest * 1.001 + 1e-38


@pytest.mark.parametrize("method", CALIBRATION_METHODS)
@given(values=_ARRAYS)
@_QUICK
def test_no_method_goes_beyond_the_elements(method: str, values: npt.NDArray[np.float32]) -> None:
    low, high = _span(method, values)
    assert values.min() <= low <= high <= values.max()
    assert low < high or values.min() == values.max()


def _least_error(values: npt.NDArray[Any], lows: Any, highs: Any, clipping: float) -> tuple[float, float]:
    """The range [-low, high] of the least squared error, from the elements themselves."""
    costs: list[tuple[float, float, float]] = []
    below = [(low, np.square(values[values < -low] + low).sum(), (values < -low).sum()) for low in lows]
    above = [(high, np.square(values[values > high] - high).sum(), (values > high).sum()) for high in highs]
    for low, lost_low, cut_low in below:
        for high, lost_high, cut_high in above:
            inside = np.count_nonzero(values) - cut_low - cut_high
            costs.append((clipping * (lost_low + lost_high) + inside * ((low + high) / 255) ** 2 / 12, -low, high))
    return min(costs)[1:]


@pytest.mark.parametrize("clipping", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("kind", ["normal", "laplace", "relu", "lopsided"])
def test_the_range_of_the_least_squared_error_of_a_known_distribution(kind: str, clipping: float) -> None:
    random = np.random.default_rng(0)
    values = random.laplace(size=400_000) if kind == "laplace" else random.normal(size=400_000)
    values = np.maximum(values, 0) if kind == "relu" else values
    values = np.where(values < 0, values * 10, values) if kind == "lopsided" else values
    lows = [0.0] if kind == "relu" else np.linspace(0.02, 1, 60) * -values.min()
    wanted = _least_error(values, lows, np.linspace(0.02, 1, 60) * values.max(), clipping)
    np.testing.assert_allclose(_span("mse", values, clipping=clipping), wanted, rtol=0.08, atol=1e-6)


def test_an_outlier_is_clipped_by_fewer_bits_only() -> None:
    values = np.random.default_rng(0).normal(size=10_000).astype(F32)
    held = histogram_of(values)
    many = Histogram(0, held.bins, tuple(10_000 * count for count in held.counts))
    with_outlier = many.merged(histogram_of(np.array([6000], F32)))
    limits = float(values.min()), 6000.0
    assert RangeMethod("mse").span(with_outlier, limits)[1] < 300
    assert RangeMethod("mse", bits=16).span(with_outlier, limits) == limits
    more = Histogram(0, held.bins, tuple(10**9 * count for count in held.counts))
    low, high = RangeMethod("mse", bits=16).span(more.merged(histogram_of(np.array([6000], F32))), limits)
    assert limits[0] <= low < -3
    assert 3 < high < 6000


def test_uniform_elements_are_not_clipped() -> None:
    values = np.linspace(-3, 5, 100_001)
    for method in ("percentile", "mse", "entropy"):
        np.testing.assert_allclose(_span(method, values), (-3, 5), rtol=0.07)


def test_relative_entropy_clips_a_long_tail() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    values[:5] = 50.0
    low, high = _span("entropy", values)
    assert -5 < low < -3
    assert 3 < high < 10


def test_relative_entropy_keeps_values_that_all_occur_often() -> None:
    assert _span("entropy", np.repeat(np.arange(17) / 16, 100)) == (0, 1)


@pytest.mark.parametrize("method", CALIBRATION_METHODS)
@pytest.mark.parametrize(
    "values",
    [[0, 0, 0], [2.5], [-1, -1], [0, 0, 1e-45], [-1e9, 0, 0.5], [-np.inf, 1, 2], [-_MOST, _MOST], [0] * 9999 + [7]],
    ids=["zeros", "one", "equal", "smallest", "mask", "infinite mask", "largest", "mostly zeros"],
)
def test_odd_tensors_keep_a_range_that_integers_can_stand_for(method: str, values: list[float]) -> None:
    array = np.array(values, F32)
    limits = max(float(array.min()), -_MOST), float(array.max())
    low, high = RangeMethod(method, 99.0).span(histogram_of(array), limits)
    assert limits[0] <= low <= high <= limits[1]
    assert low < high or limits[0] == limits[1]
    assert np.isfinite([low, high]).all()


@pytest.mark.parametrize("method", ["percentile", "mse", "entropy"])
def test_masks_are_not_clipped(method: str) -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    values[0] = -1e9
    assert _span(method, values) == (-1e9, F32(values.max()))
