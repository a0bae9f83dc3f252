"""The elements of quantized constants as float32, computed when they are read or written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, as_numpy
from tflir.ir.types import shape_of
from tflir.passes.requantize.scales import Scales

Array = npt.NDArray[Any]
_BLOCK = 1 << 16
"""The number of elements that are processed at once."""


def dequantized_blob(stored: ArrayElementsAttr, scales: Scales) -> Blob:
    """The elements of a quantized constant as float32: (q - zero_point) * scale."""
    shape = shape_of(stored.type) or ()

    def numbers(part: Array, steps: Any, points: Any) -> Array:
        return (part.astype(np.float64) - points) * steps

    key = ("dequantized", stored.blob, stored.element_name, shape, scales.key)
    return DeferredBlob(4 * stored.size, key, lambda: in_parts(as_numpy(stored), scales, numbers))


def in_parts(array: Array, scales: Scales, numbers: Callable[[Array, Any, Any], Array]) -> Iterator[Array]:
    """Calls `numbers` with each part of the array, and the scales and zero points of its elements, in order."""
    if scales.is_one:
        flat = array.reshape(-1)
        for start in range(0, flat.size, _BLOCK):
            yield numbers(flat[start : start + _BLOCK], scales.step, int(scales.points)).astype(np.float32)
        return
    row = max(1, array[:1].size)
    count = max(1, _BLOCK // row)
    for start in range(0, len(array), count):
        part = array[start : start + count]
        steps, points = (
            _expanded(per_block, array.shape, start, start + len(part)) for per_block in (scales.scales, scales.points)
        )
        yield numbers(part, steps, points).astype(np.float32)


def _expanded(per_block: Array, shape: tuple[int, ...], start: int, stop: int) -> Array:
    """The scales or zero points of rows `start` to `stop` of a tensor, each repeated for the elements of its block."""
    expanded = per_block[np.arange(start, stop) * len(per_block) // shape[0]]
    for axis in range(1, len(shape)):
        if expanded.shape[axis] not in (1, shape[axis]):
            expanded = np.repeat(expanded, shape[axis] // expanded.shape[axis], axis)
    return expanded
