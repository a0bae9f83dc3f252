"""Element types: the schema's `TensorType` beside MLIR's types, and the `tf_type` dialect's few."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import ml_dtypes
import numpy as np
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    BFloat16Type,
    ComplexType,
    Float8E4M3FNType,
    Float8E5M2Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    NoneType,
    Signedness,
    TensorType,
    UnrankedTensorType,
)
from xdsl.ir import Attribute, Dialect, ParametrizedAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition

from tflir.ir.quant import UniformQuantizedType


@irdl_attr_definition
class StringType(ParametrizedAttribute, TypeAttribute):
    """An element of a string tensor."""

    name = "tf_type.string"


@irdl_attr_definition
class ResourceType(ParametrizedAttribute, TypeAttribute):
    """A handle of a variable or a table."""

    name = "tf_type.resource"


@irdl_attr_definition
class VariantType(ParametrizedAttribute, TypeAttribute):
    """A value of a type known at run time only."""

    name = "tf_type.variant"


TF_TYPE = Dialect("tf_type", [], [StringType, ResourceType, VariantType])

AnyTensor = TensorType[Attribute] | UnrankedTensorType[Attribute]


def _unsigned(width: int) -> IntegerType:
    return IntegerType(width, Signedness.UNSIGNED)


# schema name: (MLIR type, kind in the op table, numpy type of a stored element or None)
_ELEMENTS: dict[str, tuple[Attribute, str, np.dtype[np.generic] | None]] = {
    "FLOAT32": (Float32Type(), "F32", np.dtype(np.float32)),
    "FLOAT16": (Float16Type(), "F16", np.dtype(np.float16)),
    "INT32": (IntegerType(32), "I32", np.dtype(np.int32)),
    "UINT8": (_unsigned(8), "UI8", np.dtype(np.uint8)),
    "INT64": (IntegerType(64), "I64", np.dtype(np.int64)),
    "STRING": (StringType(), "TFL_Str", None),
    "BOOL": (IntegerType(1), "I1", np.dtype(np.bool_)),
    "INT16": (IntegerType(16), "I16", np.dtype(np.int16)),
    "COMPLEX64": (ComplexType(Float32Type()), "C64", np.dtype(np.complex64)),
    "INT8": (IntegerType(8), "I8", np.dtype(np.int8)),
    "FLOAT64": (Float64Type(), "F64", np.dtype(np.float64)),
    "COMPLEX128": (ComplexType(Float64Type()), "C128", np.dtype(np.complex128)),
    "UINT64": (_unsigned(64), "UI64", np.dtype(np.uint64)),
    "RESOURCE": (ResourceType(), "RESOURCE", None),
    "VARIANT": (VariantType(), "VARIANT", None),
    "UINT32": (_unsigned(32), "UI32", np.dtype(np.uint32)),
    "UINT16": (_unsigned(16), "UI16", np.dtype(np.uint16)),
    "INT4": (IntegerType(4), "I4", np.dtype(ml_dtypes.int4)),
    "BFLOAT16": (BFloat16Type(), "BF16", np.dtype(ml_dtypes.bfloat16)),
    "INT2": (IntegerType(2), "I2", np.dtype(ml_dtypes.int2)),
    "UINT4": (_unsigned(4), "UI4", np.dtype(ml_dtypes.uint4)),
    "FLOAT8_E4M3FN": (Float8E4M3FNType(), "F8E4M3FN", np.dtype(ml_dtypes.float8_e4m3fn)),
    "FLOAT8_E5M2": (Float8E5M2Type(), "F8E5M2", np.dtype(ml_dtypes.float8_e5m2)),
}
_SCHEMA_NAME: dict[Attribute, str] = {mlir: name for name, (mlir, _, _) in _ELEMENTS.items()}
PACKED_BITS = {"INT4": 4, "UINT4": 4, "INT2": 2}
"""Element types stored several to a byte, the first in the lowest bits."""


def element_type(name: str) -> Attribute:
    """MLIR's type for an element of schema type `name`."""
    return _ELEMENTS[name][0]


def elements_of_kind(kind: str) -> Attribute:
    """MLIR's type for the op table's word of an element type that is not quantized: `I1`, `I32`, …."""
    return next(mlir for mlir, word, _ in _ELEMENTS.values() if word == kind)


