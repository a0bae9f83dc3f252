"""The words of an operator's options: an enumeration of the schema has these and no others."""

from __future__ import annotations

from functools import cache

from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.ir import Operation

from tflir.ir.near import near
from tflir.ir.schema import schema
from tflir.ir.tfl.shapes import refuse


@cache
def _enumerations(table: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """The options of a table that are words, with those that there are."""
    fields = schema().tables[table].fields
    return tuple((f.name, frozenset(schema().enums[f.of].numbers)) for f in fields if f.kind == "enum")


def check_words(op: Operation, table: str | None) -> None:
    """Refuses an option of `table` whose word the schema does not have."""
    for name, words in () if table is None else _enumerations(table):
        found = op.properties.get(name)
        if isinstance(found, StringAttr) and found.data not in words:
            known = f" ({', '.join(sorted(words))})" if len(words) <= 8 else ""
            refuse(f"{name} can't be '{found.data}'{near(found.data, words) or known}")
        elif isinstance(found, IntegerAttr):
            refuse(f"{name} can't be {found}, which is no word of this schema")
