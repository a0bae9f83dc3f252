"""The zip of associated files (label maps and the like) that metadata tools append to a model.

Zip archives are read from their end: a directory there says at which byte of the file each entry begins. A module
holds the archive by itself, its first entry at byte 0; the writer, which appends it to the bytes of the model, adds
their number to every position in the directory.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

_END = struct.Struct("<4s4H2IH")
"""The record at the end of an archive: signature, disk numbers and entry counts, size and position of the directory,
length of a comment."""
_END_SIGNATURE, _ENTRY_SIGNATURE = b"PK\5\6", b"PK\1\2"
_POSITION_IN_END = 16
_LONGEST_COMMENT = 0xFFFF
_ENTRY = 46
"""Bytes of an entry of the directory before its name, extra field and comment."""
_LENGTHS_IN_ENTRY, _POSITION_IN_ENTRY = 28, 42
_TOO_LARGE = 0xFFFFFFFF
"""The value of a field whose number does not fit 32 bits; a ZIP64 record holds that number."""


@dataclass(frozen=True)
class _Directory:
    """The directory of an archive: the bytes from `start` to `end`."""

    start: int
    end: int
    """Where the record at the end of the archive begins."""
    stated: int
    """Where the archive says that the directory starts; it may have been written for another position in the file."""
    entries: tuple[tuple[int, int], ...]
    """For each entry of the directory, where it begins and the position of the file's data that it states."""

    @property
    def shift(self) -> int:
        """What must be added to a position that the archive states to get the position in these bytes."""
        return self.start - self.stated


def zip_start(data: memoryview) -> int | None:
    """The byte at which the zip archive at the end of a file begins; None if the file has none."""
    directory = _directory(data)
    if directory is None:
        return None
    first = min((position for _, position in directory.entries), default=directory.stated) + directory.shift
    return first if 0 <= first <= directory.start else None


def placed(archive: bytes, at: int) -> bytes:
    """The archive with the positions that it needs when it is appended to `at` bytes (0: when it is a file of its own).

    An archive of more than 4 GB is returned unchanged: readers locate its entries from the end.
    """
    directory = _directory(memoryview(archive))
    if directory is None:
        return archive
    stated = (directory.stated, *(position for _, position in directory.entries))
    moved = [position + directory.shift + at for position in stated]
    if _TOO_LARGE in stated or not all(0 <= position < _TOO_LARGE for position in moved):
        return archive
    out = bytearray(archive)
    struct.pack_into("<I", out, directory.end + _POSITION_IN_END, moved[0])
    for (entry, _), position in zip(directory.entries, moved[1:], strict=True):
        struct.pack_into("<I", out, entry + _POSITION_IN_ENTRY, position)
    return bytes(out)


def listed(archive: bytes) -> list[str]:
    """The names of the files in an archive; none if it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return opened.namelist()
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
    return _Directory(start, end, stated, entries) if all(position >= 0 for position, _ in entries) else None


def _end(data: memoryview) -> int | None:
    """Where the archive's last record begins; None if there is none whose comment ends where the file ends."""
    tail_at = max(0, len(data) - _END.size - _LONGEST_COMMENT)
    tail = bytes(data[tail_at:])
    position = tail.rfind(_END_SIGNATURE)
    while position >= 0:
        end = position + _END.size
        if end <= len(tail) and end + _END.unpack_from(tail, position)[-1] == len(tail):
            return tail_at + position
        position = tail.rfind(_END_SIGNATURE, 0, position)
    return None


def _entries(data: memoryview, start: int, end: int) -> Iterator[tuple[int, int]]:
    """For each entry of the directory, where it begins and the position that it states; (-1, 0) for a malformed
    entry.
    """
    at = start
    while at < end:
        if at + _ENTRY > end or bytes(data[at : at + 4]) != _ENTRY_SIGNATURE:
            yield -1, 0
            return
        yield at, struct.unpack_from("<I", data, at + _POSITION_IN_ENTRY)[0]
        at += _ENTRY + sum(struct.unpack_from("<3H", data, at + _LENGTHS_IN_ENTRY))
