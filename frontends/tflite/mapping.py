"""Reads a model's file or maps it into memory, and reports every failure in one line.

If another program truncates a mapped file, reading the missing pages kills the process. So most models are read; only
large ones are mapped, and `FileBlob` checks the file's size before it reads from the mapping.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field

import numpy as np

from tflir.ir.blob import ArrayBlob, Blob, FileBlob, Source
from tflir.ir.errors import Error

_MAPPED = 1 << 26
"""Files of at least this many bytes are mapped, not read."""


@dataclass
class ModelFile:
    """The bytes of a model: a map of its file, or bytes that are in memory already."""

    data: memoryview
    source: Source | None = None
    _blobs: dict[tuple[int, int], Blob] = field(default_factory=dict[tuple[int, int], Blob])

    def blob(self, offset: int, nbytes: int) -> Blob:
        """The bytes at `offset`; the same blob for each request of the same bytes."""
        known = self._blobs.get((offset, nbytes))
        if known is None:
            if self.source is None:
                known = ArrayBlob(np.frombuffer(self.data, np.uint8, nbytes, offset))
            else:
                known = FileBlob(self.source, self.data, offset, nbytes)
            self._blobs[offset, nbytes] = known
        return known


def open_model(path: str | os.PathLike[str]) -> ModelFile:
    """The bytes of the file at `path`. Raises `Error` if it can't be read or is empty."""
    try:
        source = Source(path)
        if source.size() < _MAPPED:
            return ModelFile(memoryview(_read(source)))
        mapping = mmap.mmap(source.file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from None
    return ModelFile(memoryview(mapping), source)


def _read(source: Source) -> bytes:
    data = source.file.read()
    if not data:
        raise ValueError
    return data


def _unreadable(error: Exception) -> Error:
    if isinstance(error, IsADirectoryError):
        return Error("is a directory", hint="name a .tflite file")
    if isinstance(error, OSError):
        return Error(f"can't be read: {error.strerror}", hint="check the path and its permissions")
    return Error("is empty", hint="name a .tflite file")
