"""Attributes of the `tfl` dialect, in the text that MLIR's TFL dialect prints and parses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, Data, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.str_enum import StrEnum

from tflir.ir.text import raw_list, refuse_elided, shown_items

IndexVector = npt.NDArray[np.integer[Any]]


class LSTMKernelType(StrEnum):
    FULL = "FULL"
    BASIC = "BASIC"


class MirrorPadMode(StrEnum):
    REFLECT = "REFLECT"
    SYMMETRIC = "SYMMETRIC"


class DimensionType(StrEnum):
    DENSE = "DENSE"
    SPARSE_CSR = "SPARSE_CSR"


@irdl_attr_definition
class LSTMKernelTypeAttr(EnumAttribute[LSTMKernelType], SpacedOpaqueSyntaxAttribute):
    """`#tfl<lstm_kernel_type_attr FULL>`"""

    name = "tfl.lstm_kernel_type_attr"


@irdl_attr_definition
class MirrorPadAttr(EnumAttribute[MirrorPadMode], SpacedOpaqueSyntaxAttribute):
    """`#tfl<mirror_pad_attr REFLECT>`"""

    name = "tfl.mirror_pad_attr"


@irdl_attr_definition
class DimensionTypeAttr(EnumAttribute[DimensionType], SpacedOpaqueSyntaxAttribute):
    """`#tfl<dimension_type_attr SPARSE_CSR>`"""

    name = "tfl.dimension_type_attr"


@irdl_attr_definition
class ConstBytesAttr(Data[bytes], SpacedOpaqueSyntaxAttribute):
    """`#tfl<const_bytes : "0x6162">`: bytes that only their custom op understands."""

    name = "tfl.const_bytes"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> bytes:
        parser.parse_punctuation(":")
        text = parser.parse_str_literal()
        if not text.startswith("0x"):
            parser.raise_error("bytes are written as 0x and two hexadecimal digits for each")
        try:
            return bytes.fromhex(text[2:])
        except ValueError:
            parser.raise_error("bytes are written as 0x and two hexadecimal digits for each")

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string(f': "0x{self.data.hex()}"')


# A struct's fields by name, each with the function that parses its value.
_Fields = dict[str, Callable[[AttrParser], Any]]


def _parse_struct(parser: AttrParser, fields: _Fields) -> dict[str, Any]:
    """`<a = …, b = …>` with every field once, in any order."""
    values: dict[str, Any] = {}
    parser.parse_punctuation("<")
    while len(values) < len(fields):
        if values:
            parser.parse_punctuation(",")
        name = parser.parse_identifier()
        if name not in fields or name in values:
            parser.raise_error(f"unknown or repeated parameter '{name}'; known: {', '.join(fields)}")
        parser.parse_punctuation("=")
        values[name] = fields[name](parser)
    parser.parse_punctuation(">")
    return values


def _parse_integers(parser: AttrParser) -> list[int]:
    at = parser.pos
    items = raw_list(parser, "[")
    if items is None:
        return parser.parse_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)
    refuse_elided(parser, items, at)
    try:
        return list(map(int, items))
    except ValueError:
        parser.raise_error("expected a list of integers", at)


def _parse_count(parser: AttrParser) -> int:
    return parser.parse_integer(allow_boolean=False, allow_negative=False)


def _parse_string(parser: AttrParser) -> str:
    return parser.parse_str_literal()


def _integers_text(values: Sequence[int] | IndexVector, printer: Printer) -> str:
    items = cast(list[int], values.tolist()) if isinstance(values, np.ndarray) else values
    return f"[{', '.join(shown_items(list(map(str, items)), printer))}]"


@dataclass(frozen=True)
class ExternalBuffer:
    """The position of a constant's bytes outside the model."""

    group_name: str
    offset: int
    length: int
    packing: str


@irdl_attr_definition
class ExternalBufferAttr(Data[ExternalBuffer]):
    """`#tfl.external_buffer<group_name = "g", offset = 4, length = 8, packing = "none">`"""

    name = "tfl.external_buffer"

    _FIELDS: ClassVar[_Fields] = {
        "group_name": _parse_string,
        "offset": _parse_count,
        "length": _parse_count,
        "packing": _parse_string,
    }

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> ExternalBuffer:
        return ExternalBuffer(**_parse_struct(parser, cls._FIELDS))

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string("<group_name = ")
        printer.print_string_literal(self.data.group_name)
        printer.print_string(f", offset = {self.data.offset}, length = {self.data.length}, packing = ")
        printer.print_string_literal(self.data.packing)
        printer.print_string(">")


