"""The one exception that tflir raises about a model, its data or the options."""

from __future__ import annotations

from typing import Any

FAILED = 1
"""The exit status if the model or the data can't be compiled."""
USAGE = 2
"""The exit status of wrong usage."""
UNMET = 3
"""The exit status if the model can't have a type or a set of ops that the user requires."""


class Error(Exception):
    """What is wrong, where, and how to correct it, as one line.

    `file`, `op`, `location` (the tensor's name) and `hint` are empty if they are not known.
    `status` is the exit status of the command line: `FAILED`, `USAGE` or `UNMET`.
    """

    def __init__(
        self, what: str, *, file: str = "", op: str = "", location: str = "", hint: str = "", status: int = FAILED
    ) -> None:
        super().__init__(what)
        self.what = what
        self.file = file
        self.op = op
        self.location = location
        self.hint = hint
        self.status = status
        self.operation: Any = None
        """The op, if the error is about one."""
        self.notes: list[str] = []
        """Further remarks, one a line: `FILE:LINE:COLUMN: …`, or without a position."""

    def __str__(self) -> str:
        where = " ".join(part for part in (self.op, f"'{_clip(self.location)}'" if self.location else "") if part)
        text = f"{self.file}: " if self.file else ""
        text += _clip(self.what, 320)
        if where:
            text += f" ({where})"
        if self.hint:
            text += f": {self.hint}"
        return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """`text` without control characters and what can't be encoded, since names in a model may hold any bytes."""
    return "".join(c if c.isprintable() else "?" for c in text)


def said_by_system(error: Exception) -> str:
    """What the operating system says went wrong, else the exception itself, in lower case: `permission denied`."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def _clip(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
