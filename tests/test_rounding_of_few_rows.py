"""GPTQ by the second moments of few rows: it must not make noise on others out of what correlates by chance."""

from __future__ import annotations

import numpy as np
import pytest

from tflir.ir.weight_kind import WeightKind
from tflir.passes.weights.rounding import round_rows

_COLUMNS, _CHANNELS, _SEEDS = 32, 48, 20
_KINDS = [pytest.param(WeightKind(8, "channel"), id="int8"), pytest.param(WeightKind(4, "channel"), id="int4")]


def _gain(kind: WeightKind, rows: np.ndarray, others: np.ndarray, seed: int) -> float:
    """By how many dB GPTQ errs less than rounding to nearest, on rows that it did not see; of the rows that it gets, a
    quarter is held out.
    """
    weights = np.random.default_rng(seed).standard_normal((_CHANNELS, _COLUMNS))
    check, seen = rows[: len(rows) // 4], rows[len(rows) // 4 :]
    moments = [part.T @ part / len(part) for part in (seen, check)]
    nearest = round_rows(weights, kind, "minmax").values
    rounded = round_rows(weights, kind, "gptq", moments[0], moments[1]).values
    noises = [np.square(others @ (made - weights).T).sum() for made in (nearest, rounded)]
    return float(10 * np.log10(noises[0] / noises[1]))


@pytest.mark.parametrize("kind", _KINDS)
def test_rows_without_correlations_give_no_more_noise_than_rounding_to_nearest(kind: WeightKind) -> None:
    """With 4 rows, GPTQ finds directions in which it may err at will, and rows that follow lie in these."""
    gains: list[float] = []
    for seed in range(_SEEDS):
        draw = np.random.default_rng(100 + seed)
        gains.append(_gain(kind, draw.standard_normal((4, _COLUMNS)), draw.standard_normal((512, _COLUMNS)), seed))
    assert np.mean(gains) > -0.2
    assert np.median(gains) > -0.05


@pytest.mark.parametrize("kind", _KINDS)
def test_few_rows_near_a_plane_are_made_use_of(kind: WeightKind) -> None:
    gains: list[float] = []
    for seed in range(_SEEDS):
        draw = np.random.default_rng(200 + seed)
        plane = draw.standard_normal((2, _COLUMNS))
        rows, others = (
            draw.standard_normal((count, 2)) @ plane + 0.02 * draw.standard_normal((count, _COLUMNS))
            for count in (8, 512)
        )
        gains.append(_gain(kind, rows, others, seed))
    assert np.mean(gains) > 6


def test_many_rows_need_no_more_than_less_noise() -> None:
    """Rows that correlate a little: the gain is less than its spread over the channels, and yet no chance."""
    gains: list[float] = []
    for seed in range(_SEEDS):
        draw = np.random.default_rng(300 + seed)
        mixed = np.eye(_COLUMNS) + 0.15 * draw.standard_normal((_COLUMNS, _COLUMNS))
        rows, others = (draw.standard_normal((count, _COLUMNS)) @ mixed for count in (400, 2000))
        gains.append(_gain(WeightKind(4, "channel"), rows, others, seed))
    assert min(gains) > 0.1
