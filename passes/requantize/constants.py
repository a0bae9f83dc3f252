"""The float32 numbers that the integers of constants stand for, made when they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import SSAValue

from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, as_numpy, from_blob
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.types import shape_of, tensor_type
from tflir.passes.quantization.numerics import round_half_away
from tflir.passes.quantization.pairs import FloatConstant
from tflir.passes.quantization.parameters import F32
from tflir.passes.requantize.scales import Scales

Array = npt.NDArray[Any]
_BLOCK = 1 << 16
"""Elements that are worked on at once."""


def dequantized_blob(stored: ArrayElementsAttr, scales: Scales) -> Blob:
    """(q - zero_point) * scale of each element of a constant."""
    shape = shape_of(stored.type) or ()

    def numbers(part: Array, steps: Any, points: Any) -> Array:
        return (part.astype(np.float64) - points) * steps

    key = ("dequantized", stored.blob, stored.element_name, shape, scales.key)
    return DeferredBlob(4 * stored.size, key, lambda: _parts(as_numpy(stored), scales, numbers))


def float_const(value: SSAValue, blob: Blob) -> ConstOp:
    """A float32 constant of the shape of `value`."""
    shape = shape_of(value.type) or ()
    return ConstOp.create(result_types=[tensor_type(shape, F32)], properties={"value": from_blob(blob, shape, F32)})


def rounded_blob(constant: FloatConstant, scales: Scales) -> Blob:
    """The numbers that are left of a float constant once it is quantized: round(v / scale) * scale, within bounds."""

    def numbers(part: Array, steps: Any, points: Any) -> Array:
        with np.errstate(invalid="ignore"):
            whole = np.clip(round_half_away(part.astype(np.float64) / steps) + points, *scales.bounds)
        return (whole - points) * steps

    key = ("rounded", constant.blob, constant.shape, scales.key)
    return DeferredBlob(
        constant.blob.nbytes,
        key,
        lambda: _parts(constant.blob.view().view(np.float32).reshape(constant.shape), scales, numbers),
    )


def _parts(array: Array, scales: Scales, numbers: Callable[[Array, Any, Any], Array]) -> Iterator[Array]:
    """`numbers` of the array's parts in order, each beside the scales and zero points of its elements."""
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
            _spread(held, array.shape, start, start + len(part)) for held in (scales.scales, scales.points)
        )
        yield numbers(part, steps, points).astype(np.float32)


def _spread(held: Array, shape: tuple[int, ...], start: int, stop: int) -> Array:
    """What belongs to rows `start` to `stop`, repeated for the elements of each block."""
    held = held[np.arange(start, stop) * len(held) // shape[0]]
    for axis in range(1, len(shape)):
        if held.shape[axis] not in (1, shape[axis]):
            held = np.repeat(held, shape[axis] // held.shape[axis], axis)
    return held