def storage_type(element: Attribute) -> Attribute:
    """The type in which an element is stored: the integer type of a quantized one, else the type itself."""
    return element.storage if isinstance(element, UniformQuantizedType) else element


@lru_cache(maxsize=4096)
def _name_of(element: Attribute) -> str | None:
    return _SCHEMA_NAME.get(storage_type(element))


def schema_name(element: Attribute) -> str | None:
    """The schema's `TensorType` of an element type; None where the schema has none."""
    if isinstance(element, UniformQuantizedType):
        return _name_of(element.storage)
    return _name_of(element)


def numpy_dtype(name: str) -> np.dtype[np.generic] | None:
    """The numpy dtype of one unpacked element of schema type `name`; None for strings and handles."""
    return _ELEMENTS[name][2]


def stored_bytes(name: str, elements: int) -> int | None:
    """Bytes of a dense constant of this number of elements; None if the type has no fixed size."""
    if bits := PACKED_BITS.get(name):
        return -(-elements * bits // 8)
    dtype = numpy_dtype(name)
    return None if dtype is None else elements * dtype.itemsize


def element_kind(element: Attribute) -> str:
    """The op table's word for an element type: F32, I8, QI8, QUI8, TFL_Str …; '' where it has none."""
    name = schema_name(element)
    if name is None:
        return ""
    kind = _ELEMENTS[name][1]
    return f"Q{kind}" if isinstance(element, UniformQuantizedType) else kind


@lru_cache(maxsize=65536)
def tensor_type(shape: tuple[int, ...], element: Attribute) -> TensorType[Attribute]:
    """The TensorType of these, built once (building it again costs 90 µs); a dimension below 0 is dynamic."""
    return TensorType(element, tuple(DYNAMIC_INDEX if size < 0 else size for size in shape))


def shape_of(value_type: Attribute) -> tuple[int, ...] | None:
    """The shape of a ranked tensor type with -1 for dynamic dimensions; None if unranked or no tensor."""
    if not isinstance(value_type, TensorType):
        return None
    return tuple(max(dim, -1) for dim in cast(TensorType[Attribute], value_type).get_shape())


def with_element(value_type: Attribute, element: Attribute) -> Attribute:
    """The tensor type of the same shape with this element type; an unranked one for a type without a shape."""
    shape = shape_of(value_type)
    return UnrankedTensorType(element) if shape is None else tensor_type(shape, element)


def element_of(value_type: Attribute) -> Attribute | None:
    """The element type of a tensor type; None for others (`none`)."""
    if isinstance(value_type, TensorType | UnrankedTensorType):
        return cast(AnyTensor, value_type).element_type
    return None


def quantized_element(value: SSAValue) -> UniformQuantizedType | None:
    """The quantized element type of a value; None where it has none."""
    element = element_of(value.type)
    return element if isinstance(element, UniformQuantizedType) else None


_LONGEST_DIMENSION = 2**31 - 1
"""Models hold shapes in int32."""


def type_fault(value_type: Attribute) -> str | None:
    """Why a tensor can't have this type: a dimension that does not fit int32, or scales that do not match its shape."""
    if (shape := shape_of(value_type)) and max(shape) > _LONGEST_DIMENSION:
        return f"a dimension of {max(shape)} elements, where models hold {_LONGEST_DIMENSION} at most"
    element = element_of(value_type)
    if not isinstance(element, UniformQuantizedType) or not element.layout.axes:
        return None
    layout = element.layout
    if shape is None:
        return None
    if max(layout.axes) >= len(shape):
        return f"{value_type} has scales along axis {max(layout.axes)} of {len(shape)} dimensions"
    if layout.blocks:
        sizes = dict(zip(layout.axes, layout.blocks, strict=True))
        expected = tuple(_blocks(dim, sizes.get(axis, dim)) for axis, dim in enumerate(shape))
    else:
        expected = (shape[layout.axes[0]],)
    actual = layout.scales.shape
    if len(actual) == len(expected) and all(w in (f, -1) for f, w in zip(actual, expected, strict=True)):
        return None
    return f"{value_type} has {_by(actual)} scales where its shape wants {_by(expected)}"


def _blocks(dim: int, block: int) -> int:
    """How many blocks a dimension has."""
    return -1 if dim < 0 else -(-dim // block) if block > 0 else 0


def _by(dims: tuple[int, ...]) -> str:
    return "x".join(map(str, dims))


NONE = NoneType()
