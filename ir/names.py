"""Names of the attributes that hold what a file says beyond ops and types, and tensor names as locations.

They hold only what does not follow from the op and its types; most ops have none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    FileLineColLoc,
    FusedLoc,
    IntAttr,
    LocationAttr,
    NameLoc,
    NoneAttr,
    StringAttr,
    UnknownLoc,
)
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue

# On the module.
SCHEMA_VERSION = "tfl.schema_version"
DESCRIPTION = "tfl.description"
METADATA = "tfl.metadata"
"""`[["name", dense<…> : tensor<Nxui8>], …]` in order, duplicates kept."""
METADATA_BUFFERS = "tfl.metadata_buffers"
"""`[0, dense<…> : tensor<Nxui8>, …]`: metadata without names, as older models of MediaPipe have it: bytes, or those of
the entry at this position of `METADATA`."""
SIGNATURES = "tfl.signatures"
"""`[{key, function, inputs = [["alias", position], …], outputs = […]}, …]` in order."""
ASSOCIATED_FILES = "tfl.associated_files"
"""`dense<…> : tensor<Nxui8>`: the zip archive that follows the model in its file."""
PLACED_BYTES = "tfl.placed_bytes"
"""`[position, dense<…> : tensor<Nxui8>]`: bytes after the model's tables that operators find by their position."""
MODEL_FIELDS = "tfl.model_fields"
"""Other fields of the model's table, unchanged."""
# On a function.
SUBGRAPH_NAME = "tfl.subgraph_name"
"""The subgraph's name, if it can't be the function's symbol (because it is empty or used twice)."""
UNUSED_TENSORS = "tfl.unused_tensors"
HAS_RANK = "tfl.has_rank"
"""false: this subgraph's tensors don't say that they are ranked."""
# On an op.
TENSOR = "tfl.tensor"
"""Fields of a result's tensor that its type does not tell: one dictionary, or an array with one for each result."""
IS_VARIABLE = "tfl.is_variable"
NO_DATA = "tfl.no_data"
"""A tensor that ops read although no op writes it and it has no data; its elements are undefined."""
VERSION = "tfl.version"
"""The operator's version in the file, if it is above the one that the op needs."""
NO_OPTIONS = "tfl.no_options"
"""The operator has no options table, although this kind of operator usually has one."""
OPERAND_COUNT = "tfl.operand_count"
"""How many operands the file lists, if it leaves out trailing optional ones instead of marking them absent."""
EMPTY_BLOCK_MAP = "tfl.empty_block_map"
"""A sparse constant without blocks stores an empty list of them instead of none."""
INTERMEDIATES = "tfl.intermediates"
OPERATOR_FIELDS = "tfl.operator_fields"
"""Other fields of the operator's table, unchanged (debug index, format, mutating inputs)."""
CONTROL = "tfl.control"
"""`{id, after = array<i64: …>}`: this op runs after the ops of those ids."""
FILE_DETAILS = (VERSION, NO_OPTIONS, OPERAND_COUNT)
"""Attributes about how the file stores an op, not about what the op computes."""
OP_DETAILS = "tfl.op_details"
"""On the module, in text only: `{tfl.reshape = {tfl.no_options}}`, the `FILE_DETAILS` that all ops of a kind have."""
# On functions and ops.
DEBUG_INDEX = "tfl.debug_metadata_index"

KEEP_FLOAT = "tfl.keep_float"
"""On an op: no pass quantizes it, and why."""
LEFT_OUT = "tfl.left_out"
"""On an op: the user excluded it, so that no pass quantizes it or makes its weights sparse."""
MAY_STAY_FLOAT = "tfl.may_stay_float"
"""On an op: it may compute in float even if integer-only quantization is requested."""

ACTIVATIONS = "tfl.activations"
"""On an op: `float`, `int8` or `int16`, the type of its activations where those of a model differ."""

