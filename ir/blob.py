"""The bytes of a constant: a view of the mapped file, an array, or a function that computes them when they are written.

A large blob is never copied, hashed or compared by accident: its hash samples 192 bytes; equality compares identity,
then size and samples, and the bytes last; and a printed attribute shows a key.
"""

from __future__ import annotations

import io
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from tflir.ir.errors import Error

Bytes = npt.NDArray[np.uint8]
CHUNK = 1 << 22
"""Bytes that are streamed at a time: enough to make Python's overhead small, few enough to use little memory."""
_SAMPLE = 64
_BLOCK = 1 << 20
_COPY = 1 << 26
_WORTH_READING = 1 << 16
"""Constants of more bytes than this are read from the file when streamed; smaller ones are read from the mapping."""


class Blob(ABC):
    """Read-only bytes of known length."""

    __slots__ = ("_hash", "nbytes")

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._hash: int | None = None

    @abstractmethod
    def view(self) -> Bytes:
        """All bytes as one read-only array of uint8; a deferred blob computes them."""

    def loaded(self) -> Bytes:
        """All bytes as one read-only array that keeps no pages of a file in memory."""
        return self.view()

    @abstractmethod
    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        """The bytes in order, at most `size` at a time; each part is valid until the next is requested."""

    def write_to(self, out: BinaryIO) -> Iterator[int]:
        """Writes the bytes at the current position of `out`; yields the number of bytes written after each piece."""
        for chunk in self.chunks():
            out.write(cast(Any, chunk.data))
            yield chunk.nbytes

    @abstractmethod
    def _identity(self) -> Hashable:
        """What the hash is made of."""

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.nbytes, self._identity()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Blob) or self.nbytes != other.nbytes:
            return False
        return hash(self) == hash(other) and self._same_bytes(other)

    def _same_bytes(self, other: Blob) -> bool:
        return all(np.array_equal(a, b) for a, b in zip(self.chunks(), other.chunks(), strict=True))

    def __repr__(self) -> str:
        return f"<{self.nbytes} bytes>"


class ArrayBlob(Blob):
    """Bytes of a numpy array in the order of its memory (an array that is not contiguous is copied)."""

    __slots__ = ("_bytes",)

    def __init__(self, array: npt.NDArray[Any]) -> None:
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        flat.setflags(write=False)
        super().__init__(flat.nbytes)
        self._bytes = flat

    def view(self) -> Bytes:
        return self._bytes

    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        for start in range(0, self.nbytes, size):
            yield self._bytes[start : start + size]

    def _identity(self) -> Hashable:
        middle = self.nbytes // 2
        return tuple(self._bytes[at : at + _SAMPLE].tobytes() for at in (0, middle, max(0, self.nbytes - _SAMPLE)))


