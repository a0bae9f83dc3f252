"""Quantizes constants to integers of any bit width, with any zero point and any layout of scales.

This serves quantize/dequantize pairs that a person or another pass inserted. Values are rounded to the nearest integer,
ties away from zero, in double precision; a value that the storage type can't hold saturates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import pack_bits
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.types import PACKED_BITS, numpy_dtype, schema_name, stored_bytes
from tflir.passes.quantization.numerics import round_half_away

_BLOCK = 1 << 18
_PACKED_ROWS = 4
"""A block has a multiple of this number of rows, so that its int4 or int2 elements fill whole bytes."""


def any_blob(blob: Blob, shape: tuple[int, ...], element: UniformQuantizedType) -> Blob | None:
    """The float32 constant `blob` quantized to `element`.

    None if `element` has one scale for each block, or if TensorFlow Lite has no tensor type for its integers.
    """
    name = schema_name(element)
    nbytes = None if name is None else stored_bytes(name, math.prod(shape))
    if name is None or nbytes is None or element.layout.blocks:
        return None
    return DeferredBlob(nbytes, ("any", blob, shape, element), lambda: _integers(blob, shape or (1,), element, name))


def _integers(
    blob: Blob, shape: tuple[int, ...], element: UniformQuantizedType, name: str
) -> Iterator[npt.NDArray[Any]]:
    layout = element.layout
    dims = [dim if axis in layout.axes else 1 for axis, dim in enumerate(shape)]
    scales, points = layout.scales.reshape(dims), layout.zero_points.reshape(dims)
    inner = max(math.prod(shape[1:]), 1)
    rows = max(_BLOCK // inner // _PACKED_ROWS, 1) * _PACKED_ROWS
    first_row = 0
    for chunk in blob.chunks(4 * rows * inner):
        values = chunk.view(np.float32).reshape(-1, *shape[1:]).astype(np.float64)
        part = slice(first_row, first_row + len(values)) if 0 in layout.axes else slice(None)
        first_row += len(values)
        integers = np.clip(round_half_away(values / scales[part] + points[part]), *element.range.data)
        yield pack_bits(integers, name) if name in PACKED_BITS else integers.astype(numpy_dtype(name))
