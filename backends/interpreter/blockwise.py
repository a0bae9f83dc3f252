"""Scales for blocks of a tensor: LiteRT keeps them in a tensor of their own, which the quantization refers to."""

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
    """Elements in a block along the last dimension, and the scales of all blocks; None where `value` has none."""
    found: Any = value.op.attributes.get(names.TENSOR) if isinstance(value, OpResult) else None
    for key in ("quantization", "details"):
        found = found.data.get(key) if isinstance(found, DictionaryAttr) else None
    scales = found.data.get("scales") if isinstance(found, DictionaryAttr) else None
    if not isinstance(scales, DictionaryAttr) or "value" not in scales.data:
        return None
    size = number(cast(DictionaryAttr, found).data.get("block_size"), 1)
    return size, as_numpy(scales.data["value"])


def with_block_scales(x: Array, size: int, scales: Array) -> Array:
    """The integers of `x` times the scales of their blocks, in float32."""
    wide = np.repeat(scales.astype(np.float32).reshape(*x.shape[:-1], -1), size, -1)
    return x * wide[..., : x.shape[-1]]
