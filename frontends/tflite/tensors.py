"""Converts a tensor's record to a type, the bytes of a constant, and an attribute with the other fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import (
    BoolAttr,
    DictionaryAttr,
    Float32Type,
    IntegerType,
    StringAttr,
    UnitAttr,
    UnrankedTensorType,
)
from xdsl.ir import Attribute, TypeAttribute

from tflir.frontends.tflite.reader import Record, malformed
from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, from_blob
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.records import field_to_attribute, integers, record_to_attribute, refuse_unknown
from tflir.ir.schema import schema
from tflir.ir.types import element_type, stored_bytes, tensor_type

_REFERENCES = ("scales", "zero_points")
_TYPE_NAMES = schema().enums["TensorType"].names


def dimensions(record: Record) -> tuple[int, ...]:
    """The shape with -1 for dynamic dimensions."""
    signature = record.get("shape_signature")
    if signature is None or not signature.size:
        signature = record.get("shape")
    return () if signature is None else tuple(signature.tolist())


class TensorTypes:
    """Types of one subgraph's tensors. `buffer` returns the bytes of a buffer index; None if it has none."""

    def __init__(self, tensors: list[Record], buffer: Callable[[int, int | None], Blob | None]) -> None:
        self.tensors = tensors
        self._buffer = buffer
        ranked = sum(1 for t in tensors if t.get("has_rank"))
        self.has_rank = 2 * ranked >= len(tensors)
        """The value of `has_rank` in most tensors; only exceptions are stored with the tensor."""

    def element_name(self, index: int) -> str:
        return _TYPE_NAMES[self.tensors[index].get("type", 0)]

    def constant(self, index: int) -> ArrayElementsAttr | None:
        """The value of tensor `index` if it is a constant (it has a buffer with data, or no elements); else None."""
        record, name = self.tensors[index], self.element_name(index)
        shape = record.get("shape")
        static = () if shape is None else tuple(shape.tolist())
        needed = stored_bytes(name, math.prod(static))
        blob = self._buffer(record.get("buffer", 0), needed)
        if blob is not None and not blob.nbytes and needed is None and name != "STRING":
            return None  # a resource in a buffer of no bytes, which is no data
        if blob is None:
            if needed != 0 or record.get("is_variable") or record.get("external_buffer"):
                return None
            blob = DeferredBlob(0, "empty", lambda: iter(()))
        said = dimensions(record)
        if said != static and not (
            len(said) == len(static) and all(d in (-1, s) for d, s in zip(said, static, strict=True))
        ):
            raise malformed(
                f"constant '{record.get('name', index)}' of shape {list(static)} is said to be {list(said)}"
            )
        if needed is not None and blob.nbytes < needed:
            raise malformed(f"tensor '{record.get('name', index)}' of {needed} bytes has a buffer of {blob.nbytes}")
        if needed is None:
            _check_strings(record, name, blob, math.prod(static))
        return from_blob(blob, static, element_type(name))

    def stored(self, index: int) -> Blob | None:
        """All bytes of the buffer of tensor `index`; in a sparse tensor, the stored elements."""
        return self._buffer(self.tensors[index].get("buffer", 0), None)

    def type_of(self, index: int, constant: bool = False) -> Attribute:
        """The type of tensor `index`; unranked if the shape is empty and nothing confirms that it is a scalar."""
        record = self.tensors[index]
        shape = dimensions(record)
        element = self._quantized(record, self.element_name(index), shape) or element_type(self.element_name(index))
        if not shape and not (constant or record.get("has_rank")):
            return UnrankedTensorType(element)
        return tensor_type(tuple(shape), element)

    def _quantized(self, record: Record, name: str, shape: tuple[int, ...]) -> UniformQuantizedType | None:
        """The quantized element type if MLIR's `!quant.uniform` can express it; else None."""
        quantization = record.get("quantization")
        if not quantization or "details" in quantization:
            return None
        scale, point = quantization.get("scale"), quantization.get("zero_point")
        element = element_type(name)
        if scale is None or not scale.size or not isinstance(element, IntegerType):
            return None
        storage = cast("IntegerType[Any, Any]", element)
        if not 1 < storage.width.data <= 32 or point is None or point.size != scale.size:
            return None
        if not (np.isfinite(scale).all() and (scale > 0).all()):
            return None
        axis: int = quantization.get("quantized_dimension", 0)
        if scale.size == 1:
            layout = Layout(scale[0], point[0]) if axis == 0 else None
        else:
            fits: bool = 0 <= axis < len(shape) and shape[axis] == scale.size
            layout = Layout(scale, point, (axis,)) if fits else None
        return None if layout is None else UniformQuantizedType.get(storage, Float32Type(), layout)

    def extras(self, index: int, value_type: Attribute) -> DictionaryAttr | None:
        """The fields of tensor `index` that `value_type` does not tell; None if there are none."""
        record = self.tensors[index]
        fields: dict[str, Attribute] = {}
        signature, shape = record.get("shape_signature"), record.get("shape")
        if signature is not None and signature.size:
            usual = np.where(signature < 0, 1, signature)
            if shape is None or not np.array_equal(usual, shape):
                fields["shape"] = integers(() if shape is None else shape)
            if (signature >= 0).all():
                fields["signature"] = UnitAttr()
        self._extra_rank(record, value_type, fields)
        self._extra_quantization(record, value_type, fields)
        if variants := record.get("variant_tensors"):
            field = next(f for f in schema().tables["Tensor"].fields if f.name == "variant_tensors")
            fields["variant_tensors"] = field_to_attribute(field, variants)
        refuse_unknown("Tensor", record)
        return DictionaryAttr(fields) if fields else None

    def _extra_rank(self, record: Record, value_type: Attribute, fields: dict[str, Attribute]) -> None:
        says = bool(record.get("has_rank"))
        usual = self.has_rank and not isinstance(value_type, UnrankedTensorType)
        if says != usual:
            fields["has_rank"] = BoolAttr.from_bool(says)

    def _extra_quantization(self, record: Record, value_type: Attribute, fields: dict[str, Attribute]) -> None:
        quantization = {k: v for k, v in record.get("quantization", {}).items() if not _is_empty(v)}
        element = getattr(value_type, "element_type", None)
        if isinstance(element, UniformQuantizedType):
            for said in ("scale", "zero_point", "quantized_dimension"):
                quantization.pop(said, None)
        if not quantization:
            return
        details = quantization.pop("details", None)
        entries = dict(record_to_attribute("QuantizationParameters", quantization).data)
        if details is not None:
            entries["details"] = self._details(*details)
        fields["quantization"] = DictionaryAttr(entries)

    def _details(self, table: str, record: Record | None) -> DictionaryAttr:
        if record is None:
            raise malformed(f"quantization details of unknown kind {table}")
        plain = {k: v for k, v in record.items() if k not in _REFERENCES}
        entries: dict[str, Attribute] = {
            "table": StringAttr(table),
            **record_to_attribute(table, plain).data,
        }
        if table != "CustomQuantization":
            for name in _REFERENCES:
                index = cast(int, record.get(name, 0))
                if index >= 0:
                    entries[name] = self.detached(index, depth=1)
        return DictionaryAttr(entries)

    def detached(self, index: int, depth: int = 0) -> DictionaryAttr:
        """Tensor `index` as an attribute, for tensors that no op reads or writes."""
        if not 0 <= index < len(self.tensors) or depth > 1:
            raise malformed(f"a quantization refers to tensor {index} of {len(self.tensors)}")
        record = self.tensors[index]
        value = None if "sparsity" in record else self.constant(index)
        if depth and "details" in record.get("quantization", {}):
            raise malformed(f"scales of tensor {index} are blockwise quantized themselves")
        value_type = self.type_of(index, value is not None)
        entries: dict[str, Attribute] = {"type": cast(TypeAttribute, value_type)}
        if "name" in record:
            entries["name"] = StringAttr(record["name"])
        if value is not None:
            entries["value"] = value
        if record.get("is_variable"):
            entries["is_variable"] = UnitAttr()
        if extras := self.extras(index, value_type):
            entries["tensor"] = extras
        return DictionaryAttr(entries)


def _is_empty(value: Any) -> bool:
    return (isinstance(value, np.ndarray) and not value.size) or (isinstance(value, int) and value == 0)


def _check_strings(record: Record, name: str, blob: Blob, count: int) -> None:
    """Checks that a string constant has the layout that the runtime reads."""
    if name != "STRING":
        return
    data = blob.view()
    what = f"string tensor '{record.get('name', '')}'"
    if data.size < 8 or int(data[:4].view("<i4")[0]) < 0:
        raise malformed(f"{what}: {data.size} bytes are too few")
    string_count = int(data[:4].view("<i4")[0])
    if 4 * (string_count + 2) > data.size:
        raise malformed(f"{what}: {string_count} strings don't fit {data.size} bytes")
    offsets = data[4 : 4 * (string_count + 2)].view("<i4").astype(np.int64)
    if offsets[0] != 4 * (string_count + 2) or (np.diff(offsets) < 0).any() or offsets[-1] > data.size:
        raise malformed(f"{what}: its offsets are out of order")
