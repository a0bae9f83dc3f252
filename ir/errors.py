"""The one exception that tflir raises about a model, its data or the options."""

from __future__ import annotations

from typing import Any


class Error(Exception):
    """What is wrong, where, and how to mend it, as one line.

    `file`, `op`, `location` (the tensor's name) and `hint` are what is known of the place, else empty.
    `status` is the exit status that the command line ends with: 1 the model or the data can't be
    compiled, 2 wrong usage, 3 a demanded type or op set can't be met.
    """

    def __init__(
        self, what: str, *, file: str = "", op: str = "", location: str = "", hint: str = "", status: int = 1
    ) -> None:
        super().__init__(what)
        self.what = what
        self.file = file
        self.op = op
        self.location = location
        self.hint = hint
        self.status = status
        self.operation: Any = None
        """The op, where the error is about one."""
        self.notes: list[str] = []
        """What else helps, a line each: `FILE:LINE:COLUMN: …`, or without a place."""

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
    """`text` without what could move a terminal's cursor or can't be encoded: names may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _clip(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
