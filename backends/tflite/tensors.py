"""Converts a value's type, name and `tfl.tensor` attribute to a tensor's record: the reverse of the frontend."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import BoolAttr, DenseArrayBase, DictionaryAttr, StringAttr, UnrankedTensorType
from xdsl.ir import Attribute

from tflir.ir.errors import Error
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.records import attribute_to_field, attribute_to_record
from tflir.ir.schema import schema
from tflir.ir.tfl.attributes import DimensionMetadata, SparsityParameters
from tflir.ir.types import element_of, schema_name, shape_of

Record = dict[str, Any]
EMPTY = DictionaryAttr({})
_TENSOR_FIELDS = {field.name: field for field in schema().tables["Tensor"].fields}


def tensor_record(
    value_type: Attribute, name: str | None, extras: DictionaryAttr, *, ranked: bool, constant: bool = False
) -> Record:
    """The record of a tensor without its buffer and quantization details; `ranked`: whether this subgraph's tensors set
    `has_rank`."""
    element = element_of(value_type)
    if element is None or (kind := schema_name(element)) is None:
        raise Error(f"a value of type {value_type} can't be a tensor of a model", location=name or "")
    record: Record = {"type": schema().enums["TensorType"].numbers[kind]}
    if name is not None:
        record["name"] = name
    shape = shape_of(value_type)
    if shape:
        record["shape"] = tuple(1 if d < 0 else d for d in shape)
        if -1 in shape or "signature" in extras.data:
            record["shape_signature"] = shape
        if "shape" in extras.data:
            record["shape"] = tuple(cast("DenseArrayBase[Any]", extras.data["shape"]).get_values())
    elif shape is not None:
        record["shape"] = ()
    says = extras.data.get("has_rank")
    if says is None:
        record["has_rank"] = ranked and not isinstance(value_type, UnrankedTensorType)
    else:
        record["has_rank"] = bool(cast(BoolAttr, says).value.data)
    if shape == () and not constant:
        record["has_rank"] = True
    quantization = _quantization(element, extras)
    if quantization:
        record["quantization"] = quantization
    if "is_variable" in extras.data:
        record["is_variable"] = True
    if "variant_tensors" in extras.data:
        record["variant_tensors"] = attribute_to_field(
            _TENSOR_FIELDS["variant_tensors"], extras.data["variant_tensors"]
        )
    return record


def _quantization(element: Attribute, extras: DictionaryAttr) -> Record:
    """The scales of the type and the fields of the extras, without details, which the caller adds."""
    record: Record = {}
    if isinstance(element, UniformQuantizedType) and not element.layout.blocks:
        record = _uniform(element.layout)
    stored = extras.data.get("quantization")
    if isinstance(stored, DictionaryAttr):
        plain = {k: v for k, v in stored.data.items() if k != "details"}
        record |= attribute_to_record("QuantizationParameters", DictionaryAttr(plain))
    return record


def _uniform(layout: Layout) -> Record:
    record: Record = {
        "scale": layout.scales.astype(np.float32).reshape(-1),
        "zero_point": layout.zero_points.reshape(-1),
    }
    if layout.axes:
        record["quantized_dimension"] = layout.axes[0]
    return record


def sparsity_record(parameters: SparsityParameters, *, empty_map: bool = False) -> Record:
    """The record of a sparse tensor's encoding; `empty_map`: without blocks, it has an empty map instead of none."""
    record: Record = {"traversal_order": parameters.traversal_order}
    if parameters.block_map or empty_map:
        record["block_map"] = parameters.block_map
    record["dim_metadata"] = [_dimension_record(d) for d in parameters.dim_metadata]
    return record


def _dimension_record(dimension: DimensionMetadata) -> Record:
    record: Record = {"format": schema().enums["DimensionType"].numbers[dimension.format]}
    if dimension.dense_size:
        record["dense_size"] = dimension.dense_size
    if dimension.format == "SPARSE_CSR":
        record["array_segments"] = _index_vector(dimension.segments)
        record["array_indices"] = _index_vector(dimension.indices)
    return record


def _index_vector(values: Any) -> tuple[str, Record]:
    table = {"u1": "Uint8Vector", "u2": "Uint16Vector"}.get(np.dtype(values.dtype).str[1:], "Int32Vector")
    return table, {"values": values}


def extras_of(attr: Attribute | None, count: int) -> list[DictionaryAttr]:
    """The `tfl.tensor` attribute as one dictionary for each of `count` results."""
    if isinstance(attr, DictionaryAttr) and count == 1:
        return [attr]
    items = list(cast(Any, attr).data) if attr is not None and not isinstance(attr, DictionaryAttr) else []
    return [item if isinstance(item, DictionaryAttr) else EMPTY for item in (*items, *[EMPTY] * count)][:count]


def detached_name(attr: DictionaryAttr) -> str | None:
    """The name of a tensor that an attribute describes."""
    name = attr.data.get("name")
    return name.data if isinstance(name, StringAttr) else None
