"""Results of evaluations in a folder, one small JSON file each, so that a search that was interrupted goes on."""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np

from tflir.backends.files import made_folder, whole_file

_HASH, _RESULT = "sha256", "result"
_LONGEST = 1 << 24
"""Larger files are no results, in bytes."""


class Store:
    """Results by what they depend on; in memory alone without a folder."""

    def __init__(self, folder: str | None, context: str) -> None:
        """`context` is the hash of what all evaluations have in common: the model, the data, the settings.

        Raises `Error` if the folder can't be made, and when a result can't be written.
        """
        self._folder = None if folder is None else made_folder(folder)
        self._context = context

    def get(self, what: str) -> dict[str, Any] | None:
        """The result of an evaluation, or None if there is none, or one that is not as it was written."""
        if self._folder is None:
            return None
        try:
            with self._file(what).open("rb") as file:
                held: object = json.loads(file.read(_LONGEST))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(held, dict):
            return None
        found = cast("dict[str, Any]", held)
        result: object = found.get(_RESULT)
        if not isinstance(result, dict) or found.get(_HASH) != hashed((_text(result),)):
            return None
        return cast("dict[str, Any]", result)

    def put(self, what: str, result: Mapping[str, Any]) -> None:
        """Keeps a result of numbers and texts."""
        if self._folder is not None:
            with whole_file(self._file(what)) as file:
                file.write(json.dumps({_HASH: hashed((_text(result),)), _RESULT: result}).encode())

    def _file(self, what: str) -> pathlib.Path:
        assert self._folder is not None
        return self._folder / f"{hashed((self._context, what))[:32]}.json"


def _text(result: Any) -> str:
    return json.dumps(result, sort_keys=True)


def hashed(parts: Iterable[object]) -> str:
    """A hash of texts, bytes, arrays, and tables and lists of these, in hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, part)
    return digest.hexdigest()


def _add(digest: Any, part: object) -> None:
    if isinstance(part, np.ndarray):
        array = cast("np.ndarray[Any, Any]", part)
        digest.update(f"array {array.dtype} {array.shape};".encode())
        content = array.astype(str).tobytes() if array.dtype.kind in "OSU" else np.ascontiguousarray(array).tobytes()
        digest.update(content)
    elif isinstance(part, bytes):
        digest.update(f"bytes {len(part)};".encode() + part)
    elif isinstance(part, Mapping):
        table = cast("Mapping[object, object]", part)
        digest.update(f"table {len(table)};".encode())
        for key, value in table.items():
            _add(digest, key)
            _add(digest, value)
    elif isinstance(part, list | tuple):
        items = cast("list[object]", part)
        digest.update(f"list {len(items)};".encode())
        for item in items:
            _add(digest, item)
    else:
        text = str(part).encode("utf-8", "backslashreplace")
        digest.update(f"text {len(text)};".encode() + text)