SECOND_MOMENTS = "tfl.second_moments"
"""On an op: E[x x^T] over representative data for each product of its definition (`OpInfo.products`), where x is what
the weights multiply: an array of float32 constants of shape `(columns, columns)`, or `(channels, columns, columns)` for
a depthwise convolution; `unit` where nothing was recorded."""
INPUT_MEAN = "tfl.input_mean"
"""On an op: E[x] of the same x, constants with one dimension fewer."""
HELD_OUT_MOMENTS, HELD_OUT_MEAN = "tfl.held_out_moments", "tfl.held_out_mean"
"""On an op: the same over a part of the data that was held out of them, to check what was chosen by them."""
MOMENTS = (SECOND_MOMENTS, INPUT_MEAN, HELD_OUT_MOMENTS, HELD_OUT_MEAN)
CHANNEL_RANGES = "tfl.channel_ranges"
"""On an op with one result: the smallest and the largest element of each of its channels (indices of the last
dimension) over representative data, a float32 constant of shape `(2, channels)`."""

OP_CARRIED = (OPERATOR_FIELDS, CONTROL, DEBUG_INDEX)
"""Attributes that a rewrite always copies to the op that replaces the op."""
CARRIED = (*OP_CARRIED, KEEP_FLOAT, LEFT_OUT, MAY_STAY_FLOAT, ACTIVATIONS, *MOMENTS, CHANNEL_RANGES)
"""`OP_CARRIED` and what was recorded or decided about the op: a rewrite copies them to the op that replaces it."""

UNNAMED = UnknownLoc()


@lru_cache(maxsize=8192)
def named(name: str | None) -> LocationAttr:
    """The location that holds a tensor's name."""
    return UNNAMED if name is None else NameLoc(StringAttr(name), NoneAttr())


def location_of(names: Sequence[str | None]) -> LocationAttr:
    """The location of an op whose results have these names."""
    if len(names) == 1:
        return named(names[0])
    if not any(name is not None for name in names):
        return UNNAMED
    return FusedLoc(tuple(named(name) for name in names), NoneAttr())


def _text(location: LocationAttr) -> str | None:
    return location.desc.data if isinstance(location, NameLoc) else None


def op_names(op: Operation) -> list[str | None]:
    """The names of an op's results; None for a result without a name."""
    return names_in(op.location, len(op.results))


def first_name(op: Operation) -> str:
    """The first name of an op's results; empty if none has a name."""
    return next((name for name in op_names(op) if name), "")


def names_in(location: LocationAttr, count: int) -> list[str | None]:
    """The names of `count` results of an op that has this location."""
    if count == 1:
        return [_text(location)]
    if isinstance(location, FusedLoc):
        parts = cast(ArrayAttr[LocationAttr], location.locations).data
        if len(parts) == count:
            return [_text(part) for part in parts]
    base = _text(location)
    return [None] * count if base is None else [base if i == 0 else f"{base}:{i}" for i in range(count)]


def name_of(value: SSAValue) -> str | None:
    """The tensor's name; None if the value has none."""
    if isinstance(value, BlockArgument):
        return _text(value.location)
    assert isinstance(value, OpResult)
    return op_names(value.op)[value.index]


def suffixed(value: SSAValue, suffix: str) -> str | None:
    """The name of another form of a value: the value's own with `_suffix`; None if it has no name."""
    name = name_of(value)
    return None if name is None else f"{name}_{suffix}"


def read_at(location: LocationAttr, file: str, line: int, column: int) -> LocationAttr:
    """A location extended by the position in the text from which its op was read."""
    at = FileLineColLoc(StringAttr(file), IntAttr(line), IntAttr(column))
    return NameLoc(location.desc, at) if isinstance(location, NameLoc) else at


def text_place(op: Operation) -> str:
    """The position in the text from which the op was read, `file:line:column`; empty if that is not known."""
    at = op.location.location if isinstance(op.location, NameLoc) else op.location
    if isinstance(at, FusedLoc):
        parts = cast(ArrayAttr[LocationAttr], at.locations).data
        at = next((part.location for part in parts if isinstance(part, NameLoc)), at)
    return f"{at.filename.data}:{at.line.data}:{at.column.data}" if isinstance(at, FileLineColLoc) else ""


def place(op: Operation) -> str:
    """A name of the op for error messages: that of its first result, else of an operand."""
    for name in (*op_names(op), *(name_of(operand) for operand in op.operands)):
        if name:
            return name
    return ""
