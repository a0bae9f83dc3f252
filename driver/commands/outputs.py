"""Checks output paths before the work begins, and writes to files and to standard output."""

from __future__ import annotations

import os
import pathlib
import stat
import sys
from collections.abc import Iterable, Sequence
from typing import Any, cast

from tflir.backends.files import check_writable, is_stream, whole_file
from tflir.ir.errors import USAGE, Error

STDOUT = "-"
STDOUT_NAME = "<stdout>"
PAGES = (".html", ".htm")
"""The endings of pages."""
Path = str | os.PathLike[str]


def check_outputs(outputs: Sequence[Path], inputs: Iterable[Any], *, force: bool) -> None:
    """Raises `Error` if an output is an input, another output, a file that exists, or one that can't be written.

    `inputs`: models, data and statistics; those that are not paths are ignored. `force` allows files that exist.
    Standard output, `-`, may stand for one of them.
    """
    if list(outputs).count(STDOUT) > 1:
        raise Error("standard output is named for two outputs", hint="name a file for one", status=USAGE)
    read = [os.fspath(cast(Path, source)) for source in inputs if isinstance(source, str | os.PathLike)]
    for number, target in enumerate(outputs):
        if target == STDOUT:
            continue
        name = os.fspath(target)
        for source in read:
            if any(_is_same(target, file) for file in _files_of(source)):
                what = "is the input" if source is read[0] else "is an input"
                raise Error(what, file=name, hint="name another file to write", status=USAGE)
        if any(_is_same(target, other) for other in outputs[:number]):
            raise Error("is named for two outputs", file=name, hint="name two files", status=USAGE)
        if not force and os.path.isfile(target):
            hint = "name another file to write, or use --force"
            raise Error("exists", file=name, hint=hint, status=USAGE)
        check_writable(target)


def check_stdout(outputs: Sequence[Path], model: Path, *, as_json: bool = False) -> None:
    """Raises `Error` if a model would be written to a terminal, or standard output would hold a file and `--json`.

    `model` is the one of `outputs` that is a `.tflite`. It goes to a pipe: to a file, the shell would write what there
    is of it where a run fails, so it is to be named.
    """
    if STDOUT not in outputs:
        return
    if as_json:
        what = "--json and a file would both be written to standard output"
        raise Error(what, hint="name a file to write", status=USAGE)
    if model == STDOUT and sys.stdout.isatty():
        raise Error("a model is no text for a terminal", hint="name a file, or give it to a pipe", status=USAGE)
    if model == STDOUT and _is_file(sys.stdout):
        what, hint = "standard output is a file, which would be cut short if the run failed", "name it: -o FILE"
        raise Error(what, hint=hint, status=USAGE)


def _is_file(stream: Any) -> bool:
    """Whether a stream is redirected to a regular file."""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, AttributeError, ValueError):  # a notebook's, or one that was closed
        return False


def shown_name(output: str) -> str:
    """The name of an output in messages."""
    return STDOUT_NAME if output == STDOUT else output


def write_output(path: Path, data: bytes) -> None:
    """Writes a file completely or not at all; `-` is standard output. Raises `Error` if it can't be written."""
    if path == STDOUT:
        write_stdout(data)
        return
    with whole_file(path) as out:
        out.write(data)


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
