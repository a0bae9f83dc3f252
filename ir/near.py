"""Suggestions for a misspelt name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 256
"""Longer names are not compared: that takes time in proportion to the product of both lengths."""


def near(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean …?` with the names in `known` that are similar to `name`, each after `prefix`; else nothing."""
    if len(name) > _LONGEST:
        return ""
    matches = difflib.get_close_matches(name, list(known), 3, 0.65)
    return f"; did you mean {' or '.join(repr(prefix + item) for item in matches)}?" if matches else ""
