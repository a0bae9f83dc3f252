"""Parses the text inside `dense<…>`: numbers in nested brackets, a single value for all elements, hexadecimal bytes, or
strings."""

from __future__ import annotations

import binascii
import json
import math
import re
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
from xdsl.dialects.builtin import ComplexType, TensorType
from xdsl.ir import Attribute

from tflir.frontends.mlir.resources import unescape
from tflir.ir.blob import ArrayBlob, RepeatedBlob
from tflir.ir.constants import ArrayElementsAttr, elements, from_blob, pack_bits
from tflir.ir.types import PACKED_BITS, numpy_dtype, schema_name, shape_of, stored_bytes

_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_HEX = re.compile(r"-?0[xX][0-9A-Fa-f]+")
_BARE_POINT = re.compile(r"(?<=\d)\.(?=[^\d]|$)")
_COMPLEX = re.compile(r"\(([^(),]*),([^(),]*)\)")
_BRACKETS = re.compile(r"[\[\s]*+")
"""The brackets before the first element: as many as dimensions."""
_MOST_REPEATED = 1 << 24
"""The most bytes that a single string for all elements may expand to."""
_LARGE_SPLAT = 1 << 16
"""If a single value expands to more bytes than this, they are generated when they are written."""


def dense_constant(body: str, value_type: TensorType[Attribute]) -> ArrayElementsAttr:
    """The constant `dense<body> : value_type`. Raises `ValueError` that says what is wrong."""
    shape = shape_of(value_type) or ()
    if any(d < 0 for d in shape):
        raise ValueError(f"a constant can't have the dynamic shape of {value_type}")
    name = schema_name(value_type.element_type)
    if name is None:
        raise ValueError(f"a constant can't have elements of type {value_type.element_type}")
    body = body.strip()
    if name == "STRING":
        return _string_constant(body, shape, value_type.element_type)
    if body.startswith('"'):
        return _from_hex(body, name, shape, value_type.element_type)
    brackets = _BRACKETS.match(body)
    if brackets is not None and (depth := brackets.group().count("[")) > len(shape):
        raise ValueError(f"elements nested {depth} deep where the type has {len(shape)} dimensions")
    array = _numbers(body, name, isinstance(value_type.element_type, ComplexType))
    if array.ndim == 0 and shape:
        return _splat(array, name, shape, value_type.element_type)
    if array.shape != shape and not (array.size == 0 and 0 in shape):
        raise ValueError(f"elements of shape {list(array.shape)} where the type has {list(shape)}")
    return elements(array.reshape(shape), value_type.element_type)


def _numbers(body: str, name: str, is_complex: bool) -> npt.NDArray[Any]:
    """The elements as an array with an item for each element, even if the constant packs several to a byte."""
    dtype = _unpacked(name)
    if not body:
        return np.zeros(0, dtype)
    if '"' in body or "{" in body:
        raise ValueError("the elements are no numbers in brackets")
    if is_complex:
        body = _COMPLEX.sub(r"[\1,\2]", body)
    try:
        parsed = json.loads(_BARE_POINT.sub(".0", _HEX.sub(r'"\g<0>"', body)), parse_constant=_no_number)
    except json.JSONDecodeError:
        raise ValueError("the elements are no numbers in brackets") from None
    try:
        array = np.array(parsed, object)
    except ValueError:
        raise ValueError("the elements' lists differ in length") from None
    if any(isinstance(item, list) for item in array.flat):
        raise ValueError("the elements' lists differ in length")
    return _converted(array, dtype, name, is_complex)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number: write its bits, as in 0x7FC00000")


def _unpacked(name: str) -> np.dtype[Any]:
    """The dtype of an unpacked element; a byte for integers of 2 or 4 bits."""
    if name in PACKED_BITS:
        return np.dtype(np.uint8 if name.startswith("U") else np.int8)
    dtype = numpy_dtype(name)
    if dtype is None:
        raise ValueError(f"elements of type {name} have no literal")
    return dtype


def _converted(array: npt.NDArray[Any], dtype: np.dtype[Any], name: str, is_complex: bool) -> npt.NDArray[Any]:
    if is_complex:
        part = np.dtype(f"f{dtype.itemsize // 2}")
        pairs = np.array([_float(item, part) for item in array.flat], part).reshape(array.shape)
        if not pairs.shape or pairs.shape[-1] != 2:
            raise ValueError("a complex element is two numbers in parentheses")
        return np.ascontiguousarray(pairs).view(dtype)[..., 0]
    if dtype.kind in "iub":
        limit = PACKED_BITS.get(name, 1 if dtype.kind == "b" else 8 * dtype.itemsize)
        values = [_integer(item, limit, dtype.kind == "u") for item in array.flat]
        return np.array(values, np.uint64).astype(_wrapped(dtype)).view(dtype).reshape(array.shape)
    return np.array([_float(item, dtype) for item in array.flat], dtype).reshape(array.shape)


