"""Scales for blocks of a tensor: LiteRT stores them in a separate tensor, which the quantization refers to."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr
from xdsl.ir import OpResult, SSAValue

from tflir.backends.interpreter.kernel import Array
from tflir.backends.interpreter.options import number
from tflir.ir import names
from tflir.ir.constants import as_numpy


def block_scales(value: SSAValue) -> tuple[int, Array] | None:
    """The number of elements in a block along the last dimension, and the scales of all blocks; None if it
    has no blocks.
    """
    details: Any = value.op.attributes.get(names.TENSOR) if isinstance(value, OpResult) else None
    for key in ("quantization", "details"):
        details = details.data.get(key) if isinstance(details, DictionaryAttr) else None
    scales = details.data.get("scales") if isinstance(details, DictionaryAttr) else None
    if not isinstance(scales, DictionaryAttr) or "value" not in scales.data:
        return None
    size = number(cast(DictionaryAttr, details).data.get("block_size"), 1)
    return size, as_numpy(scales.data["value"])


def with_block_scales(x: Array, size: int, scales: Array) -> Array:
    """The integers in `x` times the scales of their blocks, in float32."""
    wide = np.repeat(scales.astype(np.float32).reshape(*x.shape[:-1], -1), size, -1)
    return x * wide[..., : x.shape[-1]]
