"""Fingerprints of models and data, by which results of other machines and earlier runs are known to fit."""

from __future__ import annotations

import hashlib
import os
import pathlib
import pickle
from typing import Any, cast

from tflir.data.dataset import files_of
from tflir.data.user_code import file_of, names_function
from tflir.ir.errors import USAGE, Error, said_by_system
from tflir.jobs.shards import Results

_MOST = 1 << 30
"""Of data with more bytes than this, names, sizes and times of the files count instead of their content."""
_CHUNK = 1 << 20
_DIGITS = 32


def of_file(path: str | os.PathLike[str]) -> str:
    """The fingerprint of a file's content. Raises `Error` if it can't be read."""
    digest = hashlib.sha256()
    try:
        _add(digest, pathlib.Path(path))
    except OSError as error:
        what = f"can't be read: {said_by_system(error)}"
        raise Error(what, file=os.fspath(path), hint="check the path and its permissions") from None
    return digest.hexdigest()[:_DIGITS]


def of_data(source: str) -> str:
    """The fingerprint of data that `source` names: files, or `module:function`, of which the module's file counts.

    Raises `Error` if a file can't be read.
    """
    digest = hashlib.sha256()
    if ":" in source and not os.path.exists(source):
        digest.update(source.encode("utf-8", "backslashreplace"))
    try:
        files = files_of(source)
        small = sum(file.stat().st_size for file in files) <= _MOST
        for file in files:
            found = file.stat()
            digest.update(f"{file.name}|{found.st_size}|".encode("utf-8", "backslashreplace"))
            if small:
                _add(digest, file)
            else:
                digest.update(str(found.st_mtime_ns).encode())
    except OSError as error:
        raise Error(said_by_system(error), file=source, hint="check the path and its permissions") from None
    return digest.hexdigest()[:_DIGITS]


def _add(digest: Any, path: pathlib.Path) -> None:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)


def named_data(source: Any, results: Results) -> str:
    """The data by a name that other processes understand: a path from the root, or `module:function`.

    Another Python object is written to a file in the folder of `results`. Raises `Error` (status 2) if that can't be.
    """
    if isinstance(source, str | os.PathLike):
        name = os.fspath(cast("str | os.PathLike[str]", source))
        if names_function(name) and (file := file_of(name)) is not None:
            return f"{os.path.abspath(file)}:{name.rpartition(':')[2]}"
        return os.path.abspath(name) if os.path.exists(name) or ":" not in name else name
    hint = "name a file, or module:function"
    what = "the data is an object of this process, which others can't get"
    if getattr(source, "__module__", None) == "__main__":
        raise Error(f"{what}: it is of the main program", hint=hint, status=USAGE)
    try:
        content = pickle.dumps(source, pickle.HIGHEST_PROTOCOL)
    except Exception as error:  # objects may raise anything
        raise Error(f"{what}: {type(error).__name__}: {error}", hint=hint, status=USAGE) from None
    return results.holding(content, "data", PICKLED)


PICKLED = ".pickle"


def opened_data(name: str) -> Any:
    """The data that `named_data` gave a name: what `Dataset` takes."""
    if name.endswith(PICKLED):
        with open(name, "rb") as file:
            return pickle.load(file)
    return name
