"""Files of shards that are given twice, whose samples would count twice."""

from __future__ import annotations

import filecmp
import os
from collections.abc import Iterator, Sequence
from typing import Any

from tflir.backends.files import identity

_END = 1 << 12
"""Bytes at the end of a file that tell most files of one size apart: an `.npz` has its checksums there."""


def named_twice(paths: Sequence[Any]) -> Any:
    """The first path that names the same file as one before it; None if there is none."""
    seen: set[tuple[int, int] | None] = set()
    for path in _files(paths):
        place = identity(path)
        if place in seen:
            return path
        seen.add(place)
    return None


def copies(paths: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Files with the same content as one before them, and that one."""
    seen: dict[tuple[int, bytes], list[Any]] = {}
    for path in _files(paths):
        alike = seen.setdefault(_key(path), [])
        same = next((other for other in alike if filecmp.cmp(other, path, shallow=False)), None)
        if same is None:
            alike.append(path)
        else:
            yield path, same


def _files(paths: Sequence[Any]) -> Iterator[Any]:
    """Those that can be read twice; reading the others says what is wrong with them."""
    return (path for path in paths if os.path.isfile(path) and os.access(path, os.R_OK))


def _key(path: Any) -> tuple[int, bytes]:
    size = os.stat(path).st_size
    with open(path, "rb") as file:
        file.seek(max(0, size - _END))
        return size, file.read()
