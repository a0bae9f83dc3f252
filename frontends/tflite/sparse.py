"""Sparse constants: `tfl.pseudo_sparse_const` with its encoding and the stored elements of the file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import UnitAttr
from xdsl.ir import Attribute, Operation

from tflir.frontends.tflite.reader import Record, malformed
from tflir.frontends.tflite.tensors import TensorTypes, dimensions
from tflir.ir import names
from tflir.ir.blob import ArrayBlob, RepeatedBlob
from tflir.ir.constants import from_blob
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.schema import schema
from tflir.ir.sparsity import encoding_fault, stored_elements
from tflir.ir.tfl.attributes import DimensionMetadata, SparsityParameterAttr, SparsityParameters
from tflir.ir.tfl.constants import SparseConstOp, SparseQConstOp
from tflir.ir.types import element_of, element_type, numpy_dtype, stored_bytes

_NO_BYTES = ArrayBlob(np.zeros(0, np.uint8))


def sparse_constant(
    types: TensorTypes, index: int, value_type: Attribute, attributes: dict[str, Attribute]
) -> Operation:
    """The op for the sparse tensor `index`. Raises `Error` if its encoding does not fit its shape or data."""
    record, name = types.tensors[index], types.element_name(index)
    shape = dimensions(record)
    parameters = _parameters(record["sparsity"], record.get("name", str(index)))
    if not parameters.block_map and record["sparsity"].get("block_map") is not None:
        attributes = attributes | {names.EMPTY_BLOCK_MAP: UnitAttr()}
    compressed = types.stored(index) or _NO_BYTES  # nothing is stored of a tensor with only zeros
    if numpy_dtype(name) is None or min(shape, default=0) < 0:
        raise malformed(f"sparse tensor '{record.get('name', index)}' has no data")
    count = stored_elements(parameters)
    if (fault := encoding_fault(parameters, shape, count)) is not None:
        raise malformed(f"sparse tensor '{record.get('name', index)}' is encoded as none of its shape: {fault}")
    if stored_bytes(name, count) != compressed.nbytes:
        raise malformed(
            f"sparse tensor '{record.get('name', index)}' stores {compressed.nbytes} bytes where its levels have"
            f" {count} elements"
        )
    stored = from_blob(compressed, (count,), element_type(name))
    dense_bytes = stored_bytes(name, math.prod(shape)) or 0
    # MLIR's op has a dense value too; it is decoded only if something reads it.
    dense = from_blob(RepeatedBlob(b"\0", dense_bytes, index), shape, element_type(name))
    quantized = isinstance(element_of(value_type), UniformQuantizedType)
    properties: dict[str, Attribute] = {
        "value": dense,
        "s_param": SparsityParameterAttr(parameters),
        "compressed_data": stored,
    }
    if quantized:
        properties["qtype"] = value_type
    return (SparseQConstOp if quantized else SparseConstOp).create(
        result_types=[value_type], properties=properties, attributes=attributes
    )


def _parameters(record: Record, tensor: str) -> SparsityParameters:
    def integers(field: str) -> tuple[int, ...]:
        vector = record.get(field)
        return () if vector is None else tuple(vector.tolist())

    return SparsityParameters(
        integers("traversal_order"),
        integers("block_map"),
        tuple(_dimension(entry, tensor) for entry in record.get("dim_metadata", [])),
    )


def _dimension(record: Record, tensor: str) -> DimensionMetadata:
    kind = schema().enums["DimensionType"].names.get(record.get("format", 0))
    if kind is None:
        raise malformed(f"sparse tensor '{tensor}' has a dimension of unknown format")

    def vector(field: str) -> Sequence[int] | Any:
        found = record.get(field)
        if found is None:
            return np.zeros(0, np.int32)
        _, values = found
        if values is None:
            raise malformed(f"sparse tensor '{tensor}' has indices of unknown kind")
        return values.get("values", np.zeros(0, np.int32))

    return DimensionMetadata(kind, record.get("dense_size", 0), vector("array_segments"), vector("array_indices"))
