"""Whether the form of an op that the delegate takes is faster than the op's built-in kernel."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Operation


def worthwhile(before: Sequence[Operation], after: Sequence[Operation]) -> bool:
    """Whether `after`, which the delegate takes, runs faster than `before`, which it refuses."""
    return True
