"""Long lists of numbers in text: read at once, since xDSL's parser takes 50 µs for each number, and shortened on
request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xdsl.parser import AttrParser
from xdsl.printer import Printer

ELIDED = "__elided__"
"""Stands for the items that were left out; text that contains it can't be read as a model."""
_SHOWN = 3
"""How many items of a shortened list are printed."""

_LIST = {
    "[": re.compile(r"\[([^\[\]{}<>\"/]*+)\]"),
    "{": re.compile(r"\{([^\[\]{}<>\"/]*+)\}"),
}


_DECIMAL = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")


def decimal(text: str) -> float:
    """The number of a decimal literal. Raises `ValueError` for other text: words, bits in hexadecimal."""
    if _DECIMAL.fullmatch(text.strip()) is None:
        raise ValueError(f"{text.strip()} is no decimal number")
    return float(text)


def raw_list(parser: AttrParser, opening: str) -> list[str] | None:
    """The items, as text, of the flat list in brackets that comes next; None, and nothing is read, if there is none.

    A list that contains brackets, strings or comments is left to the parser.
    """
    match = _LIST[opening].match(parser.lexer.input.content, parser.pos)
    if match is None:
        return None
    # xDSL has no public method that moves its lexer.
    parser._resume_from(match.end())  # pyright: ignore[reportPrivateUsage] -- see above
    body = match.group(1)
    return body.split(",") if body.strip() else []


def shown_items(items: Sequence[str], printer: Printer) -> Sequence[str]:
    """The items of a list that `printer` prints: one with `most_listed` prints only the first few of a longer list."""
    most: int | None = getattr(printer, "most_listed", None)
    return items if most is None or len(items) <= most else [*items[:_SHOWN], ELIDED]


def refuse_elided(parser: AttrParser, items: Sequence[str], at: int) -> None:
    """Raises a parse error if items were left out of the text, since the list would be read as a shorter one."""
    if any(item.strip() == ELIDED for item in items):
        parser.raise_error(f"a list was left out here: {PRINT_WHOLE}", at)


PRINT_WHOLE = "write the text again with --print-resources (tflir-opt), or without --elide-constants (tflir compile)"
