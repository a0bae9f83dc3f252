"""Weight quantization against the definition, computed in plain double precision."""

from __future__ import annotations

import decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tflir.ir.blob import ArrayBlob
from tflir.passes.quantization.half import HalfCast
from tflir.passes.quantization.numerics import (
    Rows,
    float16_blob,
    float32_blob,
    quantized_blob,
    round_half_away,
    symmetric_scales,
)

_FLOATS = st.floats(-1e6, 1e6, width=32)


def _reference(values: np.ndarray, scale: float) -> list[int]:
    """round(v / scale), ties away from zero, in decimal arithmetic of the double quotient."""
    quotients = [float(v) / scale for v in values.reshape(-1)]
    rounded = [int(decimal.Decimal(q).to_integral_value(decimal.ROUND_HALF_UP)) for q in quotients]
    return [max(-127, min(127, q)) for q in rounded]


def _rows(values: np.ndarray, axis: int | None) -> Rows:
    rows = Rows.of(ArrayBlob(values), values.shape, axis)
    assert rows is not None
    return rows


@settings(deadline=None)
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=_FLOATS))
def test_one_scale(values: np.ndarray) -> None:
    rows = _rows(values, None)
    (scale,) = symmetric_scales(rows.magnitudes(), tf_compat=True)
    assert scale == max(2 * float(np.abs(values).max()), 1e-6) / 254
    found = quantized_blob(rows, np.array([scale])).view().view(np.int8)
    assert found.tolist() == _reference(values, scale)


@settings(deadline=None)
@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=_FLOATS), st.booleans())
def test_a_scale_for_each_channel(values: np.ndarray, by_row: bool) -> None:
    axis = 0 if by_row else 1
    rows = _rows(values, axis)
    scales = symmetric_scales(rows.magnitudes(), tf_compat=True)
    found = quantized_blob(rows, scales).view().view(np.int8).reshape(values.shape)
    for channel, scale in enumerate(scales):
        line = values.take(channel, axis)
        assert scale == max(2 * float(np.abs(line).max()), 1e-6) / 254
        assert found.take(channel, axis).tolist() == _reference(line, scale)


def test_ties_round_away_from_zero() -> None:
    values = np.float32([127, 0.5, -0.5, 1.5, -1.5, 2.5, 63.5, -63.5])
    found = quantized_blob(_rows(values, None), np.array([1.0])).view().view(np.int8)
    assert found.tolist() == [127, 1, -1, 2, -2, 3, 64, -64]


def test_blocks_larger_than_the_cache_and_than_a_read() -> None:
    values = np.random.default_rng(1).standard_normal((3, 1_500_001), np.float32)
    for axis in (None, 0):
        rows = _rows(values, axis)
        scales = symmetric_scales(rows.magnitudes(), tf_compat=True)
        found = quantized_blob(rows, scales).view().view(np.int8).reshape(values.shape)
        exact = values.astype(np.float64) / (scales[:, None] if axis == 0 else scales[0])
        expected = np.sign(exact) * np.floor(np.abs(exact) + 0.5)
        np.testing.assert_array_equal(found, expected.astype(np.int8))


def test_all_zero_channel() -> None:
    rows = _rows(np.zeros((2, 8), np.float32), 0)
    np.testing.assert_array_equal(symmetric_scales(rows.magnitudes(), tf_compat=True), [1e-6 / 254] * 2)
    assert not quantized_blob(rows, np.array([1e-6 / 254] * 2)).view().any()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_what_is_not_finite_shows_in_the_magnitudes(bad: float, axis: int | None) -> None:
    values = np.ones((4, 4), np.float32)
    values[2, 1] = bad
    assert not np.isfinite(_rows(values, axis).magnitudes()).all()


def test_an_inner_axis_is_not_offered() -> None:
    assert Rows.of(ArrayBlob(np.zeros((2, 3, 4), np.float32)), (2, 3, 4), 1) is None


def test_float16_rounds_to_even_keeps_subnormals_and_clamps() -> None:
    values = np.float32([1 + 2**-11, 1 + 3 * 2**-11, 6e-8, 1e-9, 70000, -np.inf, np.inf, -0.0])
    found = float16_blob(ArrayBlob(values), clamp=True).view().view(np.float16)
    assert found.tolist() == [1.0, 1 + 2**-9, 2**-24, 0.0, 65504, -65504, 65504, 0.0]
    assert np.signbit(found[-1])


@given(hnp.arrays(np.float16, st.integers(0, 50)))
def test_float16_to_float32_is_exact(values: np.ndarray) -> None:
    wide = float32_blob(ArrayBlob(values)).view().view(np.float32)
    np.testing.assert_array_equal(wide, values.astype(np.float32))


@settings(deadline=None)
@given(hnp.arrays(np.float32, st.integers(0, 64), elements=st.floats(-65504, 65504, width=32)), st.integers(0, 9))
def test_the_fast_cast_to_float16_is_numpys(values: np.ndarray, repeat: int) -> None:
    several = np.concatenate([values, *[np.float32([1.1, -3.3, 0.25])] * 100 * repeat])
    out = np.empty(several.size, np.float16)
    HalfCast().cast(several, out)
    np.testing.assert_array_equal(out.view(np.uint16), several.astype(np.float16).view(np.uint16))


def test_the_fast_cast_over_every_exponent_and_tie() -> None:
    bits = np.arange(0, 1 << 31, 4099, dtype=np.uint32)
    bits = np.concatenate([bits, bits | np.uint32(1 << 31), np.arange(0x38000000, 0x38801000, 1, np.uint32)])
    ties = (np.arange(1 << 15, dtype=np.uint32) << 13) + np.uint32(0x1000) + np.uint32(0x38800000)
    values = np.concatenate([bits, ties]).view(np.float32)
    values = values[(np.abs(values) <= 65504) & (np.abs(values) >= 2**-15)]
    out = np.empty(values.size, np.float16)
    HalfCast().cast(values, out)
    np.testing.assert_array_equal(out.view(np.uint16), values.astype(np.float16).view(np.uint16))


@given(hnp.arrays(np.float64, 20, elements=st.floats(-1e9, 1e9)))
def test_round_half_away_is_symmetric(values: np.ndarray) -> None:
    np.testing.assert_array_equal(round_half_away(-values), -round_half_away(values))
    assert round_half_away(np.array([0.49999999999999994]))[0] == 0
