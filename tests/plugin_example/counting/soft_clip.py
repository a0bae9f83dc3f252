"""The `acme` dialect: a vendor's custom operator as a typed op, by the facts of which tflir quantizes it."""

import struct
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from xdsl.dialects.builtin import FloatAttr, f32
from xdsl.ir import Attribute, Dialect
from xdsl.irdl import irdl_op_definition, operand_def, prop_def, result_def

from tflir.ir.tfl.base import F32
from tflir.ir.tfl.constraints import FLOAT_OR_QUANTIZED
from tflir.ir.tfl.custom import TypedCustomOp
from tflir.ir.tfl.info import OpInfo

_OPTIONS = struct.Struct("<f")


@irdl_op_definition
class SoftClipOp(TypedCustomOp):
    """x where it is within the limit, beyond that less and less. Its kernel takes int8 with any scales."""

    name = "acme.soft_clip"
    INFO: ClassVar = OpInfo("CUSTOM", custom_code="AcmeSoftClip", quantizable=True)
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)
    limit = prop_def(F32)

    @classmethod
    def read_options(cls, data: bytes) -> dict[str, Attribute]:
        """A float; the vendor's tools write more after it, which means nothing."""
        if len(data) < _OPTIONS.size:
            raise ValueError("its options are shorter than a float")
        return {"limit": FloatAttr(_OPTIONS.unpack_from(data)[0], f32)}

    def write_options(self) -> bytes:
        return _OPTIONS.pack(self.limit.value.data)


def clip(op: SoftClipOp, operands: Sequence[np.ndarray]) -> list[np.ndarray]:
    """What `tflir.interpret` runs for it, on float32."""
    (values,) = operands
    limit = np.float32(op.limit.value.data)
    beyond = np.maximum(np.abs(values) - limit, 0)
    return [np.clip(values, -limit, limit) + np.sign(values) * np.tanh(beyond)]


@irdl_op_definition
class PermuteLanesOp(TypedCustomOp):
    """Moves elements about: what it reads and makes has one scale. Its options stay the bytes that they are."""

    name = "acme.permute_lanes"
    INFO: ClassVar = OpInfo("CUSTOM", custom_code="AcmePermuteLanes", quantizable=True, same_scale=True)
    input = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)


@irdl_op_definition
class DenseOp(TypedCustomOp):
    """A layer whose weight has a scale for each row, is int8 beside float activations too, and may be sparse."""

    name = "acme.dense"
    INFO: ClassVar = OpInfo(
        "CUSTOM",
        custom_code="AcmeDense",
        quantizable=True,
        weight=(1, 0),
        dynamic_range=(1,),
        hybrid=True,
        sparse=(1,),
        densify=("float", "hybrid", "int8"),
    )
    input = operand_def(FLOAT_OR_QUANTIZED)
    filter = operand_def(FLOAT_OR_QUANTIZED)
    output = result_def(FLOAT_OR_QUANTIZED)


ACME_DIALECT = Dialect("acme", [SoftClipOp, PermuteLanesOp, DenseOp], [])
