"""Names that were perhaps meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 256
"""Comparing takes the product of two lengths; a longer name is no slip of the fingers."""


def near(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean …?` for the names among `known` that are like `name`, shown after `prefix`; else nothing."""
    if len(name) > _LONGEST:
        return ""
    found = difflib.get_close_matches(name, list(known), 3, 0.65)
    return f"; did you mean {' or '.join(repr(prefix + item) for item in found)}?" if found else ""