class Source:
    """A file that constants are read from; it is open as long as one of them exists."""

    __slots__ = ("file",)

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below

    def size(self) -> int:
        """The current size of the file in bytes."""
        return os.fstat(self.file.fileno()).st_size

    def check(self, end: int) -> None:
        """Raises `Error` if the file has been truncated to fewer than `end` bytes."""
        if self.size() < end:
            raise Error("the file became shorter while it was being read", file=str(self.file.name))

    def __del__(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


class FileBlob(ArrayBlob):
    """Bytes of a mapped file. Streaming reads them into one small buffer instead of touching the map's pages."""

    __slots__ = ("_data", "_offset", "_source")

    def __init__(self, source: Source, data: memoryview, offset: int, nbytes: int) -> None:
        super().__init__(np.frombuffer(data, np.uint8, nbytes, offset))
        self._source = source
        self._data = data
        self._offset = offset

    def view(self) -> Bytes:
        self._source.check(self._offset + self.nbytes)
        return self._bytes

    def _identity(self) -> Hashable:
        self._source.check(self._offset + self.nbytes)
        return super()._identity()

    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        self._source.check(self._offset + self.nbytes)
        if self.nbytes <= _WORTH_READING:
            yield self._bytes
            return
        buffer = np.empty(min(size, self.nbytes), np.uint8)
        for start in range(0, self.nbytes, size):
            part = buffer[: min(size, self.nbytes - start)]
            self._read(part, self._offset + start)
            yield part

    def loaded(self) -> Bytes:
        if self.nbytes <= _WORTH_READING:
            return self.view()
        out = np.empty(self.nbytes, np.uint8)
        self._read(out, self._offset)
        out.setflags(write=False)
        return out

    def write_to(self, out: BinaryIO) -> Iterator[int]:
        """Lets the operating system copy from file to file if it can."""
        if (
            self.nbytes <= _WORTH_READING
            or not hasattr(os, "copy_file_range")
            or not isinstance(out, io.BufferedRandom)
        ):
            yield from super().write_to(out)
            return
        out.flush()
        start, done = out.tell(), 0
        while done < self.nbytes:
            try:
                count = os.copy_file_range(
                    self._source.file.fileno(),
                    out.fileno(),
                    min(_COPY, self.nbytes - done),
                    self._offset + done,
                    start + done,
                )
            except OSError:  # other file systems, old kernels
                count = 0
            if not count:
                break
            done += count
            yield count
        out.seek(start + done)
        rest = FileBlob(self._source, self._data, self._offset + done, self.nbytes - done)
        for chunk in rest.chunks():
            out.write(cast(Any, chunk.data))
            yield chunk.nbytes

    def _read(self, part: Bytes, offset: int) -> None:
        """Fills `part` from the file; raises `Error` if the file has been truncated since it was mapped."""
        self._source.file.seek(offset)
        view = memoryview(cast(Any, part))
        while view:
            count = self._source.file.readinto(view)
            if not count:
                self._source.check(offset + part.nbytes)
            view = view[count:]


class DeferredBlob(Blob):
    """Bytes made from other blobs at the moment they are written.

    `key` names the computation and all that it depends on: two deferred blobs are equal if their keys are.
    `make` yields arrays that together are the `nbytes` bytes.
    """

    __slots__ = ("_key", "_make")

    def __init__(self, nbytes: int, key: Hashable, make: Callable[[], Iterator[npt.NDArray[Any]]]) -> None:
        super().__init__(nbytes)
        self._key = key
        self._make = make

    def view(self) -> Bytes:
        out = np.empty(self.nbytes, np.uint8)
        at = 0
        for part in self._parts():
            out[at : at + part.nbytes] = part
            at += part.nbytes
        out.setflags(write=False)
        return out

    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        """Pieces of `size` bytes, independent of the arrays that `make` yields: consumers read whole rows of a
        constant.
        """
        held: list[Bytes] = []
        count = 0
        for part in self._parts():
            at = 0
            if count:
                at = min(size - count, part.nbytes)
                held.append(part[:at].copy())
                count += at
                if count < size:
                    continue
                yield np.concatenate(held)
                held, count = [], 0
            while part.nbytes - at >= size:
                yield part[at : at + size]
                at += size
            if at < part.nbytes:
                held, count = [part[at:].copy()], part.nbytes - at
        if held:
            yield np.concatenate(held)

    def write_to(self, out: BinaryIO) -> Iterator[int]:
        for part in self._parts():
            out.write(cast(Any, part.data))
            yield part.nbytes

    def _parts(self) -> Iterator[Bytes]:
        """The bytes, in the arrays that `make` yields."""
        for part in self._make():
            yield cast(Bytes, part.reshape(-1).view(np.uint8))

    def _identity(self) -> Hashable:
        return self._key

    def _same_bytes(self, other: Blob) -> bool:
        return isinstance(other, DeferredBlob) and self._key == other._key


class RepeatedBlob(DeferredBlob):
    """The bytes of one element, repeated; they are not stored. Blobs are equal only if their `key` is equal too."""

    __slots__ = ("pattern",)

    def __init__(self, pattern: bytes, nbytes: int, key: Hashable = None) -> None:
        super().__init__(nbytes, ("repeated", pattern, nbytes, key), self._blocks)
        self.pattern = pattern

    def _blocks(self) -> Iterator[Bytes]:
        block = np.frombuffer(self.pattern * (_BLOCK // len(self.pattern)), np.uint8)
        for start in range(0, self.nbytes, block.nbytes):
            yield block[: self.nbytes - start]
