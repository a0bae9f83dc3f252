"""Writes files (models, text, reports) completely or not at all.

The content is written to a temporary file in the same folder, which is renamed at the end. If the path is a symbolic
link, the file that it names is replaced; other hard links keep the old content. Pipes and devices are written directly.
A temporary file is locked as long as its process runs: one without a lock is left over from a run that was killed, and
is removed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Generator
from typing import BinaryIO

from tflir.ir.errors import USAGE, Error, said_by_system

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PREFIX, _SUFFIX = ".tflir-", ".tmp"
"""Names of temporary files do not contain that of the file, since a name may have at most 255 bytes."""
_STREAMS = (stat.S_ISFIFO, stat.S_ISCHR)
_COPY = 1 << 20
_GONE = (FileNotFoundError, NotADirectoryError)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of the system where a disk, a quota or the longest file is full."""


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is a pipe or a device, which is read or written directly and never replaced."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return any(kind(mode) for kind in _STREAMS)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raises `Error` if `path` can't be written, without changing it: a check before long work begins."""
    target = _place(path)
    if target is None:
        if not os.access(path, os.W_OK):
            raise _unwritable(path, "permission denied")
        return
    if not target.parent.is_dir():
        raise Error("its folder does not exist", file=os.fspath(path), hint="make the folder first", status=USAGE)
    with _reported(path), temporary_file(target.parent):
        pass


def identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """What tells a file from all others, whichever link names it; None if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # reading it will say why
        return None
    return found.st_dev, found.st_ino


def made_folder(path: str | os.PathLike[str]) -> pathlib.Path:
    """The folder at `path`, which is made if it does not exist. Raises `Error` (status 2) if it can't be made."""
    folder = pathlib.Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        said = "a file has this name" if isinstance(error, FileExistsError) else said_by_system(error)
        what = f"the folder can't be made: {said}"
        raise Error(what, file=os.fspath(path), hint="name another folder", status=USAGE) from None
    return folder


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Generator[BinaryIO]:
    """A file to write, read and seek in, which replaces `path` at the end; after any failure, even Ctrl-C, `path` is
    unchanged.

    Raises `Error` if the file can't be written.
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
    """A new file in `folder` (default: the system's temporary folder) and its path; removed at the end if it
    still exists.

    Raises `Error` where there is no room in the system's folder, `OSError` where there is none in `folder`.
    """
    with temporary_room() if folder is None else contextlib.nullcontext():
        directory = pathlib.Path(tempfile.gettempdir() if folder is None else folder)
        _remove_stale(directory)
        handle, name = _created(directory)
        try:
            with os.fdopen(handle, "w+b", buffering=1 << 16) as out:
                yield out, pathlib.Path(name)
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)


@contextlib.contextmanager
def temporary_room() -> Generator[None]:
    """Turns what the system says where there is no room for a temporary file into an `Error`."""
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        what = f"a temporary file can't be written: {said_by_system(error)}"
        hint = "make room, or name another folder with TMPDIR"
        raise Error(what, file=tempfile.gettempdir(), hint=hint) from None


def _place(path: str | os.PathLike[str]) -> pathlib.Path | None:
    """The file to replace, after following links; None for a pipe or device. Raises `Error` if it can't be replaced."""
    try:
        mode = os.stat(path).st_mode
    except _GONE:
        if os.fspath(path).endswith(os.sep):
            raise Error("is the name of a folder", file=os.fspath(path), hint="name a file", status=USAGE) from None
        return pathlib.Path(os.path.realpath(path))
    except (OSError, ValueError) as error:  # a loop of links, a name that is too long, a NUL in it
        raise _unwritable(path, said_by_system(error)) from None
    if stat.S_ISDIR(mode):
        raise Error("is a directory", file=os.fspath(path), hint="name a file to write", status=USAGE)
    if any(kind(mode) for kind in _STREAMS):
        return None
    if not stat.S_ISREG(mode):
        raise Error("is neither a file nor a pipe", file=os.fspath(path), hint="name a file to write", status=USAGE)
    target = pathlib.Path(os.path.realpath(path))
    return target if target.exists() else None  # /dev/stdout may be a file that was removed


@contextlib.contextmanager
def _reported(path: str | os.PathLike[str]) -> Generator[None]:
    """Turns an `OSError` into an `Error` about `path`, except that of a pipe without a reader."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _unwritable(path, said_by_system(error)) from None


def _unwritable(path: str | os.PathLike[str], why: str) -> Error:
    return Error(
        f"can't be written: {why}", file=os.fspath(path), hint="check the folder, its permissions and the disk"
    )


def _created(folder: pathlib.Path) -> tuple[int, str]:
    """A new temporary file, locked where the system has locks."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=_PREFIX, suffix=_SUFFIX)
        if _locked(handle) and os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)  # another run removed it as stale in the moment before it was locked


def _locked(handle: int) -> bool:
    """Whether this process holds the file's lock; True on systems without locks."""
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
    """Removes temporary files that no process has locked: those of runs that were killed."""
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
    """The mode that `open` would give a new file (a temporary file is readable by its owner only)."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
