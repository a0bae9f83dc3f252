"""Long lists in text, read at once: xDSL's parser takes a token for each number, 50 µs apiece."""

from __future__ import annotations

import re

from xdsl.parser import AttrParser

_LIST = {
    "[": re.compile(r"\[([^\[\]{}<>\"/]*+)\]"),
    "{": re.compile(r"\{([^\[\]{}<>\"/]*+)\}"),
}


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
