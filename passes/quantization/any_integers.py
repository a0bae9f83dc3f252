"""Constants as integers of any width, zero point and layout of scales, for pairs that a person or another pass put.

Rounding is to the nearest, ties away from zero, in double precision; what the storage can't hold saturates.
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
"""Rows are taken in multiples of these, so that whole bytes are packed."""


def any_blob(blob: Blob, shape: tuple[int, ...], element: UniformQuantizedType) -> Blob | None:
    """The integers of a float32 constant as `element` has them; None for scales of blocks, or without such a tensor."""
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
    at = 0
    for chunk in blob.chunks(4 * rows * inner):
        values = chunk.view(np.float32).reshape(-1, *shape[1:]).astype(np.float64)
        part = slice(at, at + len(values)) if 0 in layout.axes else slice(None)
        at += len(values)
        whole = np.clip(round_half_away(values / scales[part] + points[part]), *element.range.data)
        yield pack_bits(whole, name) if name in PACKED_BITS else whole.astype(numpy_dtype(name))