class DimensionMetadata:
    """How one dimension of a sparse tensor is stored; immutable, compared by value.

    A dense dimension has its size; a compressed one (SPARSE_CSR) has segments and indices. Both are kept
    unchanged if they are numpy integers, and else stored in the narrowest of uint8, uint16 and int32.
    """

    __slots__ = ("_hash", "dense_size", "format", "indices", "segments")

    def __init__(
        self,
        format: DimensionType | str,
        dense_size: int = 0,
        segments: IndexVector | Sequence[int] = (),
        indices: IndexVector | Sequence[int] = (),
    ) -> None:
        self.format = DimensionType(format)
        self.dense_size = dense_size
        self.segments = _index_vector(segments)
        self.indices = _index_vector(indices)
        self._hash = hash((self.format, dense_size, _sample(self.segments), _sample(self.indices)))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, DimensionMetadata)
            and self._hash == other._hash
            and self.format == other.format
            and self.dense_size == other.dense_size
            and np.array_equal(self.segments, other.segments)
            and np.array_equal(self.indices, other.indices)
        )

    def __repr__(self) -> str:
        return f"DimensionMetadata({self.format}, {self.dense_size}, {self.segments.size} segments)"

    def text(self, printer: Printer) -> str:
        """`<format = …, dense_size = …, segments = …, indices = …>`"""
        segments, indices = _integers_text(self.segments, printer), _integers_text(self.indices, printer)
        return f"<format = {self.format}, dense_size = {self.dense_size}, segments = {segments}, indices = {indices}>"


def _sample(values: IndexVector) -> tuple[int, ...]:
    """Some of the values, to compute a hash from, independent of their integer type."""
    middle = len(values) // 2
    return (len(values), *values[:8].tolist(), *values[middle : middle + 8].tolist(), *values[-8:].tolist())


def _index_vector(values: IndexVector | Sequence[int]) -> IndexVector:
    if isinstance(values, np.ndarray):
        vector = values.view()
    else:
        low, high = min(values, default=0), max(values, default=0)
        bounds = (np.iinfo(kind) for kind in (np.uint8, np.uint16, np.int32))
        vector = np.array(values, next((b.dtype for b in bounds if b.min <= low and high <= b.max), np.int64))
    vector.setflags(write=False)
    return vector


@irdl_attr_definition
class DimensionMetadataAttr(Data[DimensionMetadata]):
    """`#tfl.dimension_metadata<format = SPARSE_CSR, dense_size = 0, segments = [0, 2], indices = [1, 5]>`"""

    name = "tfl.dimension_metadata"

    _FIELDS: ClassVar[_Fields] = {
        "format": lambda parser: parser.parse_str_enum(DimensionType),
        "dense_size": lambda parser: parser.parse_integer(),
        "segments": _parse_integers,
        "indices": _parse_integers,
    }

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> DimensionMetadata:
        return DimensionMetadata(**_parse_struct(parser, cls._FIELDS))

    def print_parameter(self, printer: Printer) -> None:
        printer.print_string(self.data.text(printer))


@dataclass(frozen=True)
class SparsityParameters:
    """How a sparse tensor is laid out: the order its dimensions are walked in, blocks, each dimension's storage."""

    traversal_order: tuple[int, ...] = ()
    block_map: tuple[int, ...] = ()
    dim_metadata: tuple[DimensionMetadata, ...] = ()


def _parse_dimensions(parser: AttrParser) -> list[DimensionMetadata]:
    dimensions: list[DimensionMetadata] = []
    while True:
        prefixed = parser.parse_optional_attribute()
        if isinstance(prefixed, DimensionMetadataAttr):
            dimensions.append(prefixed.data)
        else:
            dimensions.append(DimensionMetadataAttr.parse_parameter(parser))
        if not parser.parse_optional_punctuation(","):
            return dimensions


@irdl_attr_definition
class SparsityParameterAttr(Data[SparsityParameters]):
    """`#tfl.sparsity_parameter<traversal_order = [0, 1], block_map = [], dim_metadata = <format = …>, <format = …>>`"""

    name = "tfl.sparsity_parameter"

    _FIELDS: ClassVar[_Fields] = {
        "traversal_order": _parse_integers,
        "block_map": _parse_integers,
        "dim_metadata": _parse_dimensions,
    }

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> SparsityParameters:
        return SparsityParameters(**{name: tuple(v) for name, v in _parse_struct(parser, cls._FIELDS).items()})

    def print_parameter(self, printer: Printer) -> None:
        sparsity = self.data
        printer.print_string(
            f"<traversal_order = {_integers_text(sparsity.traversal_order, printer)}, "
            f"block_map = {_integers_text(sparsity.block_map, printer)}, dim_metadata = "
        )
        printer.print_string(", ".join(dimension.text(printer) for dimension in sparsity.dim_metadata))
        printer.print_string(">")


@irdl_attr_definition
class ControlType(ParametrizedAttribute, TypeAttribute):
    """`!tfl.control`: a value without data that only orders ops."""

    name = "tfl.control"


ATTRIBUTES: tuple[type[Attribute], ...] = (
    ConstBytesAttr,
    ControlType,
    DimensionMetadataAttr,
    DimensionTypeAttr,
    ExternalBufferAttr,
    LSTMKernelTypeAttr,
    MirrorPadAttr,
    SparsityParameterAttr,
)
