"""Large computed constants that wait in a temporary file."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest

from tflir.ir.constants import as_numpy, elements
from tflir.ir.spilled import Spill

ROWS = np.arange(3 << 18, dtype=np.float32).reshape(3, -1)
"""3 MiB: large enough for the file."""


def test_constants_keep_what_they_were_made_of() -> None:
    spill = Spill()
    source = ROWS.copy()
    first, second = spill.constant(source), spill.constant(source + 1)
    source[:] = 0  # neither holds the array
    np.testing.assert_array_equal(as_numpy(first), ROWS)
    np.testing.assert_array_equal(as_numpy(second), ROWS + 1)
    assert b"".join(chunk.tobytes() for chunk in second.blob.chunks(1000)) == (ROWS + 1).tobytes()


def test_equal_to_a_constant_in_memory() -> None:
    made = Spill().constant(ROWS)
    assert made == elements(ROWS)
    assert hash(made) == hash(elements(ROWS))
    assert made != elements(ROWS + 1)


def test_small_arrays_stay_in_memory() -> None:
    assert type(Spill().constant(ROWS[:, :4]).blob) is type(elements(ROWS[:, :4]).blob)


def test_memory_holds_what_no_file_can(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    np.testing.assert_array_equal(as_numpy(Spill().constant(ROWS)), ROWS)
