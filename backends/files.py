"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Generator
from typing import BinaryIO

from tflir.ir.errors import Error


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """A file beside `path` to write to, renamed to it at the end; removed on any failure, Ctrl-C too.

    Raises `Error` where the file can't be written.
    """
    target = pathlib.Path(path)
    if target.is_dir():
        raise Error("is a directory", file=str(target), hint="name a file to write", status=2)
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp")
    except OSError as error:
        raise Error(
            f"can't be written: {error.strerror}", file=str(target), hint="check the folder and its permissions"
        ) from None
    try:
        with os.fdopen(handle, "w+b", buffering=1 << 16) as out:
            yield out
        os.chmod(temporary, _usual_mode(target))
        os.replace(temporary, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise Error(f"can't be written: {error.strerror}", file=str(target), hint="check the disk") from None
        raise


def _usual_mode(target: pathlib.Path) -> int:
    """The mode a file created in the usual way would have (a temporary file is private)."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
