"""Regular expressions with which users select tensors by name.

RE2 evaluates them: for every expression and every name, time is linear in the length of both, and memory is bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from tflir.ir.errors import USAGE, Error

_LOOKING_AROUND = ("(?=", "(?!", "(?<=", "(?<!")


@lru_cache
def expression(pattern: str) -> Callable[[str], bool]:
    """A function that says whether the pattern matches somewhere in a name.

    Raises `Error` (status 2) if the pattern is not a regular expression.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        compiled = re2.compile(_encoded(pattern), options)
    except re2.error as error:
        said = error.args[0] if error.args else ""
        why = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        looks = any(mark in pattern for mark in _LOOKING_AROUND)
        hint = "look-around is not known here" if looks else "escape its special characters"
        raise Error(f"'{pattern}' is no regular expression: {why}", hint=hint, status=USAGE) from None
    return lambda name: compiled.search(_encoded(name)) is not None


def _encoded(text: str) -> bytes:
    """The text as UTF-8, with question marks for lone surrogates, which are not characters."""
    return text.encode("utf-8", "replace")
