"""The input model of a command: a file, or the content of a pipe or standard input, which is read once."""

from __future__ import annotations

import os
import pathlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflir.backends.files import is_stream
from tflir.content import STDIN, STDIN_NAME, read_content, read_stdin
from tflir.files import TEXT, frontend_of, load, load_content
from tflir.ir.errors import Error
from tflir.ir.schema import IDENTIFIER
from tflir.near_files import near_files

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.converter import Converter


@dataclass(frozen=True)
class Input:
    """A model as a `.tflite`, as text, or in a format of a plug-in."""

    name: str
    """Its name in messages."""
    is_text: bool
    """Whether it is not a `.tflite` but text, or in a format of a plug-in."""
    size: int
    """Its bytes when the command began."""
    content: bytes | None = None
    """The content of a stream; None for a file."""

    def load(self) -> ModuleOp:
        """The module. Raises `Error` if this is not a valid model."""
        if self.content is None:
            return load(self.name)
        try:
            return load_content(self.content, self.name)
        except Error as error:
            error.file = error.file or self.name
            raise

    def converter(self) -> Converter:
        """A converter of the model."""
        from tflir.converter import Converter

        return Converter.from_module(self.load, self.name)

    @property
    def path(self) -> str | None:
        """The path of the `.tflite`, which other processes may open; None if it is something else."""
        return None if self.is_text or self.content is not None else self.name

    @property
    def model(self) -> str | bytes:
        """The model as LiteRT loads it: the path, or the bytes."""
        return self.name if self.content is None else self.content


def given(path: str) -> Input:
    """The input at `path`; `-` is standard input. A stream is read here. Raises `Error` if that fails."""
    if path == STDIN:
        return _streamed(read_stdin(), STDIN_NAME)
    if is_stream(path):
        return _streamed(read_content(path), path)
    check_there(path)
    try:
        size = os.stat(path).st_size
    except (OSError, ValueError):  # reading the file will raise an error that says why
        size = 0
    return Input(path, pathlib.Path(path).suffix == TEXT or frontend_of(path) is not None, size)


def check_there(path: str) -> None:
    """Raises `Error` if there is no file at `path`: a check before the path is used to derive others."""
    if path != STDIN and not os.path.lexists(path):
        what = f"can't be read: no such file or directory{near_files(path)}"
        raise Error(what, file=path, hint="check the path and its permissions")


def _streamed(content: bytes, name: str) -> Input:
    return Input(name, content[4:8] != IDENTIFIER, len(content), content)
