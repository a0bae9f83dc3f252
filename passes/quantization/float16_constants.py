"""Float constants as float16, with a `tfl.dequantize` that widens them."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, Float16Type, UnitAttr
from xdsl.ir import Operation, Use

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import from_blob
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.passes.base import PassReport
from tflir.passes.quantization.numerics import float16_blob
from tflir.passes.quantization.pairs import FloatConstant, name_of_twin
from tflir.passes.rewriting.edit import insert_after
from tflir.passes.rewriting.values import const_op

_LARGEST = 65504.0
TOO_LARGE = "values beyond ±65504, which float16 can't hold"
_NORMAL = 2.0**-14
"""The least number that float16 holds in full precision."""
TOO_SMALL = "no value reaches 6e-5, below which float16 loses precision"


def why_not_float16(blob: Blob) -> str | None:
    """Why float16 can't hold the elements of the float32 `blob`: one is infinite or beyond ±65504, or all are below the
    range in which it has its full precision; None if it can.

    NaN does not matter, since float16 has it too.
    """
    magnitudes = (np.abs(chunk.view(np.float32)) for chunk in blob.chunks())
    largest = max((float(np.fmax.reduce(part, initial=0)) for part in magnitudes), default=0.0)  # NaN does not count
    if largest > _LARGEST:
        return TOO_LARGE
    return TOO_SMALL if 0 < largest < _NORMAL else None


def store_float16(
    constant: FloatConstant, uses: list[Use], report: PassReport, *, clamp: bool = False, nameless: bool = False
) -> None:
    """Inserts the float16 form of a float32 constant, which `uses` read from then on.

    With `clamp`, values that float16 can't hold become ±65504. With `nameless`, the float32 tensor has no name.
    """
    narrow = float16_blob(constant.blob, clamp=clamp)
    half = const_op(from_blob(narrow, constant.shape, Float16Type()))
    name = name_of_twin(constant, "float16", replaces=len(uses) == sum(1 for _ in constant.value.uses))
    half.location = names.named(name)
    dequantize = DequantizeOp.create(operands=half.results, result_types=[constant.value.type])
    dequantize.location = names.named(None if name is None or nameless else f"{name}_dequantize")
    if names.IS_VARIABLE in constant.source.attributes:
        dequantize.attributes[names.TENSOR] = DictionaryAttr({"is_variable": UnitAttr()})
    made = constant.value.owner
    assert isinstance(made, Operation)
    insert_after(made, half, dequantize)
    for use in uses:
        use.operation.operands[use.index] = dequantize.results[0]
    report.details.append(
        {
            "tensor": name or "",
            "from": "float32",
            "to": "float16",
            "bytes_before": constant.blob.nbytes,
            "bytes_after": narrow.nbytes,
        }
    )
