"""Files that are written whole, or not at all: models, text, statistics, reports and reproducers alike.

What is written goes to a temporary file in the same folder, which takes the name at the end. A symbolic link stays and
what it names is replaced; other hard links keep the old content. Pipes and devices are written into. A temporary file
is locked as long as its process runs: one that is not locked was left by a run that was killed, and is removed.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Generator
from typing import BinaryIO

from tflir.ir.errors import Error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PREFIX, _SUFFIX = ".tflir-", ".tmp"
"""Of temporary files: short whatever the file's own name is, for a folder takes names of 255 bytes at most."""
_USAGE = 2
_STREAMS = (stat.S_ISFIFO, stat.S_ISCHR)
_COPY = 1 << 20
_GONE = (FileNotFoundError, NotADirectoryError)


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a pipe or a device, which is written into or read from, never replaced."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return any(kind(mode) for kind in _STREAMS)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raises `Error` where `path` can't be written, without a change to it: to be asked before the work begins."""
    target = _place(path)
    if target is None:
        if not os.access(path, os.W_OK):
            raise _unwritable(path, "permission denied")
        return
    if not target.parent.is_dir():
        raise Error("its folder does not exist", file=os.fspath(path), hint="make the folder first", status=_USAGE)
    with _reported(path), temporary_file(target.parent):
        pass


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """A file to write, read and seek in, which becomes `path` at the end; on any failure, Ctrl-C too, nothing does.

    Raises `Error` where the file can't be written.
    """
    target = _place(path)
    if target is None:
        with _reported(path), tempfile.TemporaryFile() as out:
            yield out
            out.seek(0)
            with open(path, "wb") as stream:
                shutil.copyfileobj(out, stream, _COPY)
        return
    with _reported(path), temporary_file(target.parent) as (out, temporary):
        yield out
        out.flush()
        os.chmod(temporary, _usual_mode(target))
        os.replace(temporary, target)


@contextlib.contextmanager
def temporary_file(folder: str | os.PathLike[str] | None = None) -> Generator[tuple[BinaryIO, pathlib.Path]]:
    """A new file in `folder` (default: the system's for such files) and its path; removed at the end if still there."""
    place = pathlib.Path(tempfile.gettempdir() if folder is None else folder)
    _remove_stale(place)
    handle, name = _created(place)
    try:
        with os.fdopen(handle, "w+b", buffering=1 << 16) as out:
            yield out, pathlib.Path(name)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)


def _place(path: str | os.PathLike[str]) -> pathlib.Path | None:
    """The file that takes the new content, links followed; None for what is written into. Raises `Error` otherwise."""
    try:
        mode = os.stat(path).st_mode
    except _GONE:
        return pathlib.Path(os.path.realpath(path))
    except (OSError, ValueError) as error:  # a loop of links, a name that is too long, a NUL in it
        raise _unwritable(path, _said(error)) from None
    if stat.S_ISDIR(mode):
        raise Error("is a directory", file=os.fspath(path), hint="name a file to write", status=_USAGE)
    if any(kind(mode) for kind in _STREAMS):
        return None
    if not stat.S_ISREG(mode):
        raise Error("is neither a file nor a pipe", file=os.fspath(path), hint="name a file to write", status=_USAGE)
    target = pathlib.Path(os.path.realpath(path))
    return target if target.exists() else None  # /dev/stdout of a file that was removed has no name to take


@contextlib.contextmanager
def _reported(path: str | os.PathLike[str]) -> Generator[None]:
    """Makes an error of the system one of `path`; a pipe that nobody reads any more stays what it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(path, _said(error)) from None


def _unwritable(path: str | os.PathLike[str], why: str) -> Error:
    return Error(
        f"can't be written: {why}", file=os.fspath(path), hint="check the folder, its permissions and the disk"
    )


def _said(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _created(folder: pathlib.Path) -> tuple[int, str]:
    """A new temporary file, locked where the system has locks."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)
        if _locked(handle) and os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)  # another run took it for a stale one in the moment before it was locked


def _locked(handle: int) -> bool:
    """Whether the file is this process's own now; systems without locks count as yes."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _remove_stale(folder: pathlib.Path) -> None:
    """Removes temporary files that no process has locked: of runs that were killed."""
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX):
                with contextlib.suppress(OSError):
                    _remove_unlocked(entry.path)


def _remove_unlocked(path: str) -> None:
    assert fcntl is not None
    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(handle)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
    finally:
        os.close(handle)


def _usual_mode(target: pathlib.Path) -> int:
    """The mode a file created in the usual way would have (a temporary file is private)."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
