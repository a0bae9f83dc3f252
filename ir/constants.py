"""Constants as attributes: `ArrayElementsAttr` over a blob, and its conversion from and to numpy arrays.

Pass authors call `elements(array)` to make one and `as_numpy(attr)` to read one; builtin
`dense<…>` attributes are read by the same function.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import (
    ComplexType,
    DenseIntOrFPElementsAttr,
    IntegerType,
    TensorType,
)
from xdsl.ir import Attribute, BuiltinAttribute, Data, Operation, ParametrizedAttribute, TypedAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from tflir.ir.blob import ArrayBlob, Blob, RepeatedBlob
from tflir.ir.errors import Error
from tflir.ir.names import place, text_place
from tflir.ir.text import ELIDED, PRINT_WHOLE
from tflir.ir.types import (
    PACKED_BITS,
    element_type,
    numpy_dtype,
    schema_name,
    shape_of,
    stored_bytes,
    tensor_type,
)

MOST_PRINTED = 32
"""Constants with more elements than this print as a resource, unless all elements are equal."""
_LARGEST_SPLAT = 1 << 20
"""Up to this many bytes, the printer checks whether all elements of a constant are equal, and prints only one if so."""


@irdl_attr_definition
class BlobAttr(Data[Blob]):
    """A blob inside an `ArrayElementsAttr`; it has no text of its own."""

    name = "builtin.blob"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Blob:
        parser.raise_error("a blob has no text of its own")

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string(f"<{self.data.nbytes} bytes>")


@irdl_attr_definition
class ArrayElementsAttr(TypedAttribute, BuiltinAttribute, ParametrizedAttribute):
    """Elements of a tensor, as bytes laid out as in the file (int4 two to a byte, strings with their offsets).

    A small constant prints as `dense<…>`, another as `dense_resource<key>`. tflir's printer chooses the key
    (`blob_key`) and so knows which bytes it must write; other printers leave the bytes out.
    """

    name = "builtin.array_elements"

    type: TensorType[Attribute]
    blob_attr: BlobAttr

    @property
    def blob(self) -> Blob:
        return self.blob_attr.data

    @property
    def element_name(self) -> str:
        """The schema's name of the element type."""
        return schema_name(self.type.element_type) or ""

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(shape_of(self.type) or ())

    def get_type(self) -> TensorType[Attribute]:
        return self.type

    def verify(self) -> None:
        name = self.element_name
        if not name:
            raise VerifyException(f"a constant can't have elements of type {self.type.element_type}")
        if -1 in (shape_of(self.type) or ()):
            raise VerifyException(f"a constant can't have the dynamic shape of {self.type}")
        wanted = stored_bytes(name, self.size)
        if wanted is not None and self.blob.nbytes != wanted:
            raise VerifyException(f"{self.blob.nbytes} bytes of data where {self.type} takes {wanted}")

    def print_without_type(self, printer: Printer) -> None:
        text = self._dense_text()
        if text is None:
            key_of = getattr(printer, "blob_key", None)
            text = f"dense_resource<{key_of(self) if key_of else ELIDED}>"
        printer.print_string(text)

    def print_builtin(self, printer: Printer) -> None:
        self.print_without_type(printer)
        printer.print_string(" : ")
        printer.print_attribute(self.type)

    def _dense_text(self) -> str | None:
        """`dense<…>`, or None if the constant is large or its elements can't be written as numbers."""
        element = self.type.element_type
        if numpy_dtype(self.element_name) is None or isinstance(element, ComplexType):
            return None
        array = self._splat()
        if array is None and self.size > MOST_PRINTED:
            return None
        array = as_numpy(self) if array is None else array
        if array.size == 0:
            return "dense<>"
        if array.dtype.kind not in "biuf" and self.element_name not in PACKED_BITS:
            return None
        return f"dense<{_nested_text(array)}>"

    def _splat(self) -> npt.NDArray[Any] | None:
        """The value of all elements as an array of rank 0; None if they differ, or if comparing them would
        take long.
        """
        size = stored_bytes(self.element_name, 1) or 1
        if isinstance(self.blob, RepeatedBlob) and self.size:
            expected = np.frombuffer((self.blob.pattern * size)[:size], np.uint8)
            return as_numpy(from_blob(ArrayBlob(expected), (), self.type.element_type))
        if self.size < 2 or self.blob.nbytes > _LARGEST_SPLAT:
            return None
        data = self.blob.view()
        if self.element_name not in PACKED_BITS and (data[:size] != data[-size:]).any():
            return None
        array = as_numpy(self)
        return array.reshape(-1)[0] if _is_splat(array) else None


def _is_splat(array: npt.NDArray[Any]) -> bool:
    """Whether all elements have the same bits."""
    flat = np.ascontiguousarray(array).reshape(-1)
    bits = flat.view(np.uint8).reshape(flat.size, -1)
    return bool((bits == bits[0]).all())


def _nested_text(array: npt.NDArray[Any]) -> str:
    if array.ndim == 0:
        return _element_text(array[()])
    return "[" + ", ".join(_nested_text(part) for part in array) + "]"


def _element_text(value: Any) -> str:
    if value.dtype.kind == "b":
        return "true" if value else "false"
    if value.dtype.kind != "f":
        return str(int(value))
    if not np.isfinite(value):
        return f"0x{value.tobytes()[::-1].hex().upper()}"  # MLIR writes the bits of infinities and NaNs
    text = f"{float(value):.6e}"
    if value.dtype.type(float(text)) == value:
        return text
    return np.format_float_scientific(value, unique=True, trim="0")


