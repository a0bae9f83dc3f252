"""Reads whole files, pipes and standard input up to a limit, so that an endless stream is refused."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from tflir.backends.files import is_stream
from tflir.ir.errors import Error, said_by_system
from tflir.ir.schema import IDENTIFIER
from tflir.near_files import near_files

STDIN = "-"
STDIN_NAME = "<stdin>"
_MODEL = "model and no text"
MOST_STREAMED = 1 << 28
"""The most bytes that are read from a pipe or a device, whose size is not known."""
_CHUNK = 1 << 20
_HEAD = 1 << 16


def read_content(path: str | os.PathLike[str], kind: str = _MODEL, most: int | None = None) -> bytes:
    """The bytes of a model or of text. Raises `Error` if the file can't be read or exceeds the limit.

    `kind` says in words what the file should be. `most` is the limit in bytes; by default there is none for files, and
    `MOST_STREAMED` for streams.
    """
    name = os.fspath(path)
    limit = most if most is not None else MOST_STREAMED if is_stream(name) else None
    try:
        with open(name, "rb") as file:
            return _read(file, name, limit, kind)
    except IsADirectoryError:
        raise Error("is a directory", file=name, hint="name a file") from None
    except (OSError, ValueError) as error:
        meant = near_files(name) if isinstance(error, FileNotFoundError) else ""
        what = f"can't be read: {said_by_system(error)}{meant}"
        raise Error(what, file=name, hint="check the path and its permissions") from None


def read_stdin(kind: str = _MODEL) -> bytes:
    """The bytes of standard input, at most `MOST_STREAMED`; `kind` says in words what they should be."""
    stream: BinaryIO | None = getattr(sys.stdin, "buffer", None)
    if stream is None:
        raise Error("there is no standard input", file=STDIN_NAME, hint="name a file")
    return _read(stream, STDIN_NAME, MOST_STREAMED, kind)


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
