"""What a target says of an op."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["taken", "refused", "wrong", "unloadable", "crashes"]
"""taken: the target runs the op. refused: it leaves the op to whoever runs the rest. wrong: it runs the op and gives
wrong results. unloadable: the model does not load. crashes: the process ends."""


@dataclass(frozen=True)
class Verdict:
    """Whether a target takes an op, and why not."""

    status: Status
    reason: str = ""
    """In words, `a stride other than 1`; empty where the op is taken."""
    mend: str = ""
    """The pass that rewrites the op into a form that is taken; empty where no pass does."""
    known: str = ""
    """How this is known: `measured with LiteRT 2.3.0`, or where it is published."""

    @property
    def taken(self) -> bool:
        """Whether the target runs the op, rightly."""
        return self.status == "taken"
