"""The float constants that ops read as weights, also those whose zeros are not stored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy.typing as npt
from xdsl.dialects.builtin import Float16Type, Float32Type
from xdsl.ir import Attribute, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, as_numpy, pack_bits
from tflir.ir.sparsity import decode
from tflir.ir.tfl.attributes import SparsityParameters
from tflir.ir.tfl.constants import SparseConstOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import PACKED_BITS, element_of, shape_of, stored_bytes
from tflir.passes.quantization.numerics import float32_blob
from tflir.passes.quantization.pairs import FloatConstant, constant_of


def weight_constant(value: SSAValue) -> FloatConstant | None:
    """The float32 constant that `value` is, dense or sparse, stored as float32 or float16; None if it is none."""
    return constant_of(value) or _sparse_constant(value)


def _sparse_constant(value: SSAValue) -> FloatConstant | None:
    source = value
    while isinstance(source, OpResult) and isinstance(source.op, DensifyOp | DequantizeOp):
        source = source.op.operands[0]
    if not isinstance(source, OpResult) or not isinstance(source.op, SparseConstOp):
        return None
    op, stored, element = source.op, source.op.compressed_data, element_of(source.type)
    if not isinstance(stored, ArrayElementsAttr) or names.NO_DATA in op.attributes or not _is_float(element):
        return None
    shape = shape_of(source.type) or ()
    blob = dense_blob(stored, op.s_param.data, shape)
    wide = float32_blob(blob) if isinstance(element, Float16Type) else blob
    return FloatConstant(value, wide, shape, op, stored.blob.nbytes)


def _is_float(element: Attribute | None) -> bool:
    return isinstance(element, Float32Type | Float16Type)


def dense_blob(stored: ArrayElementsAttr, parameters: SparsityParameters, shape: tuple[int, ...]) -> Blob:
    """The bytes of the dense form of a sparse constant, computed when they are needed."""
    name = stored.element_name
    nbytes = stored_bytes(name, math.prod(shape))
    assert nbytes is not None

    def make() -> Iterator[npt.NDArray[Any]]:
        dense = decode(parameters, as_numpy(stored), shape)
        yield pack_bits(dense, name) if name in PACKED_BITS else dense

    return DeferredBlob(nbytes, ("dense", stored, parameters, shape), make)
