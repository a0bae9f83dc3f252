"""Whole contents of files, pipes and standard input, as far as they may go: what has no end is refused."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from tflir.backends.files import is_stream
from tflir.ir.errors import Error
from tflir.ir.schema import IDENTIFIER

STDIN = "-"
STDIN_NAME = "<stdin>"
_MODEL = "model and no text"
MOST_STREAMED = 1 << 28
"""Bytes that are taken from a pipe or a device, of which nobody knows how much will come."""
_CHUNK = 1 << 20
_HEAD = 1 << 16


def read_content(path: str | os.PathLike[str], kind: str = _MODEL, most: int | None = None) -> bytes:
    """The bytes of a model or of text. Raises `Error` where the file can't be read, and where there is no end to it.

    `kind` is what the file should be, in words. `most`: how many bytes there may be at most; else a file may have as
    many as it has, and a stream `MOST_STREAMED`.
    """
    name = os.fspath(path)
    limit = most if most is not None else MOST_STREAMED if is_stream(name) else None
    try:
        with open(name, "rb") as file:
            return _read(file, name, limit, kind)
    except IsADirectoryError:
        raise Error("is a directory", file=name, hint="name a file") from None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        raise Error(f"can't be read: {said.lower()}", file=name, hint="check the path and its permissions") from None


def read_stdin() -> bytes:
    """The bytes of standard input, `MOST_STREAMED` at most."""
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise Error("there is no standard input", file=STDIN_NAME, hint="name a file")
    return _read(stream, STDIN_NAME, MOST_STREAMED, _MODEL)


def _read(file: BinaryIO, name: str, limit: int | None, kind: str) -> bytes:
    head = file.read(_HEAD)
    if not head:
        raise Error(f"is no {kind}: it is empty", file=name, hint="check what the file is")
    if head[4:8] != IDENTIFIER and b"\0" in head:
        raise Error(f"is no {kind}: it has bytes of value 0", file=name, hint="check what the file is")
    parts = [head]
    total = len(head)
    while part := file.read(_CHUNK):
        parts.append(part)
        total += len(part)
        if limit is not None and total > limit:
            hint = "write it to a file first" if limit == MOST_STREAMED else "check what the file is"
            raise Error(f"has more than {limit >> 20} MB", file=name, hint=hint)
    return b"".join(parts)
