"""Reads and writes models in files: `.tflite`, or text if the name ends in `.mlir`."""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast, overload

from tflir.backends.files import is_stream
from tflir.content import read_content
from tflir.ir.errors import Error, said_by_system
from tflir.ir.extensions import FRONTENDS
from tflir.ir.limits import within_limits
from tflir.ir.schema import IDENTIFIER

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

TEXT, MODEL = ".mlir", ".tflite"


@contextlib.contextmanager
def collector_paused() -> Generator[None]:
    """Pauses the garbage collector while many long-lived objects are built, which saves a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def named(path: str | os.PathLike[str]) -> str:
    """`path` as a string. Raises `Error` (status 2) if it is not a path."""
    name: Any = os.fspath(path) if isinstance(cast(Any, path), str | os.PathLike) else path
    if not isinstance(name, str):
        kind = type(name).__name__
        raise Error(f"a file is named by its path, not by {kind}", hint="give a str or a pathlib.Path", status=2)
    return name


def from_here(path: str) -> str:
    """A path as it is given, or from the working folder where that is shorter."""
    try:
        return min(path, os.path.relpath(path), key=len)
    except (OSError, ValueError):  # the working folder is gone, or on another drive
        return path


def load(path: str | os.PathLike[str]) -> ModuleOp:
    """The module of the model at `path`, `.tflite` or `.mlir`. Raises `Error` if that is not a valid model."""
    if isinstance(cast(Any, path), bytes | bytearray | memoryview):
        what = f"a file is named by its path, not by {type(path).__name__}"
        raise Error(what, hint="give the content of a model to loads", status=2)
    name = named(path)
    try:
        return shown_in_notebooks(_load(name))
    except Error as error:
        error.file = error.file or name
        raise


def _load(name: str) -> ModuleOp:
    if is_stream(name):
        return load_content(read_content(name), name)
    suffix = pathlib.Path(name).suffix
    if suffix == TEXT:
        return _load_text(read_content(name), name)
    if (read := frontend_of(name)) is not None:
        return _checked(read(_bytes_of(name), name), suffix)
    from tflir.frontends.tflite.mapping import open_model
    from tflir.frontends.tflite.model import import_model

    with collector_paused(), within_limits():
        return import_model(open_model(name))


def frontend_of(name: str) -> Callable[[bytes, str], ModuleOp] | None:
    """The plug-in's function that reads files with this ending; None for `.mlir` and for `.tflite` with any ending."""
    suffix = pathlib.Path(name).suffix
    if not suffix or suffix in (TEXT, MODEL) or is_stream(name):
        return None
    try:
        with open(name, "rb") as file:
            if file.read(8)[4:] == IDENTIFIER:
                return None
    except OSError:
        return None
    return FRONTENDS.find(suffix)


def _bytes_of(name: str) -> bytes:
    try:
        return pathlib.Path(name).read_bytes()
    except OSError as error:
        what = f"can't be read: {said_by_system(error)}"
        raise Error(what, file=name, hint="check the path and its permissions") from None


def _checked(module: ModuleOp, suffix: str) -> ModuleOp:
    """The module that a plug-in returned. Raises `Error` if it is not a valid module."""
    from xdsl.dialects.builtin import ModuleOp as Module

    from tflir.ir.verify import verify_module

    if not isinstance(cast(Any, module), Module):
        raise Error(f"the frontend of {suffix} files gave {type(module).__name__}, no module", hint="fix the plug-in")
    with within_limits():
        verify_module(module)
    return module


def loads(content: bytes | str, name: str = "<memory>") -> ModuleOp:
    """The module of a model in memory: the bytes of a `.tflite`, or MLIR text as `str` or as its bytes.

    `name` is the model's name in errors. Raises `Error` if the content is not a valid model.
    """
    try:
        data = content.encode("utf-8", "replace") if isinstance(content, str) else memoryview(content).toreadonly()
    except TypeError:
        what = f"loads takes the bytes or the text of a model, not {type(content).__name__}"
        raise Error(what, hint="name a file by load", status=2) from None
    try:
        return shown_in_notebooks(load_content(cast(bytes, data), name))
    except Error as error:
        error.file = error.file or name
        raise


def load_bytes(data: bytes) -> ModuleOp:
    """The module of a model in memory. Raises `Error` if that is not a model, or if `data` is not bytes."""
    from tflir.frontends.tflite.mapping import ModelFile
    from tflir.frontends.tflite.model import import_model

    try:
        held = memoryview(data)
    except TypeError:
        what = f"a model in memory is bytes, not {type(data).__name__}"
        raise Error(what, hint="name a file by from_file or load", status=2) from None
    with collector_paused(), within_limits():
        return import_model(ModelFile(held))


