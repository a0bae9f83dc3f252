"""A gain that single samples do not agree on is left out by `auto`, and a line says that it may be chance."""

from __future__ import annotations

import numpy as np
import pytest

from tflir.quality.auto import LEAST_GAIN, doubt, helps
from tflir.quality.trial import Measured


def _measured(noise: list[float]) -> Measured:
    """One output whose signal is 100 in each sample."""
    return Measured({("serving_default", "y"): np.array([[100.0, each] for each in noise])})


BASE = _measured([1.0] * 8)


def test_a_gain_of_some_samples_is_doubtful_and_its_ends_are_named() -> None:
    found = _measured([0.1, 0.1, 0.1, 0.1, 1.6, 1.6, 1.6, 1.6])
    assert found.snr - BASE.snr == pytest.approx(0.706, abs=1e-3)
    assert not helps(found, BASE, LEAST_GAIN)
    assert doubt(found, BASE, LEAST_GAIN) == "-2.0 to +10.0 dB on single samples, which may be chance"


@pytest.mark.parametrize("noise", [[0.5] * 8, [0.95] * 8, [2.0] * 8], ids=["plain", "too small", "a loss"])
def test_other_gains_leave_no_doubt(noise: list[float]) -> None:
    assert doubt(_measured(noise), BASE, LEAST_GAIN) == ""


def test_a_step_that_may_lose_a_little_is_never_doubted() -> None:
    found = _measured([0.1, 0.1, 0.1, 0.1, 1.6, 1.6, 1.6, 1.6])
    assert helps(found, BASE, -0.1)
    assert doubt(found, BASE, -0.1) == ""