def _wrapped(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(f"u{dtype.itemsize}") if dtype.kind != "b" else np.dtype(np.bool_)


def _integer(item: Any, bits: int, unsigned: bool) -> int:
    """The integer as its two's complement in 64 bits."""
    value = int(item, 16) if isinstance(item, str) else item
    if not isinstance(value, int) or (isinstance(value, bool) and bits > 1):
        raise ValueError(f"{json.dumps(item)} is no integer")
    if not (0 if unsigned else -(1 << (bits - 1))) <= value < 1 << bits:
        raise ValueError(f"{value} does not fit {bits} bits")
    return value & 0xFFFFFFFFFFFFFFFF


def _float(item: Any, dtype: np.dtype[Any]) -> Any:
    """A decimal literal, or a hexadecimal literal with the bits of the number."""
    if isinstance(item, str):
        bits = int(item, 16)
        if not 0 <= bits < 1 << (8 * dtype.itemsize):
            raise ValueError(f"{item} does not fit {8 * dtype.itemsize} bits")
        return np.array(bits, f"u{dtype.itemsize}").view(dtype)[()]
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise ValueError(f"{json.dumps(item)} is no number")
    try:
        with np.errstate(over="ignore"):
            value = dtype.type(item)
    except OverflowError:
        value = dtype.type(math.inf)
    if math.isinf(value):
        raise ValueError(f"an element is too large for {dtype.name}")
    return value


def _splat(array: npt.NDArray[Any], name: str, shape: tuple[int, ...], element: Attribute) -> ArrayElementsAttr:
    """The constant with a single value for all elements."""
    nbytes = stored_bytes(name, math.prod(shape)) or 0
    pattern = array.tobytes()
    if any(pattern) and nbytes <= _LARGE_SPLAT:
        return elements(np.broadcast_to(array, shape), element)
    if name in PACKED_BITS:
        pattern = pack_bits(np.broadcast_to(array, 8 // PACKED_BITS[name]), name).tobytes()
    return from_blob(RepeatedBlob(pattern, nbytes), shape, element)


def _from_hex(body: str, name: str, shape: tuple[int, ...], element: Attribute) -> ArrayElementsAttr:
    """MLIR's hexadecimal form: the bytes of all elements, or of a single one for all. A bool takes a bit, an
    int4 a byte.
    """
    if not body.startswith('"0x') or not body.endswith('"'):
        raise ValueError("bytes are written as 0x and hexadecimal digits")
    try:
        data = np.frombuffer(binascii.unhexlify(body[3:-1]), np.uint8)
    except binascii.Error:
        raise ValueError("bytes are written as 0x and hexadecimal digits") from None
    count = math.prod(shape)
    if name == "BOOL" and data.size != count:
        bits = np.unpackbits(data, bitorder="little")
        array: npt.NDArray[Any] = (bits[:1] if data.size == 1 and data[0] in (0, 255) else bits[:count]).view(np.bool_)
    else:
        dtype = _unpacked(name)
        if data.size % dtype.itemsize:
            raise ValueError(f"{data.size} bytes are no whole number of elements")
        array = data.view(dtype)
    if array.size == 1 and count != 1:
        return _splat(array.reshape(()), name, shape, element)
    if array.size != count:
        raise ValueError(f"{array.size} elements where the type has {count}")
    return elements(array.reshape(shape), element)


def _string_constant(body: str, shape: tuple[int, ...], element: Attribute) -> ArrayElementsAttr:
    """Strings as the runtime stores them: their number, the offset of each and of the end, then the bytes."""
    items = [unescape(match.group(1).encode("utf-8", "surrogateescape")) for match in _STRING.finditer(body)]
    if _STRING.sub("", body).strip(" \n\t[],"):
        raise ValueError("the elements are no strings in brackets")
    count = math.prod(shape)
    is_splat = len(items) == 1 and not body.startswith("[")
    if len(items) != count and not is_splat:
        raise ValueError(f"{len(items)} strings where the type has {count}")
    times = count if is_splat else 1
    nbytes = 4 * (count + 2) + times * sum(map(len, items))
    if is_splat and nbytes > _MOST_REPEATED:
        raise ValueError(f"one string {times} times takes {nbytes} bytes, more than {_MOST_REPEATED}")
    lengths = np.tile(np.array([len(item) for item in items], np.int64), times)
    ends = np.cumsum(np.concatenate([[4 * (count + 2)], lengths]))
    head = np.concatenate([[count], ends]).astype("<i4").tobytes()
    return from_blob(ArrayBlob(np.frombuffer(head + b"".join(items) * times, np.uint8)), shape, element)
