"""Changes in the tables of a model, field by field: well-formed files whose numbers, lists and references lie."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Choose = Callable[[int], int]
"""Gives a number below another."""
INTEGERS = (0, 1, -1, -2, 2, 3, 4, 7, 16, 127, 255, 1000, 65536, (1 << 24) + 1, (1 << 31) - 1, -(1 << 31))
FLOATS = (0.0, -0.0, 1.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e-45, 3.4e38, 1e-7)
TEXTS = ("", "x", "\0", "a\nb", "\x1b[31m", "<b>", "n" * 3000, "main")
BYTES = (b"", b"\0", bytes(7), b"\xff" * 64, bytes(range(33)), b"\1\0\0\0\x08\0\0\0" * 4)
OPTIONS = tuple(getattr(schema, name) for name in dir(schema) if name.endswith("OptionsT"))
TYPES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 50, -1)


def changed(data: bytes, choose: Choose, count: int) -> bytes | None:
    """The model after `count` changes; None where they give no tables that can be written."""
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for _ in range(count):
        _change(model, choose)
    builder = flatbuffers.Builder(1024)
    try:
        builder.Finish(model.Pack(builder), b"TFL3")
    except Exception:  # the bindings raise all kinds for what a field can't hold
        return None
    return bytes(builder.Output())


def _change(model: Any, choose: Choose) -> None:
    """One field of one table, chosen so that tables of each kind have the same chance."""
    kinds: dict[str, list[Any]] = {}
    for table in _tables(model):
        kinds.setdefault(type(table).__name__, []).append(table)
    names = sorted(kinds)
    tables = kinds[names[choose(len(names))]]
    table = tables[choose(len(tables))]
    fields = sorted(vars(table))
    if not fields:
        return
    field = fields[choose(len(fields))]
    if field == "sparsity" and choose(2):
        table.sparsity = _sparsity(choose)
    elif isinstance(table, schema.OperatorT) and field.startswith("builtinOptions"):
        _give_options(table, choose)
    else:
        setattr(table, field, _other(getattr(table, field), field, model, choose))


def _tables(table: Any) -> Iterator[Any]:
    yield table
    for value in vars(table).values():
        for item in value if isinstance(value, list) else [value]:
            if type(item).__module__ == schema.__name__:
                yield from _tables(item)


def _give_options(operator: Any, choose: Choose) -> None:
    """Options of another kind of operator, or none."""
    kind = OPTIONS[choose(len(OPTIONS))]
    name = kind.__name__.removesuffix("T")
    for field, union in (("builtinOptions", schema.BuiltinOptions), ("builtinOptions2", schema.BuiltinOptions2)):
        number = getattr(union, name, 0)
        setattr(operator, f"{field}Type", number)
        setattr(operator, field, kind() if number else None)


def _sparsity(choose: Choose) -> Any:
    """An encoding of levels that may fit nothing."""
    made = schema.SparsityParametersT()
    made.traversalOrder, made.blockMap = _integers(choose, 4), _integers(choose, 2)
    made.dimMetadata = []
    for _ in range(choose(4)):
        level = schema.DimensionMetadataT()
        level.format, level.denseSize = choose(3), INTEGERS[choose(len(INTEGERS))]
        level.arraySegmentsType = level.arrayIndicesType = 1
        level.arraySegments, level.arrayIndices = schema.Int32VectorT(), schema.Int32VectorT()
        level.arraySegments.values, level.arrayIndices.values = _integers(choose, 4), _integers(choose, 4)
        made.dimMetadata.append(level)
    return made


def _integers(choose: Choose, most: int) -> list[int]:
    return [INTEGERS[choose(len(INTEGERS))] if choose(3) == 0 else choose(4) for _ in range(choose(most + 1))]


def _other(value: Any, field: str, model: Any, choose: Choose) -> Any:
    """Another value of a field."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, bytes | str):
        return TEXTS[choose(len(TEXTS))]
    if isinstance(value, float | np.floating):
        return FLOATS[choose(len(FLOATS))]
    if isinstance(value, int | np.integer):
        values = TYPES if field == "type" else INTEGERS
        return values[choose(len(values))]
    if isinstance(value, np.ndarray):
        return _other_array(value, choose)
    if isinstance(value, list) and value and type(value[0]).__module__ == schema.__name__:
        return _other_tables(value, choose)
    if isinstance(value, list):
        return _integers(choose, 6)
    if value is None and field in ("shape", "shapeSignature", "inputs", "outputs", "intermediates"):
        return _integers(choose, 4)
    if value is None and field == "quantization":
        return _quantization(choose)
    if value is not None and choose(2):
        same = [table for table in _tables(model) if type(table) is type(value)]
        return copy.copy(same[choose(len(same))])
    return None


def _other_array(value: Any, choose: Choose) -> Any:
    how = choose(6)
    if how == 0 or not value.size:
        return None
    if how == 1 and value.dtype == np.uint8:
        return np.frombuffer(BYTES[choose(len(BYTES))], np.uint8)
    if how == 2:
        return value[: choose(len(value))]
    if how == 3:
        return np.concatenate([value, value])
    given = value.copy()
    values = FLOATS if value.dtype.kind == "f" else INTEGERS
    with np.errstate(all="ignore"):
        given[choose(len(given))] = np.array([values[choose(len(values))]]).astype(value.dtype)[0]
    return given


def _other_tables(value: list[Any], choose: Choose) -> list[Any]:
    """The list with one of its tables left out, twice, or at the end."""
    at, how = choose(len(value)), choose(3)
    left = value[:at] + value[at + 1 :]
    return left if how == 0 else [*value, value[at]] if how == 1 else [*left, value[at]]


def _quantization(choose: Choose) -> Any:
    made = schema.QuantizationParametersT()
    made.scale = [FLOATS[choose(len(FLOATS))] for _ in range(choose(4))]
    made.zeroPoint = [INTEGERS[choose(len(INTEGERS))] for _ in range(choose(4))]
    made.quantizedDimension = choose(4)
    return made
