"""Counts the constants of a model by type and size, and their zeros; bytes are streamed, not kept in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, DictionaryAttr
from xdsl.ir import Attribute, Operation

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.constants import ArrayElementsAttr, normalise, unpack_bits
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.tfl.constants import ConstOp, ExternalConstOp, QConstOp, SparseConstOp, SparseQConstOp
from tflir.ir.types import PACKED_BITS, element_of, numpy_dtype, schema_name, shape_of

CONSTANT_OPS = (ConstOp, QConstOp, SparseConstOp, SparseQConstOp, ExternalConstOp)
LARGE = 1024
"""A constant of at least this many bytes is listed, and its zeros are counted."""
_CHUNK = 1 << 19
"""Bytes that are examined at once: few enough for the processor's cache."""


@dataclass
class TypeGroup:
    """Tensors of one type: `int8 per-channel` and the like."""

    type: str
    constants: int = 0
    activations: int = 0
    bytes: int = 0
    """Bytes of the constants; those that several share are counted once."""


@dataclass(frozen=True)
class Constant:
    """One large constant."""

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int
    """Bytes as stored in the file."""
    sparse: bool
    zeros: int | None
    """Elements that represent 0, including those that a sparse constant does not store; None if elements are
    not numbers."""
    zero_share: float | None


def type_name(value_type: Attribute, *, blockwise: bool = False) -> str:
    """The name of an element type with the kind of its quantization: float32, int8 per-channel …"""
    element = element_of(value_type)
    if element is None:
        return "none"
    name = (schema_name(element) or str(element)).lower()
    if blockwise:
        return f"{name} blockwise"
    if not isinstance(element, UniformQuantizedType):
        return name
    if element.layout.blocks:
        return f"{name} blockwise"
    return f"{name} {'per-channel' if element.is_per_axis else 'per-tensor'}"


class ConstantFacts:
    """Counts over the constants of a model."""

    def __init__(self) -> None:
        self.bytes = 0
        self.variables = 0
        self.per_tensor = self.per_axis = self.blockwise = self.float16 = 0
        self._groups: dict[str, TypeGroup] = {}
        self._large: list[tuple[Operation, ArrayElementsAttr]] = []
        self._seen: dict[int, object] = {}

    def add(self, op: Operation) -> int:
        """Counts a constant; returns the bytes that it adds to the model."""
        blockwise = _is_blockwise(op)
        self._count_quantization(op.results[0].type, blockwise)
        if names.IS_VARIABLE in op.attributes:
            self.variables += 1
            return 0
        group = self._group(type_name(op.results[0].type, blockwise=blockwise))
        group.constants += 1
        value = stored_elements(op)
        if value is None or names.NO_DATA in op.attributes:
            return 0
        added = self._first_time(value.blob)
        group.bytes += added
        if added >= LARGE:
            self._large.append((op, value))
        return added

    def add_attached(self, value: ArrayElementsAttr) -> None:
        """Counts a constant in an attribute."""
        added = self._first_time(value.blob)
        if added:
            group = self._group(type_name(value.type))
            group.constants += 1
            group.bytes += added

    def count_activation(self, value_type: Attribute) -> None:
        self._group(type_name(value_type)).activations += 1

    def groups(self) -> list[TypeGroup]:
        """The types, sorted by falling number of bytes."""
        return sorted(self._groups.values(), key=lambda g: (-g.bytes, -g.constants, -g.activations, g.type))

    def large(self) -> list[Constant]:
        """The large constants, the largest first, with their zeros counted."""
        ordered = sorted(self._large, key=lambda entry: -entry[1].blob.nbytes)
        return [_describe(op, value) for op, value in ordered]

    def _group(self, name: str) -> TypeGroup:
        return self._groups.setdefault(name, TypeGroup(name))

    def _first_time(self, blob: Blob) -> int:
        """The bytes of `blob`, or 0 if they were counted before."""
        if id(blob) in self._seen:
            return 0
        self._seen[id(blob)] = blob  # kept alive, so that no other object gets its id
        self.bytes += blob.nbytes
        return blob.nbytes

    def _count_quantization(self, value_type: Attribute, blockwise: bool) -> None:
        element = element_of(value_type)
        if blockwise or (isinstance(element, UniformQuantizedType) and element.layout.blocks):
            self.blockwise += 1
        elif isinstance(element, UniformQuantizedType):
            self.per_axis += element.is_per_axis
            self.per_tensor += not element.is_per_axis
        elif element is not None and schema_name(element) == "FLOAT16":
            self.float16 += 1


