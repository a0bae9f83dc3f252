"""`.npz` archives, read a sample at a time."""

from __future__ import annotations

import os
import pathlib
import zipfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Any

import numpy as np

from tflir.backends.litert.run import Array
from tflir.ir.errors import Error


class Archive:
    """Arrays whose first axis is the samples. Raises `Error` where the file is no `.npz` of numbers."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path)
        with self._open() as held:
            self.names = [name.removesuffix(".npy") for name in held.namelist() if name.endswith(".npy")]
            self._headers = {name: self._header(held, name) for name in self.names}
        if not self.names:
            raise Error("holds no arrays", file=str(self.path), hint="write it with numpy.savez")

    @property
    def count(self) -> int:
        """How many samples the first array has."""
        return next((shape[0] for shape, _, _ in self._headers.values() if shape), 0)

    def whole(self) -> Mapping[str, Array]:
        """Every array, all of it."""
        with self._open() as held:
            return {name: self._read(held, name) for name in self.names}

    def samples(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """One slice of each array of `names` after the other. Raises `Error` where they have not the same length."""
        lengths = {name: self._headers[name][0][0] if self._headers[name][0] else 0 for name in names}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"'{name}' has {length}" for name, length in lengths.items())
            raise Error(f"arrays of different lengths: {said}", file=str(self.path), hint="axis 0 is the samples")
        with self._open() as held, ExitStack() as stack:
            streams = {name: self._slices(stack.enter_context(held.open(f"{name}.npy")), name, held) for name in names}
            for _ in range(next(iter(lengths.values()), 0)):
                yield {name: next(stream) for name, stream in streams.items()}

    @contextmanager
    def _open(self) -> Generator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self.path) as held:
                yield held
        except FileNotFoundError:
            raise Error("no such file", file=str(self.path), hint="check the path") from None
        except (OSError, zipfile.BadZipFile, ValueError, EOFError) as error:
            raise Error(f"is no .npz: {error}", file=str(self.path), hint="write it with numpy.savez") from None

    def _header(self, held: zipfile.ZipFile, name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        with held.open(f"{name}.npy") as stream:
            return self._read_header(stream, name)

    def _read_header(self, stream: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        if dtype.hasobject:
            raise Error(f"array '{name}' holds Python objects", file=str(self.path), hint="give arrays of numbers")
        return shape, fortran, dtype

    def _slices(self, stream: IO[bytes], name: str, held: zipfile.ZipFile) -> Iterator[Array]:
        shape, fortran, dtype = self._read_header(stream, name)
        if fortran:
            yield from self._read(held, name)
            return
        size = dtype.itemsize * int(np.prod(shape[1:]))
        for _ in range(shape[0]):
            data = stream.read(size)
            if len(data) != size:
                raise Error(f"array '{name}' ends early", file=str(self.path), hint="write it again")
            yield np.frombuffer(data, dtype).reshape(shape[1:])

    def _read(self, held: zipfile.ZipFile, name: str) -> Array:
        with held.open(f"{name}.npy") as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