def load_content(data: bytes, name: str) -> ModuleOp:
    """The module of a model or its text, which the identifier of models tells apart; `name` is for messages."""
    return load_bytes(data) if data[4:8] == IDENTIFIER else _load_text(data, name)


def _load_text(data: bytes, name: str) -> ModuleOp:
    from tflir.frontends.mlir import parse_text

    if data[4:8] == IDENTIFIER:
        raise Error("is a .tflite model, not text", hint="give it a name that ends in .tflite")
    return parse_text(data, name)


def save(
    module: ModuleOp,
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    tf_compat: bool = False,
    elide_constants: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes `module` to `path`, `.tflite` or `.mlir`; returns the number of bytes.

    A file that exists is replaced only with `force`, and only by a complete file. With `elide_constants`, text lacks
    the bytes of large constants, and can't be read again. `progress` is called with the bytes written and in total.
    Raises `Error` if `path` ends in something else, if the file exists or can't be written, or if the format can't
    express the module.
    """
    check_ending(named(path))
    if not force and os.path.isfile(path):
        raise Error("exists", file=named(path), hint="name another file, or give force=True", status=2)
    return write(module, path, tf_compat=tf_compat, elide_constants=elide_constants, progress=progress)


def check_ending(name: str) -> None:
    """Raises `Error` (status 2) if the ending of a file's name is neither `.tflite` nor `.mlir`."""
    if pathlib.Path(name).suffix not in (TEXT, MODEL):
        raise Error(f"its name ends in neither {MODEL} nor {TEXT}", file=name, hint="end it in one of these", status=2)


def write(
    module: ModuleOp,
    path: str | os.PathLike[str],
    *,
    tf_compat: bool = False,
    elide_constants: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """As `save`, to a file of any name: a model unless that ends in `.mlir`."""
    from tflir.backends.files import whole_file

    name = named(path)
    if pathlib.Path(name).suffix == TEXT:
        from tflir.backends.mlir import write_text

        with within_limits(), whole_file(name) as out:
            write_text(module, out, elide=elide_constants)
            return out.tell()
    with whole_file(name) as out:
        return write_model(module, out, tf_compat=tf_compat, progress=progress)


def write_model(
    module: ModuleOp,
    out: BinaryIO,
    *,
    tf_compat: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Writes the `.tflite` of `module` to an open file, as `save` does; returns the number of bytes."""
    from tflir.backends.tflite.model import export_model

    with collector_paused(), within_limits():
        writer = export_model(module, one_code_per_op=tf_compat)
    written = 0

    def note(count: int) -> None:
        nonlocal written
        written += count
        if progress is not None:
            progress(written, writer.size)

    with within_limits():
        return writer.write(out, note)


@overload
def dumps(module: ModuleOp, format: Literal["tflite"] = "tflite", *, elide_constants: bool = False) -> bytes: ...
@overload
def dumps(module: ModuleOp, format: Literal["mlir"], *, elide_constants: bool = False) -> str: ...
def dumps(module: ModuleOp, format: str = "tflite", *, elide_constants: bool = False) -> bytes | str:
    """`module` in memory: the bytes of a `.tflite`, or its MLIR text with `format="mlir"`.

    With `elide_constants`, text lacks the bytes of large constants, and can't be read again. Raises `Error` if
    `format` is something else, or can't express the module.
    """
    if format == "tflite":
        return to_bytes(module)
    if format != "mlir":
        raise Error(f"there is no format '{format}'", hint="give 'tflite' or 'mlir'", status=2)
    from tflir.backends.mlir.text import module_text

    with within_limits():
        return module_text(module, elide=elide_constants, locations=True)


def shown_in_notebooks(module: ModuleOp) -> ModuleOp:
    """Makes notebooks show `module` as short IR; only this object, since the class belongs to xDSL."""
    from tflir.notebook import as_html

    cast(Any, module)._repr_html_ = as_html(module)
    return module


def file_size(module: ModuleOp) -> int:
    """The size in bytes of the `.tflite` of `module`."""
    return len(to_bytes(module))


def to_bytes(module: ModuleOp, *, tf_compat: bool = False) -> bytes:
    """The bytes of the `.tflite` of `module`."""
    import io

    from tflir.backends.tflite.model import export_model

    out = io.BytesIO()
    with within_limits():
        export_model(module, one_code_per_op=tf_compat).write(out)
    return out.getvalue()
