"""Constants that are computed, large, and read once or twice: they wait in a temporary file, not in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Hashable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from tflir.ir.blob import CHUNK, Blob, Bytes
from tflir.ir.constants import ArrayElementsAttr, elements, from_blob
from tflir.ir.errors import Error

_WORTH_WRITING = 1 << 20
"""Arrays of fewer bytes stay in memory."""


class Spill:
    """A temporary file, which is removed with the last constant that lies in it."""

    def __init__(self) -> None:
        self._file: _File | None = None
        self._end = 0

    def constant(self, array: npt.NDArray[Any]) -> ArrayElementsAttr:
        """The constant `elements(array)`, which does not hold a large array unless no file can be written."""
        held = elements(array)
        if held.blob.nbytes < _WORTH_WRITING:
            return held
        return from_blob(self._written(held.blob), array.shape, held.type.element_type)

    def _written(self, held: Blob) -> Blob:
        try:
            if self._file is None:
                self._file = _File()
            self._file.write(self._end, held.view())
        except OSError:
            return held
        blob = _SpilledBlob(self._file, self._end, held)
        self._end += held.nbytes
        return blob


class _File:
    """A temporary file that is open, and so exists, as long as this object does."""

    __slots__ = ("_file",)

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed below

    def write(self, start: int, content: Bytes) -> None:
        """Writes bytes from `start` on. Raises `OSError` where there is no space for all of them."""
        self._file.seek(start)
        rest = memoryview(cast(Any, content))
        while rest:
            rest = rest[self._file.write(rest) :]

    def read(self, start: int, into: Bytes) -> None:
        """Fills an array with the bytes from `start` on."""
        self._file.seek(start)
        rest = memoryview(cast(Any, into))
        while rest:
            count = self._file.readinto(rest)
            if not count:
                raise Error("a temporary file has become shorter")
            rest = rest[count:]

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


class _SpilledBlob(Blob):
    """Bytes of a temporary file, which are read each time they are asked for."""

    __slots__ = ("_file", "_start")

    def __init__(self, file: _File, start: int, held: Blob) -> None:
        super().__init__(held.nbytes)
        self._file = file
        self._start = start
        self._hash = hash(held)  # equal constants in memory have the same

    def view(self) -> Bytes:
        found = self._read(0, self.nbytes)
        found.setflags(write=False)
        return found

    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        for at in range(0, self.nbytes, size):
            yield self._read(at, min(size, self.nbytes - at))

    def _read(self, at: int, count: int) -> Bytes:
        found = np.empty(count, np.uint8)
        self._file.read(self._start + at, found)
        return found

    def _identity(self) -> Hashable:
        return self._hash
