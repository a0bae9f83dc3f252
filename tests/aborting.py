"""A runtime that aborts, for the process that LiteRT runs in: it imports this module by name."""

from __future__ import annotations

import os


def abort(*_: object, progress: object = None) -> None:
    """Ends the process as a failed check in native code does."""
    os.write(2, b"F0000 kernel.cc:1] Check failed: scale > 0\n")
    os.abort()
