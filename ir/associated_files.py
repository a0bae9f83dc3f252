"""The zip of associated files (label maps and the like) that metadata tools append to a model.

Zip archives are read from their end: a directory there says at which byte of the file each entry begins. In a module
the archive stands by itself, its first entry at byte 0; where it is appended to a model its directory is changed.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

_END = struct.Struct("<4s4H2IH")
"""The record at the end: signature, disks and counts, size and position of the directory, length of a comment."""
_END_SIGNATURE, _ENTRY_SIGNATURE = b"PK\5\6", b"PK\1\2"
_POSITION_IN_END = 16
_LONGEST_COMMENT = 0xFFFF
_ENTRY = 46
"""Bytes of an entry of the directory before its name, extra field and comment."""
_LENGTHS_IN_ENTRY, _POSITION_IN_ENTRY = 28, 42
_TOO_LARGE = 0xFFFFFFFF
"""Stands where a number does not fit 32 bits, and further records have it."""


@dataclass(frozen=True)
class _Directory:
    """The directory of an archive, which lies in the bytes from `start` to `end`."""

    start: int
    end: int
    """Where the record at the end begins."""
    stated: int
    """Where the archive says that the directory starts; it may have been written for another place."""
    entries: tuple[tuple[int, int], ...]
    """Where each entry of the directory lies, and the position that it states."""

    @property
    def shift(self) -> int:
        """What is to be added to stated positions to find what they mean."""
        return self.start - self.stated


def zip_start(data: memoryview) -> int | None:
    """At which byte of a file the zip at its end begins; None where there is none."""
    found = _directory(data)
    if found is None:
        return None
    first = min((position for _, position in found.entries), default=found.stated) + found.shift
    return first if 0 <= first <= found.start else None


def placed(archive: bytes, at: int) -> bytes:
    """The archive as it must be where it is appended to `at` bytes; 0: by itself.

    One beyond 4 GB stays as it is: readers find its entries from the end.
    """
    found = _directory(memoryview(archive))
    if found is None:
        return archive
    stated = (found.stated, *(position for _, position in found.entries))
    moved = [position + found.shift + at for position in stated]
    if _TOO_LARGE in stated or not all(0 <= position < _TOO_LARGE for position in moved):
        return archive
    out = bytearray(archive)
    struct.pack_into("<I", out, found.end + _POSITION_IN_END, moved[0])
    for (place, _), position in zip(found.entries, moved[1:], strict=True):
        struct.pack_into("<I", out, place + _POSITION_IN_ENTRY, position)
    return bytes(out)


def listed(archive: bytes) -> list[str]:
    """The names of the files in an archive; none where it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as held:
            return held.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):  # the last: zip features that Python lacks
        return []


def _directory(data: memoryview) -> _Directory | None:
    end = _end(data)
    if end is None:
        return None
    *_, size, stated, _ = _END.unpack_from(data, end)
    start = end - size
    if start < 0:
        return None
    entries = tuple(_entries(data, start, end))
    return _Directory(start, end, stated, entries) if all(place >= 0 for place, _ in entries) else None


def _end(data: memoryview) -> int | None:
    """Where the record at the end begins, whose comment must end where the file ends."""
    tail_at = max(0, len(data) - _END.size - _LONGEST_COMMENT)
    tail = bytes(data[tail_at:])
    found = tail.rfind(_END_SIGNATURE)
    while found >= 0:
        if found + _END.size <= len(tail) and found + _END.size + _END.unpack_from(tail, found)[-1] == len(tail):
            return tail_at + found
        found = tail.rfind(_END_SIGNATURE, 0, found)
    return None


def _entries(data: memoryview, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the directory's entries lie and what positions they state; (-1, 0) where one is malformed."""
    at = start
    while at < end:
        if at + _ENTRY > end or bytes(data[at : at + 4]) != _ENTRY_SIGNATURE:
            yield -1, 0
            return
        yield at, struct.unpack_from("<I", data, at + _POSITION_IN_ENTRY)[0]
        at += _ENTRY + sum(struct.unpack_from("<3H", data, at + _LENGTHS_IN_ENTRY))