def unpack_bits(data: npt.NDArray[np.uint8], name: str, count: int) -> npt.NDArray[Any]:
    """The `count` integers of 2 or 4 bits in packed `data`, as int8 (uint8 for UINT4)."""
    bits = PACKED_BITS[name]
    per_byte = 8 // bits
    out = np.empty((data.size, per_byte), np.uint8)
    for i in range(per_byte):
        out[:, i] = (data >> (bits * i)) & ((1 << bits) - 1)
    flat = out.reshape(-1)[:count]
    if name.startswith("U"):
        return flat
    shift = 8 - bits
    return (flat << shift).view(np.int8) >> shift


def pack_bits(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """Integers of 2 or 4 bits packed as the schema stores them, the first in the lowest bits of each byte."""
    bits = PACKED_BITS[name]
    per_byte = 8 // bits
    flat = values.reshape(-1).astype(np.int8).view(np.uint8) & ((1 << bits) - 1)
    padded = np.zeros(-(-flat.size // per_byte) * per_byte, np.uint8)
    padded[: flat.size] = flat
    out = np.zeros(padded.size // per_byte, np.uint8)
    for i in range(per_byte):
        out |= padded[i::per_byte] << (bits * i)
    return out


def from_blob(blob: Blob, shape: tuple[int, ...], element: Attribute) -> ArrayElementsAttr:
    """The constant of `shape` and storage type `element` whose bytes are `blob`."""
    return ArrayElementsAttr(tensor_type(shape, element), BlobAttr(blob))


def elements(array: npt.NDArray[Any], element: Attribute | None = None) -> ArrayElementsAttr:
    """A constant of numpy `array`. `element` is needed where the dtype does not tell the type (int4 from an int8
    array).
    """
    if element is None:
        element = element_type(_schema_name_of(array.dtype))
    name = schema_name(element) or ""
    data = pack_bits(array, name) if name in PACKED_BITS else np.ascontiguousarray(array, numpy_dtype(name))
    return from_blob(ArrayBlob(data), array.shape, element)


def _schema_name_of(dtype: np.dtype[Any]) -> str:
    known = {"float32": "FLOAT32", "float16": "FLOAT16", "bool": "BOOL", "float64": "FLOAT64"}
    return known.get(dtype.name) or dtype.name.upper()


def as_numpy(attr: Attribute) -> npt.NDArray[Any]:
    """The elements as a read-only array of the constant's shape; no copy unless they are packed.

    Raises `Error` if `attr` holds no numbers (strings, or a resource whose data was left out of the text).
    """
    if isinstance(attr, DenseIntOrFPElementsAttr):
        return _from_builtin(cast("DenseIntOrFPElementsAttr[Any]", attr))
    if not isinstance(attr, ArrayElementsAttr):
        raise Error(f"{attr.name} holds no elements that can be read", hint="give the constant's data, not an elision")
    name, shape = attr.element_name, shape_of(attr.type) or ()
    dtype = numpy_dtype(name)
    if dtype is None:
        raise Error(f"elements of type {name} are no numbers")
    data = attr.blob.view()
    if name in PACKED_BITS:
        return unpack_bits(data, name, attr.size).reshape(shape)
    return data.view(dtype).reshape(shape)


def no_data(op: Operation) -> Error:
    """The error for a constant whose data was left out of the text that it was read from."""
    return Error(
        "has no data: the text was written without it",
        file=text_place(op),
        op=op.name,
        location=place(op),
        hint=PRINT_WHOLE,
    )


def load_numpy(attr: Attribute) -> npt.NDArray[Any]:
    """As `as_numpy`, for code that reads many constants in full: large ones are read from the file, not mapped, so that
    their pages do not remain in memory."""
    if not isinstance(attr, ArrayElementsAttr):
        return as_numpy(attr)
    return as_numpy(from_blob(ArrayBlob(attr.blob.loaded()), shape_of(attr.type) or (), attr.type.element_type))


def _from_builtin(attr: DenseIntOrFPElementsAttr[Any]) -> npt.NDArray[Any]:
    """The elements of xDSL's dense attribute: splats are expanded, and small integers take a byte each."""
    shape = tuple(attr.get_shape())
    element = cast(Attribute, attr.get_element_type())
    name = schema_name(element) or ""
    dtype = numpy_dtype(name)
    if dtype is None:
        raise Error(f"elements of type {element} can't stand in a model")
    if isinstance(element, IntegerType) and name in PACKED_BITS:
        dtype = np.dtype(np.uint8 if name.startswith("U") else np.int8)
    data = np.frombuffer(attr.data.data, np.uint8) != 0 if name == "BOOL" else np.frombuffer(attr.data.data, dtype)
    return np.broadcast_to(data.reshape(()), shape) if data.size == 1 else data.reshape(shape)


def normalise(attr: DenseIntOrFPElementsAttr[Any]) -> ArrayElementsAttr:
    """xDSL's dense attribute as an `ArrayElementsAttr`."""
    return elements(_from_builtin(attr), cast(Attribute, attr.get_element_type()))


def strings(attr: ArrayElementsAttr) -> list[bytes]:
    """The elements of a string constant (int32 count, count + 1 offsets, then the bytes)."""
    data = attr.blob.view()
    count = int(data[:4].view("<i4")[0])
    offsets = data[4 : 4 * (count + 2)].view("<i4")
    return [data[a:b].tobytes() for a, b in itertools.pairwise(offsets)]
