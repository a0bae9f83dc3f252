"""Captures what the runtime writes to file descriptor 2, so that it does not appear in the terminal."""

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
    """The text that was written inside `quiet`; complete after its end."""

    def __init__(self) -> None:
        self.text = ""

    def complaints(self) -> list[str]:
        """The lines that report an error."""
        return complaints(self.text)


def complaints(text: str) -> list[str]:
    """The lines in the runtime's output that report an error."""
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(_CHATTER)]


_kept_already = False


def kept_already() -> None:
    """Declares that file descriptor 2 of this process already is a file: `quiet` reads it and does not redirect it."""
    global _kept_already
    _kept_already = True


@contextlib.contextmanager
def quiet(said: Said | None = None) -> Generator[None]:
    """Redirects file descriptor 2, which native code writes to, into a file; `said` gets its text at the end."""
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
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), _STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, _STDERR)
            os.close(saved)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _KEPT))
            said.text = file.read().decode(errors="replace")
