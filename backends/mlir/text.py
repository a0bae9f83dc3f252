"""Writes a module as MLIR text: the module, then the bytes of its large constants, streamed."""

from __future__ import annotations

import io
from typing import BinaryIO

from xdsl.dialects.builtin import ModuleOp

from tflir.backends.mlir.printer import TextPrinter
from tflir.ir.blob import Blob

_ALIGNMENT = bytes([16, 0, 0, 0])
"""The alignment of a resource, as a little-endian word, which MLIR expects before its bytes."""
_FLUSH = 1 << 12


def write_text(
    module: ModuleOp,
    out: BinaryIO,
    *,
    elide: bool = False,
    locations: bool = True,
    generic: bool = False,
    elide_above: int | None = None,
) -> None:
    """Writes `module` to `out`.

    `elide` leaves out the bytes of large constants, so that the text can't be read as a model again; without
    `locations`, tensors lose their names. `generic` prints every op in MLIR's generic form. `elide_above` leaves out
    constants of more elements than that, small ones too.
    """
    printer = TextPrinter(locations=locations, elide=elide, generic=generic, elide_above=elide_above)
    _write(module, out, printer)


def module_text(
    module: ModuleOp,
    *,
    elide: bool = True,
    locations: bool = False,
    generic: bool = False,
    elide_above: int | None = None,
) -> str:
    """The text of `module`, for people to read."""
    out = io.BytesIO()
    write_text(module, out, elide=elide, locations=locations, generic=generic, elide_above=elide_above)
    return out.getvalue().decode()


def _write(module: ModuleOp, out: BinaryIO, printer: TextPrinter) -> None:
    def flush() -> None:
        if len(printer.parts) > _FLUSH:
            _flush(printer, out)

    printer.after_op = flush
    printer.print_op(module)
    printer.print_string("\n")
    _flush(printer, out)
    if printer.resources:
        _write_resources(printer.resources, out)


def _flush(printer: TextPrinter, out: BinaryIO) -> None:
    out.write("".join(printer.parts).encode("utf-8"))
    printer.parts.clear()


def _write_resources(resources: dict[str, Blob], out: BinaryIO) -> None:
    out.write(b"\n{-#\n  dialect_resources: {\n    builtin: {\n")
    for number, (key, blob) in enumerate(resources.items()):
        if number:
            out.write(b",\n")
        out.write(f'      {key}: "0x{_ALIGNMENT.hex()}'.encode())
        for chunk in blob.chunks():
            out.write(chunk.tobytes().hex().encode())
        out.write(b'"')
    out.write(b"\n    }\n  }\n#-}\n")
