"""Casts float32 to float16, rounding to nearest even, several times as fast as numpy's own cast.

A normal float16 number is the float32 number with 13 fraction bits rounded away and another exponent bias. A few
integer operations compute this for a whole block. Numpy casts the rest: zeros, subnormals, and values too large.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_MAGNITUDE = np.uint32(0x7FFFFFFF)
_LEAST_NORMAL = np.uint32(0x38800000)  # 2**-14
_NORMALS = np.uint32(0x477FE000 - 0x38800000)  # up to 65504
_HALF = np.uint32(0x0FFF)
_BIAS = np.uint32((127 - 15) << 10)
_MANY = 8
"""If more than one element in this many is not a normal float16, numpy casts the whole block, which is as fast."""


class HalfCast:
    """Casts one block after the other and reuses its buffers."""

    def __init__(self) -> None:
        self._bits = np.empty(0, np.uint32)
        self._spare = np.empty(0, np.uint32)

    def cast(self, values: npt.NDArray[np.float32], out: npt.NDArray[np.float16]) -> None:
        """Writes float16(values) to `out`; both have one dimension and the same length."""
        size = values.size
        if size > self._bits.size:
            self._bits, self._spare = np.empty(size, np.uint32), np.empty(size, np.uint32)
        bits, spare, source = self._bits[:size], self._spare[:size], values.view(np.uint32)
        np.bitwise_and(source, _MAGNITUDE, out=bits)
        np.subtract(bits, _LEAST_NORMAL, out=spare)
        others = spare > _NORMALS
        if np.count_nonzero(others) * _MANY > size:
            np.copyto(out, values, casting="unsafe")
            return
        self._round(bits, spare)
        np.right_shift(source, 16, out=spare)
        np.bitwise_and(spare, 0x8000, out=spare)
        np.bitwise_or(bits, spare, out=bits)
        np.copyto(out.view(np.uint16), bits, casting="unsafe")
        _cast_others(values, out, others)

    def _round(self, bits: npt.NDArray[np.uint32], spare: npt.NDArray[np.uint32]) -> None:
        """Rounds float32 bits to float16 bits without a sign, ties to even.

        Adds just under half of the last kept bit, exactly half if that bit is odd, and shifts the rest out.
        """
        np.right_shift(bits, 13, out=spare)
        np.bitwise_and(spare, 1, out=spare)
        np.add(bits, spare, out=bits)
        np.add(bits, _HALF, out=bits)
        np.right_shift(bits, 13, out=bits)
        np.subtract(bits, _BIAS, out=bits)


def _cast_others(values: npt.NDArray[np.float32], out: npt.NDArray[np.float16], others: npt.NDArray[Any]) -> None:
    at = np.flatnonzero(others)
    if at.size:
        with np.errstate(over="ignore"):
            out[at] = values[at].astype(np.float16)
