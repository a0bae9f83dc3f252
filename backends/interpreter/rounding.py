"""Floats rounded to integers, halves away from zero, as C++ rounds."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Array


def round_away(x: Any) -> Array:
    """The nearest integers, as float64; what lies halfway goes away from zero."""
    wide = np.asarray(x, np.float64)
    return np.trunc(wide + np.copysign(0.5, wide))