def stored_elements(op: Operation) -> ArrayElementsAttr | None:
    """The elements that a constant stores; None if they are outside the file."""
    if isinstance(op, SparseConstOp | SparseQConstOp):
        value: Attribute | None = op.compressed_data
    else:
        value = op.properties.get("value")
    if isinstance(value, DenseIntOrFPElementsAttr):
        return normalise(cast("DenseIntOrFPElementsAttr[Any]", value))
    return value if isinstance(value, ArrayElementsAttr) else None


def _is_blockwise(op: Operation) -> bool:
    """Whether the constant has scales for blocks of elements."""
    extras = op.attributes.get(names.TENSOR)
    quantization = extras.data.get("quantization") if isinstance(extras, DictionaryAttr) else None
    return isinstance(quantization, DictionaryAttr) and "details" in quantization.data


def _describe(op: Operation, value: ArrayElementsAttr) -> Constant:
    value_type = op.results[0].type
    sparse = isinstance(op, SparseConstOp | SparseQConstOp)
    shape = shape_of(value_type) or ()
    zeros = count_zeros(value, zero_of(value_type))
    elements = math.prod(shape) if sparse else value.size
    if sparse and zeros is not None:
        zeros += max(0, elements - value.size)
    share = zeros / elements if zeros is not None and elements else None
    name = names.op_names(op)[0] or ""
    return Constant(
        name, type_name(value_type, blockwise=_is_blockwise(op)), shape, value.blob.nbytes, sparse, zeros, share
    )


def zero_of(value_type: Attribute) -> int:
    """The integer that represents 0."""
    element = element_of(value_type)
    if isinstance(element, UniformQuantizedType) and element.layout.zero_points.size:
        return int(element.layout.zero_points.flat[0])
    return 0


def count_zeros(value: ArrayElementsAttr, zero: int = 0) -> int | None:
    """How many elements are `zero` (negative zero too); None if elements are not numbers."""
    name = value.element_name
    dtype = numpy_dtype(name)
    if dtype is None:
        return None
    if name in PACKED_BITS:
        return _packed_zeros(value, name, zero)
    mask: int | None = None
    if dtype.kind == "V":  # ml_dtypes: numpy compares these slowly, so their bits are compared
        dtype, mask = np.dtype(f"u{dtype.itemsize}"), (1 << (8 * dtype.itemsize - 1)) - 1
    zeros = 0
    for part in _whole_elements(value.blob, dtype):
        zeros += int(np.count_nonzero((part & mask if mask is not None else part) == zero))
    return zeros


def _whole_elements(blob: Blob, dtype: np.dtype[Any]) -> Iterator[npt.NDArray[Any]]:
    """The blob's elements in arrays of whole elements, even if a chunk ends inside an element."""
    rest = np.zeros(0, np.uint8)
    for chunk in blob.chunks(_CHUNK):
        data = np.concatenate([rest, chunk]) if rest.size else chunk
        whole = data.size - data.size % dtype.itemsize
        yield data[:whole].view(dtype)
        rest = data[whole:].copy()


def _packed_zeros(value: ArrayElementsAttr, name: str, zero: int) -> int:
    """The zeros among integers that are packed several to a byte."""
    each = 8 // PACKED_BITS[name]
    every_byte = np.arange(256, dtype=np.uint8)
    per_byte = (unpack_bits(every_byte, name, 256 * each).reshape(256, each) == zero).sum(axis=1)
    zeros, last = 0, None
    for chunk in value.blob.chunks(_CHUNK):
        zeros += int(np.bincount(chunk, minlength=256) @ per_byte)
        last = chunk[-1:].copy() if chunk.size else last
    padding = value.blob.nbytes * each - value.size
    if padding and last is not None:
        zeros -= int((unpack_bits(last, name, each)[each - padding :] == zero).sum())
    return zeros
