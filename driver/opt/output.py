"""Writes the result of `tflir-opt` as text or as a model."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from tflir.backends.files import is_stream, whole_file
from tflir.backends.mlir import module_text, write_text
from tflir.commands.outputs import STDOUT, write_stdout
from tflir.files import check_ending
from tflir.ir.errors import Error
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

TFLITE, MLIR = "tflite", "mlir"


class Output:
    """The format and the destination of the output."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.path: str = arguments.output
        self.format: str = arguments.emit or (TFLITE if self.path.endswith(f".{TFLITE}") else MLIR)
        most: int | None = arguments.elide_elements_if_larger
        self._how: dict[str, Any] = {
            "elide": not arguments.print_resources and most is None,
            "elide_above": most,
            "locations": arguments.print_debuginfo,
            "generic": arguments.print_generic,
        }
        if self.path != STDOUT and arguments.emit is None and not is_stream(self.path):
            check_ending(self.path)
        if self.format == TFLITE and self.path == STDOUT and sys.stdout.isatty():
            raise Error("a model is no text for a terminal", hint="name a file with -o", status=USAGE)

    def text(self, module: ModuleOp) -> str:
        """The text of the program as the options request it."""
        return module_text(module, **self._how)

    def write(self, module: ModuleOp, *, whole: bool = False) -> None:
        """Writes the program to the output; with `whole`, text is complete and reads back as the same module."""
        if self.format == MLIR:
            how: dict[str, Any] = (
                {**self._how, "elide": False, "elide_above": None, "locations": True} if whole else self._how
            )
            with self._out() as out:
                write_text(module, out, **how)
            return
        from tflir.backends.tflite.model import export_model

        writer = export_model(module)
        if self.path == STDOUT:
            held = io.BytesIO()
            writer.write(held)
            write_stdout(held.getvalue())
            return
        with whole_file(self.path) as out:
            writer.write(out)

    def write_string(self, text: str) -> None:
        """Writes a text to the output."""
        with self._out() as out:
            out.write(text.encode())

    @contextmanager
    def _out(self) -> Generator[BinaryIO]:
        if self.path != STDOUT:
            with whole_file(self.path) as out:
                yield out
            return
        sys.stdout.flush()
        if hasattr(sys.stdout, "buffer"):
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:  # a test's or a notebook's
            held = io.BytesIO()
            yield held
            sys.stdout.write(held.getvalue().decode())
