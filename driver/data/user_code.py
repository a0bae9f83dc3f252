"""Functions of users: they are found by name, and whatever they raise becomes one line that names the place."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import pathlib
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import FrameType, ModuleType
from typing import Any, TypeVar, cast

from tflir.data.numbered import is_numbered
from tflir.files import from_here
from tflir.ir.errors import Error
from tflir.ir.near import near

T = TypeVar("T")
_USAGE = 2
_FILE = ".py"
_OWN = "tflir"
_FIX = "fix the code there"
_INSTALLED = tuple(
    path for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_path(name))
)


def asked(what: str, hint: str, call: Callable[[], T]) -> T:
    """Returns `call()`, which runs a user's code. Every exception except Ctrl-C becomes an `Error` about `what`, which
    names the file and the line that raised it.
    """
    try:
        return call()
    except (Error, MemoryError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a user's code may even call sys.exit
        place = _place(error)
        raise Error(f"{what} {_said(error)}{place and f' at {place}'}", hint=_FIX if place else hint) from error


def _said(error: BaseException) -> str:
    """An exception of a user's code in words."""
    try:
        text = f"{type(error).__name__}: {error}".removesuffix(": ")
    except BaseException:  # its own description may raise too
        text = type(error).__name__
    if isinstance(error, SyntaxError):  # whose description ends with its place
        text = f"{type(error).__name__}: {error.msg}"
    return f"sys.exit ({text})" if isinstance(error, SystemExit) else text


def _place(error: BaseException) -> str:
    """`feed.py:12`: the last line of a user's file that was running; '' if there is none."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{from_here(error.filename)}:{error.lineno}"
    frames = [(frame, line) for frame, line in traceback.walk_tb(error.__traceback__) if not _is_ours(frame)]
    places = [(frame.f_code.co_filename, line) for frame, line in frames]
    own = [place for place in places if not place[0].startswith(_INSTALLED)]
    return f"{from_here(own[-1][0])}:{own[-1][1]}" if own else ""


def _is_ours(frame: FrameType) -> bool:
    """Whether a frame is of tflir's own code, or of none that has a file."""
    package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return package == _OWN or frame.f_code.co_filename.startswith("<")


def names_function(name: str) -> bool:
    """Whether `name` is `module:function` or `file.py:function`, and no file of this name exists."""
    module, colon, function = name.rpartition(":")
    return bool(colon and module and function.isidentifier()) and not os.path.exists(name)


def file_of(name: str) -> pathlib.Path | None:
    """The file of `file.py:function`; None if the name is that of a module."""
    module = name.rpartition(":")[0]
    return pathlib.Path(module) if module.endswith(_FILE) else None


def named_function(name: str) -> Callable[..., Any]:
    """The function that `module:function` or `file.py:function` names, or one that returns the iterable of that name.

    The module may be in the working folder. Raises `Error` (status 2) if there is none, or if its module fails.
    """
    found = named_object(name)
    return cast("Callable[..., Any]", found) if callable(found) else lambda: found


def named_object(name: str) -> Any:
    """As `named_function`, but a list, or another object with `__len__` and `__getitem__`, is given as it is."""
    module, _, function = name.rpartition(":")
    file = file_of(name)
    folder = os.getcwd() if file is None else str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        what = f"module {module} can't be imported:"
        hint = "give module:function or file.py:function"
        held = asked(what, hint, lambda: importlib.import_module(module) if file is None else _loaded(file))
        found = asked(what, hint, lambda: getattr(held, function, None))
    except Error as error:
        error.status = _USAGE
        error.file = error.file or name
        raise
    finally:
        sys.path.remove(folder)
    if callable(found) or is_numbered(found):
        return found
    if isinstance(found, Iterator):
        kept = Replayed(cast("Iterator[Any]", found))
        setattr(held, function, kept)  # whoever reads it next starts again
        return kept
    if isinstance(found, Iterable):
        items = cast("Iterable[Any]", found)
        return lambda: items
    known = [item for item, value in vars(held).items() if callable(value) and not item.startswith("_")]
    what = f"module {module} has no function {function}{near(function, known)}"
    raise Error(what, file=name, hint="give module:function", status=_USAGE)


def _loaded(file: pathlib.Path) -> ModuleType:
    """The module of a file, which runs once."""
    if not file.is_file():
        raise Error("no such file", file=str(file), hint="check the path", status=_USAGE)
    name = f"tflir_data_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    found = importlib.util.spec_from_file_location(name, file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


class Replayed:
    """What an iterator yields, from the start at each call: it is read once, and its items are kept."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source
        self._items: list[Any] = []

    def __call__(self) -> Iterator[Any]:
        at = 0
        while True:
            if at == len(self._items):
                try:
                    self._items.append(next(self._source))
                except StopIteration:
                    return
            yield self._items[at]
            at += 1
