"""Keeps what the runtime writes to file descriptor 2 off the terminal, without losing it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Generator

_STDERR = 2
_KEPT = 8192
_CHATTER = ("INFO:", "VERBOSE:", "WARNING: All log messages before")


class Said:
    """What was written while `quiet` held; complete once it has ended."""

    def __init__(self) -> None:
        self.text = ""

    def complaints(self) -> list[str]:
        """The lines that tell of something wrong."""
        return complaints(self.text)


def complaints(text: str) -> list[str]:
    """The lines of what the runtime wrote that tell of something wrong."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(_CHATTER)]


_kept_already = False


def kept_already() -> None:
    """Says that file descriptor 2 of this process is a file already: `quiet` reads it and leaves it as it is."""
    global _kept_already
    _kept_already = True


@contextlib.contextmanager
def quiet(said: Said | None = None) -> Generator[None]:
    """Sends file descriptor 2, which native code writes to, into a file; `said` gets it at the end."""
    said = said or Said()
    sys.stderr.flush()
    if _kept_already:
        began = os.lseek(_STDERR, 0, os.SEEK_CUR)
        try:
            yield
        finally:
            ended = os.lseek(_STDERR, 0, os.SEEK_CUR)
            begin = max(began, ended - _KEPT)
            said.text = os.pread(_STDERR, ended - begin, begin).decode(errors="replace")
        return
    try:
        saved = os.dup(_STDERR)
    except OSError:  # there is no stderr: nothing to keep quiet
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, _STDERR)
            os.close(saved)
            held.seek(max(0, held.seek(0, os.SEEK_END) - _KEPT))
            said.text = held.read().decode(errors="replace")
