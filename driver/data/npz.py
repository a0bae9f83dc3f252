"""Reads `.npz` archives and `.npy` files one sample at a time. Every fault in a file raises an `Error` that
names it."""

from __future__ import annotations

import math
import os
import pathlib
import zipfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, Any, Protocol

import numpy as np

from tflir.backends.files import is_stream
from tflir.backends.litert.run import Array
from tflir.ir.errors import Error
from tflir.near_files import near_files

_ARRAY = ".npy"
_LARGEST = 1 << 30
"""The most bytes of an array that takes more than `_EXPANDS` times its bytes in the file."""
_EXPANDS = 4
"""An array may have this many times its bytes in the file without a limit."""
_HINT = "write it again with numpy"


def _called(name: str) -> str:
    """The name of an array in messages; that of an `.npy` file has none."""
    return f"array '{name}'" if name else "its array"


class _Container(Protocol):
    """A file with arrays by name: an `.npz` or an `.npy`."""

    def namelist(self) -> list[str]: ...
    def open(self, name: str) -> IO[bytes]: ...


@dataclass(frozen=True)
class _Lone:
    """A `.npy` file as an archive of one array without a name."""

    path: pathlib.Path

    def namelist(self) -> list[str]:
        return [_ARRAY]

    def open(self, name: str) -> IO[bytes]:
        return open(self.path, "rb")


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


class Archive:
    """Arrays whose first axis is the sample. Raises `Error` if the file does not contain arrays of numbers or text."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        if is_stream(path):
            raise self._error("is a pipe or a device", hint="write the data to a file first")
        with self._open() as held:
            self.names = [name.removesuffix(_ARRAY) for name in held.namelist() if name.endswith(_ARRAY)]
            self._headers = {name: self._header(held, name) for name in self.names}
        if not self.names:
            raise self._error("holds no arrays", hint="write it with numpy.savez")

    @property
    def count(self) -> int:
        """How many samples the first array that is not a scalar has."""
        return next((header.shape[0] for header in self._headers.values() if header.shape), 0)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, including the axis of samples."""
        return self._headers[name].shape

    def dtype(self, name: str) -> np.dtype[Any]:
        """The dtype of an array."""
        return self._headers[name].dtype

    def whole(self, names: Sequence[str] | None = None) -> Mapping[str, Array]:
        """All arrays (or those in `names`), completely."""
        with self._open() as held:
            return {name: self._read(held, name) for name in (self.names if names is None else names)}

    def samples(self, names: Sequence[str], start: int = 0) -> Iterator[dict[str, Array]]:
        """Yields the i-th slices of all arrays in `names` for each i from `start` on.

        Raises `Error` if their lengths differ.
        """
        lengths = {name: self._headers[name].shape[0] if self._headers[name].shape else 0 for name in names}
        if len(set(lengths.values())) > 1:
            lengths_text = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
            raise self._error(f"arrays of different lengths: {lengths_text}", hint="axis 0 is the samples")
        with self._open() as held, ExitStack() as stack:
            opened = {name: stack.enter_context(held.open(name + _ARRAY)) for name in names}
            streams = {name: self._slices(stream, name, held, start) for name, stream in opened.items()}
            for _ in range(start, next(iter(lengths.values()), 0)):
                yield {name: next(stream) for name, stream in streams.items()}

    @contextmanager
    def _open(self) -> Generator[_Container]:
        try:
            if self.path.suffix == _ARRAY:
                yield _Lone(self.path)
                return
            with zipfile.ZipFile(self.path) as held:
                yield held
        except (Error, MemoryError):
            raise
        except FileNotFoundError:
            raise self._error(f"no such file{near_files(str(self.path))}", hint="check the path") from None
        except Exception as error:  # archive, compression and headers raise a dozen kinds of exceptions
            kind = "an .npy file" if self.path.suffix == _ARRAY else "an .npz archive"
            raise self._error(f"is damaged, or not {kind} ({type(error).__name__}: {error})") from None

    def _error(self, what: str, hint: str = _HINT) -> Error:
        return Error(what, file=str(self.path), hint=hint)

    def _header(self, held: _Container, name: str) -> _Header:
        with held.open(name + _ARRAY) as stream:
            return self._read_header(stream, name)

    def _read_header(self, stream: IO[bytes], name: str) -> _Header:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        header = _Header(*read(stream))
        if header.dtype.hasobject:
            raise self._error(f"{_called(name)} holds Python objects", hint="give arrays of numbers")
        if min(header.shape, default=0) < 0 or header.dtype.itemsize == 0:
            raise self._error(f"{_called(name)} has no proper shape or type")
        if header.shape and header.shape[0] and not header.nbytes:
            raise self._error(f"{_called(name)} has samples without elements", hint="leave it out")
        return header

    def _slices(self, stream: IO[bytes], name: str, held: _Container, start: int) -> Iterator[Array]:
        header = self._read_header(stream, name)
        if header.fortran:
            yield from self._read(held, name)[start:]
            return
        shape = header.shape[1:]
        size = header.dtype.itemsize * math.prod(shape)
        self._check_size(name, size)
        if start:
            stream.seek(size * start, os.SEEK_CUR)
        for _ in range(start, header.shape[0]):
            yield np.frombuffer(self._taken(stream, size, name), header.dtype).reshape(shape)

    def _read(self, held: _Container, name: str) -> Array:
        header = self._headers[name]
        self._check_size(name, header.nbytes)
        with held.open(name + _ARRAY) as stream:
            self._read_header(stream, name)
            values = np.frombuffer(self._taken(stream, header.nbytes, name), header.dtype)
        return values.reshape(header.shape, order="F" if header.fortran else "C")

    def _check_size(self, name: str, size: int) -> None:
        """Raises `Error` if an array would take far more memory than the file takes on disk."""
        if size > max(_LARGEST, _EXPANDS * os.path.getsize(self.path)):
            raise self._error(f"{_called(name)} has samples of {size >> 20} MB", hint="axis 0 is the samples")

    def _taken(self, stream: IO[bytes], size: int, name: str) -> bytes:
        data = stream.read(size)
        if len(data) != size:
            raise self._error(f"{_called(name)} ends early")
        return data
