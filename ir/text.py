"""Long lists in text, read at once: xDSL's parser takes a token for each number, 50 µs apiece."""

from __future__ import annotations

import re

from xdsl.parser import AttrParser

_LIST = {
    "[": re.compile(r"\[([^\[\]{}<>\"/]*+)\]"),
    "{": re.compile(r"\{([^\[\]{}<>\"/]*+)\}"),
}


_DECIMAL = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?")


def decimal(text: str) -> float:
    """The number that a decimal literal stands for. Raises `ValueError` for all else: words, bits in hexadecimal."""
    if _DECIMAL.fullmatch(text.strip()) is None:
        raise ValueError(f"{text.strip()} is no decimal number")
    return float(text)


def raw_list(parser: AttrParser, opening: str) -> list[str] | None:
    """The items of the flat list in brackets that comes next, as text; None (and nothing read) where none does.

    A list that holds brackets, strings or comments is left to the parser.
    """
    match = _LIST[opening].match(parser.lexer.input.content, parser.pos)
    if match is None:
        return None
    # xDSL has no public way to move its lexer on.
    parser._resume_from(match.end())  # pyright: ignore[reportPrivateUsage]
    body = match.group(1)
    return body.split(",") if body.strip() else []
