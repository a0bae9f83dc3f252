"""Checks that the strings in an operator's options are names of the schema's enumerations."""

from __future__ import annotations

from functools import cache

from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.ir import Operation

from tflir.ir.near import near
from tflir.ir.schema import schema
from tflir.ir.tfl.shapes import refuse


@cache
def _enumerations(table: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """The options of a table that are enumerations, with their names."""
    fields = schema().tables[table].fields
    return tuple((f.name, frozenset(schema().enums[f.of].numbers)) for f in fields if f.kind == "enum")


def check_words(op: Operation, table: str | None) -> None:
    """Raises `Unfit` if an option of `table` has a name that its enumeration in the schema does not have."""
    for name, words in () if table is None else _enumerations(table):
        attr = op.properties.get(name)
        if isinstance(attr, StringAttr) and attr.data not in words:
            known = f" ({', '.join(sorted(words))})" if len(words) <= 8 else ""
            refuse(f"{name} can't be '{attr.data}'{near(attr.data, words) or known}")
        elif isinstance(attr, IntegerAttr):
            refuse(f"{name} can't be {attr}, which is no word of this schema")
