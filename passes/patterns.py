"""Regular expressions that people give as options of passes."""

from __future__ import annotations

import re

from tflir.ir.errors import Error


def expression(pattern: str) -> re.Pattern[str]:
    """The compiled pattern. Raises `Error` (status 2) where it is none."""
    try:
        return re.compile(pattern)
    except re.error as error:
        raise Error(
            f"'{pattern}' is no regular expression: {error}", hint="escape its special characters", status=2
        ) from None
