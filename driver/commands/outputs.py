"""Checks output paths before the work begins, and writes to standard output."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterable, Sequence
from typing import Any, cast

from tflir.backends.files import check_writable, is_stream
from tflir.ir.errors import Error

STDOUT = "-"
PAGES = (".html", ".htm")
"""The endings of pages."""
_USAGE = 2
Path = str | os.PathLike[str]


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Any], *, force: bool) -> None:
    """Raises `Error` if an output is an input, another output, a file that exists, or one that can't be written.

    `inputs`: models, data and statistics; those that are not paths are ignored. `force` allows files that exist.
    """
    read = [os.fspath(cast(Path, source)) for source in inputs if isinstance(source, str | os.PathLike)]
    for number, target in enumerate(outputs):
        if target == STDOUT:
            continue
        name = os.fspath(target)
        for source in read:
            if any(_is_same(target, file) for file in _files_of(source)):
                what = "is the input" if source is read[0] else "is an input"
                raise Error(what, file=name, hint="name another file to write", status=_USAGE)
        if any(_is_same(target, other) for other in outputs[:number]):
            raise Error("is named for two outputs", file=name, hint="name two files", status=_USAGE)
        if not force and os.path.isfile(target):
            hint = "name another file to write, or use --force"
            raise Error("exists", file=name, hint=hint, status=_USAGE)
        check_writable(target)


def write_stdout(data: bytes) -> None:
    """Writes to standard output, as bytes if it accepts them."""
    sys.stdout.flush()
    if hasattr(sys.stdout, "buffer"):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:  # a notebook's
        sys.stdout.write(data.decode())


def _is_same(first: Path, second: Path) -> bool:
    """Whether two paths name the same file, even through links; not for devices, which may be read and
    written at once.
    """
    if os.path.exists(first) and os.path.exists(second):
        device = is_stream(first) and not pathlib.Path(first).is_fifo()
        return os.path.samefile(first, second) and not device
    return os.path.realpath(first) == os.path.realpath(second)


def _files_of(source: str) -> Sequence[Path]:
    """The files of an input: itself, those in a folder of data, or the Python module of a function."""
    if os.path.isfile(source) or not (os.path.isdir(source) or ":" in source):
        return [source]
    from tflir.data.dataset import files_of

    return files_of(source)
