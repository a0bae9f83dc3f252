"""Names of the attributes that carry what a model holds beside its ops, and tensor names as locations.

Only what the op and its types don't say is carried; an ordinary op carries nothing.
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
SIGNATURES = "tfl.signatures"
"""`[{key, function, inputs = [["alias", position], …], outputs = […]}, …]` in order."""
ASSOCIATED_FILES = "tfl.associated_files"
"""`dense<…> : tensor<Nxui8>`: the zip archive that stands after the model in its file."""
MODEL_FIELDS = "tfl.model_fields"
"""Other fields of the model's table, as they were."""
# On a function.
SUBGRAPH_NAME = "tfl.subgraph_name"
"""The subgraph's name where it can't be the symbol's (empty or used twice)."""
UNUSED_TENSORS = "tfl.unused_tensors"
HAS_RANK = "tfl.has_rank"
"""false: this subgraph's tensors don't say that they are ranked."""
# On an op.
TENSOR = "tfl.tensor"
"""What a result's type does not say of its tensor: one dictionary, or an array of them, one a result."""
IS_VARIABLE = "tfl.is_variable"
NO_DATA = "tfl.no_data"
"""A tensor that is read though nothing writes it and it has no data; what it holds is undefined."""
VERSION = "tfl.version"
"""The version in the file where it is above the one that the op needs."""
NO_OPTIONS = "tfl.no_options"
"""The operator has no options table where its kind usually has one."""
OPERAND_COUNT = "tfl.operand_count"
"""How many operands the file lists where trailing optional ones are not even marked absent."""
EMPTY_BLOCK_MAP = "tfl.empty_block_map"
"""A sparse constant without blocks has an empty list of them, not none."""
INTERMEDIATES = "tfl.intermediates"
OPERATOR_FIELDS = "tfl.operator_fields"
"""Other fields of the operator's table, as they were (debug index, format, mutating inputs)."""
CONTROL = "tfl.control"
"""`{id, after = array<i64: …>}`: this op runs after the ops of those ids."""
FILE_DETAILS = (VERSION, NO_OPTIONS, OPERAND_COUNT)
"""What says how the file spelt an op, not what the op computes."""
OP_DETAILS = "tfl.op_details"
"""On the module, in text alone: `{tfl.reshape = {tfl.no_options}}`, details that all ops of a kind have."""
# On functions and ops.
DEBUG_INDEX = "tfl.debug_metadata_index"

KEEP_FLOAT = "tfl.keep_float"
"""On an op: no pass quantizes it, and why."""
LEFT_OUT = "tfl.left_out"
"""On an op: a person left it out, so that no pass quantizes it or makes its weights sparse."""
MAY_STAY_FLOAT = "tfl.may_stay_float"
"""On an op: where integers alone are allowed, this one may compute in float."""

OP_CARRIED = (OPERATOR_FIELDS, CONTROL, DEBUG_INDEX)
"""Attributes that stay with an op whatever it is rewritten to."""
CARRIED = (*OP_CARRIED, KEEP_FLOAT, LEFT_OUT, MAY_STAY_FLOAT)
"""Those, and what was decided about the op: a rewrite gives them to the op that takes its place."""

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
    """The names of an op's results; None where one has no name."""
    return names_in(op.location, len(op.results))


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
    """The tensor's name; None where the value has none."""
    if isinstance(value, BlockArgument):
        return _text(value.location)
    assert isinstance(value, OpResult)
    return op_names(value.op)[value.index]


def read_at(location: LocationAttr, file: str, line: int, column: int) -> LocationAttr:
    """A location with the place in a text that its op was read from."""
    at = FileLineColLoc(StringAttr(file), IntAttr(line), IntAttr(column))
    return NameLoc(location.desc, at) if isinstance(location, NameLoc) else at


def text_place(op: Operation) -> str:
    """Where in a text the op was read: `file:line:column`; empty where that was not kept."""
    at = op.location.location if isinstance(op.location, NameLoc) else op.location
    if isinstance(at, FusedLoc):
        parts = cast(ArrayAttr[LocationAttr], at.locations).data
        at = next((part.location for part in parts if isinstance(part, NameLoc)), at)
    return f"{at.filename.data}:{at.line.data}:{at.column.data}" if isinstance(at, FileLineColLoc) else ""


def place(op: Operation) -> str:
    """A name for error messages: of the op's first result, else of what it reads."""
    for name in (*op_names(op), *(name_of(operand) for operand in op.operands)):
        if name:
            return name
    return ""
