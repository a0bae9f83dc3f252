"""The bytes of a constant: a view of the mapped file, an array, or a recipe that makes them when written.

A blob is never copied, hashed or compared whole by accident: its hash samples 192 bytes, equality goes
from identity over size and samples to the bytes, and printing an attribute shows a key.
"""

from __future__ import annotations

import mmap
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
CHUNK = 1 << 22
"""Bytes that streaming handles at once: large enough to amortise Python, small enough to stay in memory's favour."""
_SAMPLE = 64


class Blob(ABC):
    """Read-only bytes of known length."""

    __slots__ = ("_hash", "nbytes")

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._hash: int | None = None

    @abstractmethod
    def view(self) -> Bytes:
        """All bytes as one read-only array of uint8; a deferred blob computes them."""

    @abstractmethod
    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        """The bytes in order, about `size` at a time; what was yielded may be given back to the system."""

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
    """Bytes of a numpy array, taken as they lie (an array that is not contiguous is copied)."""

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


class MappedBlob(ArrayBlob):
    """Bytes of a mapped file; streaming gives the pages back once they have been used."""

    __slots__ = ("_map", "_offset")

    def __init__(self, mapping: mmap.mmap, data: memoryview, offset: int, nbytes: int) -> None:
        super().__init__(np.frombuffer(data, np.uint8, nbytes, offset))
        self._map = mapping
        self._offset = offset

    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        for start in range(0, self.nbytes, size):
            yield self._bytes[start : start + size]
            self._release(start, min(start + size, self.nbytes))

    def _release(self, start: int, stop: int) -> None:
        if sys.platform == "win32" or stop - start < mmap.PAGESIZE:
            return
        first = -(-(self._offset + start) // mmap.PAGESIZE) * mmap.PAGESIZE
        length = (self._offset + stop) // mmap.PAGESIZE * mmap.PAGESIZE - first
        if length > 0:
            self._map.madvise(mmap.MADV_DONTNEED, first, length)


class DeferredBlob(Blob):
    """Bytes made from other blobs at the moment they are written.

    `key` names the recipe and all it depends on: two deferred blobs are equal where their keys are.
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
        for part in self.chunks():
            out[at : at + part.nbytes] = part
            at += part.nbytes
        out.setflags(write=False)
        return out

    def chunks(self, size: int = CHUNK) -> Iterator[Bytes]:
        for part in self._make():
            yield cast(Bytes, part.reshape(-1).view(np.uint8))

    def _identity(self) -> Hashable:
        return self._key

    def _same_bytes(self, other: Blob) -> bool:
        return isinstance(other, DeferredBlob) and self._key == other._key
