"""Maps a model's file into memory, and turns every way in which that fails into one line."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field

from tflir.ir.blob import ArrayBlob, Blob, MappedBlob
from tflir.ir.errors import Error


@dataclass
class ModelFile:
    """The bytes of a model: a map of its file, or bytes that are in memory already."""

    data: memoryview
    mapping: mmap.mmap | None
    _blobs: dict[tuple[int, int], Blob] = field(default_factory=dict[tuple[int, int], Blob])

    def blob(self, offset: int, nbytes: int) -> Blob:
        """The bytes at `offset`, as one blob however often they are asked for."""
        known = self._blobs.get((offset, nbytes))
        if known is None:
            if self.mapping is None:
                import numpy as np

                known = ArrayBlob(np.frombuffer(self.data, np.uint8, nbytes, offset))
            else:
                known = MappedBlob(self.mapping, self.data, offset, nbytes)
            self._blobs[offset, nbytes] = known
        return known


def open_model(path: str | os.PathLike[str]) -> ModelFile:
    """Maps the file at `path` for reading. Raises `Error` where it can't be read or is empty."""
    try:
        with open(path, "rb") as file:
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except IsADirectoryError:
        raise Error("is a directory", hint="name a .tflite file") from None
    except OSError as error:
        raise Error(f"can't be read: {error.strerror}", hint="check the path and its permissions") from None
    except ValueError:
        raise Error("is empty", hint="name a .tflite file") from None
    return ModelFile(memoryview(mapping), mapping)
