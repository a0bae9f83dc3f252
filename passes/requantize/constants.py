"""Float32 constants that stand for quantized ones, whose elements are computed at the time they are written."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.ir import SSAValue

from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import from_blob
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.types import shape_of, tensor_type
from tflir.passes.quantization.dequantized import Array, in_parts
from tflir.passes.quantization.numerics import round_half_away
from tflir.passes.quantization.pairs import FloatConstant
from tflir.passes.quantization.parameters import F32
from tflir.passes.requantize.scales import Scales


def float_const(value: SSAValue, blob: Blob) -> ConstOp:
    """A float32 constant with the elements `blob` and the shape of `value`; it is not inserted."""
    shape = shape_of(value.type) or ()
    return ConstOp.create(result_types=[tensor_type(shape, F32)], properties={"value": from_blob(blob, shape, F32)})


def rounded_blob(constant: FloatConstant, scales: Scales) -> Blob:
    """The elements of a float constant after quantization and dequantization, both with `scales`, as float32."""

    def numbers(part: Array, steps: Any, points: Any) -> Array:
        with np.errstate(invalid="ignore"):
            integers = np.clip(round_half_away(part.astype(np.float64) / steps) + points, *scales.bounds)
        return (integers - points) * steps

    key = ("rounded", constant.blob, constant.shape, scales.key)
    return DeferredBlob(
        constant.blob.nbytes,
        key,
        lambda: in_parts(constant.blob.view().view(np.float32).reshape(constant.shape), scales, numbers),
    )
