"""Reads a model's file or maps it into memory, and turns every way in which that fails into one line.

A mapped file that another program cuts short ends the process that looks at the missing pages. Usual models are read;
only those so large that it would cost are mapped, and `FileBlob` asks for the file's size before it looks at them.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field

import numpy as np

from tflir.ir.blob import ArrayBlob, Blob, FileBlob, Source
from tflir.ir.errors import Error

_MAPPED = 1 << 26
"""Bytes from which a file is mapped, not read."""


@dataclass
class ModelFile:
    """The bytes of a model: a map of its file, or bytes that are in memory already."""

    data: memoryview
    source: Source | None = None
    _blobs: dict[tuple[int, int], Blob] = field(default_factory=dict[tuple[int, int], Blob])

    def blob(self, offset: int, nbytes: int) -> Blob:
        """The bytes at `offset`, as one blob however often they are asked for."""
        known = self._blobs.get((offset, nbytes))
        if known is None:
            if self.source is None:
                known = ArrayBlob(np.frombuffer(self.data, np.uint8, nbytes, offset))
            else:
                known = FileBlob(self.source, self.data, offset, nbytes)
            self._blobs[offset, nbytes] = known
        return known


def open_model(path: str | os.PathLike[str]) -> ModelFile:
    """The bytes of the file at `path`. Raises `Error` where it can't be read or is empty."""
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
