"""Files of second moments: what layers read on representative data, so that other runs need not see the data.

A file is an `.npz`, which numpy opens. `head` is the UTF-8 text of a JSON object with the format, its version, the
fingerprint of the model, and for each reading its fields; `PART/READING/FIELD` are the sums, where part 0 is of the
samples that weights are rounded by, and part 1 of those that are held out.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tflir.backends.files import whole_file
from tflir.backends.litert.moments import Moments, Sums, plus
from tflir.backends.litert.readings import Reading
from tflir.data.recorded import fingerprint
from tflir.ir.errors import Error, said_by_system

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

_FORMAT, _VERSION = "tflir moments", 1
_HEAD = "head"
_PARTS = 2
_FIELDS = ("count", "total", "products")
_LARGEST_HEAD = 1 << 26


def write_sums(out: BinaryIO, parts: Iterable[Sums], head: npt.NDArray[Any] | None = None) -> int:
    """Writes the sums of each part, and a head, in the form of an `.npz`: one array after the other.

    Returns how many readings have sums in the first part.
    """
    written = 0
    with zipfile.ZipFile(out, "w", allowZip64=True) as archive:
        if head is not None:
            _write(archive, _HEAD, head)
        for part, sums in enumerate(parts):
            for at, moments in enumerate(sums):
                for name in _FIELDS if moments is not None else ():
                    _write(archive, f"{part}/{at}/{name}", np.asarray(getattr(moments, name)))
            written += 0 if part else sum(moments is not None for moments in sums)
    return written


def _write(archive: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def moments_in(arrays: Mapping[str, Any], part: int, at: int) -> Moments | None:
    """The sums of one part of one reading, in a file that `write_sums` wrote."""
    name = f"{part}/{at}"
    if f"{name}/count" not in arrays:
        return None
    count, total, products = (arrays[f"{name}/{field}"] for field in _FIELDS)
    return Moments(int(count), total, products)


def write_moments(path: str, module: ModuleOp, readings: Sequence[Reading], parts: Iterable[Sums]) -> int:
    """Writes the sums of all readings of a model; returns how many readings have them.

    Raises `Error` if the file can't be written.
    """
    head = {
        "format": _FORMAT,
        "version": _VERSION,
        "model": fingerprint(module),
        "readings": [asdict(reading) for reading in readings],
    }
    content = np.frombuffer(json.dumps(head).encode(), np.uint8)
    with whole_file(path) as out:
        return write_sums(out, parts, content)


def read_moments(paths: Sequence[str], module: ModuleOp, readings: Sequence[Reading]) -> Iterator[Sums]:
    """The sums of the readings in one or more files, added in the order of the paths; None where no file has them:
    first the part that weights are rounded by.

    Raises `Error` if one is not such a file, or is of another model.
    """
    model = fingerprint(module)
    for number in range(_PARTS):
        sums: Sums = [None] * len(readings)
        for path in paths:
            with _said(path), np.load(path) as arrays:
                places = _places(arrays, model)
                for at, reading in enumerate(readings):
                    place = places.get(_key(asdict(reading)))
                    found = None if place is None else moments_in(arrays, number, place)
                    if found is not None:
                        _check(found, reading)
                        sums[at] = plus(sums[at], found)
        yield sums


def _places(arrays: Mapping[str, Any], model: str) -> dict[str, int]:
    """The numbers of the readings in a file by what they read. Raises `ValueError` if the file is no such file."""
    content = arrays[_HEAD]
    if content.dtype != np.uint8 or content.nbytes > _LARGEST_HEAD:
        raise ValueError
    head = json.loads(content.tobytes().decode())
    if (head["format"], head["version"]) != (_FORMAT, _VERSION):
        raise ValueError
    if head["model"] != model:
        raise Error("the moments are of another model", hint="calibrate this one")
    return {_key(reading): at for at, reading in enumerate(head["readings"])}


def _key(reading: dict[str, Any]) -> str:
    return json.dumps(reading, sort_keys=True)


def _check(found: Moments, reading: Reading) -> None:
    """Raises `ValueError` if sums can't be those of a reading."""
    shape = found.total.shape
    fits = len(shape) == (2 if reading.depthwise else 1) and shape[-1] == reading.columns
    if not fits or found.products.shape != (*shape, reading.columns) or found.count < 1:
        raise ValueError
    if (found.total.dtype, found.products.dtype) != (np.float64, np.float32):
        raise ValueError
    if not (np.isfinite(found.total).all() and np.isfinite(found.products).all()):
        raise ValueError


@contextlib.contextmanager
def _said(path: str) -> Generator[None]:
    """Raises an `Error` that names the file instead of what reading it may raise."""
    try:
        yield
    except Error as error:
        error.file = error.file or path
        raise
    except (ArithmeticError, EOFError, KeyError, RecursionError, TypeError, ValueError, zipfile.BadZipFile):
        hint = "make one with tflir calibrate --moments-out"
        raise Error("is no file of second moments", file=path, hint=hint) from None
    except OSError as error:
        raise Error(f"can't be read: {said_by_system(error)}", file=path) from None
