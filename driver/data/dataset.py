"""Representative data from arrays in files, folders of files or images, a function, or an object in Python.

A sample has a value for each input of a signature (or of the model, if it has no signatures). Samples are read one
after the other, so that only one is in memory.
"""

from __future__ import annotations

import math
import os
import pathlib
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tflir.backends.litert.run import Array, Entry, Port
from tflir.data.array_names import covers, in_order, is_of, missing, names_port, refuse_unknown_keys
from tflir.data.images import ENDINGS, read_image
from tflir.data.npz import Archive
from tflir.data.numbered import Source, by_number, is_numbered
from tflir.data.stored import StoredInput, StoredInputs
from tflir.data.user_code import asked, file_of, named_object, names_function
from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near

Values = dict[str, Array]
_SCALING = ("scale", "offset")
_FORMS = "a list of arrays in the order of the inputs, a dict by input name, or (signature key, dict)"


@dataclass(frozen=True)
class Scaling:
    """The real value of a stored value: value * scale + offset, with one number or one for each channel."""

    scale: Any = 1.0
    offset: Any = 0.0

    @staticmethod
    def normalizing(mean: Sequence[float], deviation: Sequence[float]) -> Scaling:
        """(value - mean) / deviation, each one number or one for each channel. Raises `Error` (status 2) if the number
        of channels differs.
        """
        if len({len(mean), len(deviation)} - {1}) > 1:
            what = f"--input-mean has {len(mean)} channels and --input-std {len(deviation)}"
            raise Error(what, hint="give one number, or one for each channel", status=USAGE)
        parts = 1 / np.array(deviation if len(deviation) > 1 else deviation[0])
        shifts = -np.array(mean if len(mean) > 1 else mean[0]) * parts
        return Scaling(parts.astype(np.float32), shifts.astype(np.float32))

    def of(self, value: Array) -> Array:
        """The real numbers for `value` as float32. Raises `Error` if it can't be scaled."""
        if value.dtype.kind not in "fiub":
            raise Error(f"values of type {value.dtype.name} have no scale", hint="do not scale them")
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                return np.asarray(value * _along(self.scale, value) + _along(self.offset, value), np.float32)
        except ValueError:
            what = f"scale, offset, mean or deviation has not one number for each channel of {_shown(value.shape)}"
            raise Error(what, hint="give one for all") from None


def _along(numbers: Any, value: Array) -> Array:
    """One number, or one for each channel in the form that the channels of `value` need: its last dimension, or that
    before height and width.
    """
    held = np.asarray(numbers, np.float32)
    first = held.ndim == 1 and value.ndim > 2 and value.shape[-1] not in (1, 3, 4) and value.shape[-3] == len(held)
    return held.reshape(-1, 1, 1) if first else held


def _shown(shape: Sequence[int]) -> str:
    return "x".join("?" if size < 0 else str(size) for size in shape) or "a scalar"


class Dataset:
    """Samples for the entries of one model.

    Iterating yields `(entry, values by input name)`. Raises `Error`, which names the input and the sample (counted
    from 1), if a value is missing, has the wrong shape or type, or is not finite, and if there is no sample at all.
    Integers for a quantized input are those that it stores; the samples have the real numbers that they stand for.
    Inputs whose tensors are in `masks` may be infinite. `part` yields those of some numbers alone.
    """

    def __init__(
        self,
        source: Any,
        entries: Sequence[Entry],
        *,
        limit: int | None = None,
        shard: tuple[int, int] = (1, 1),
        scaling: Scaling | StoredInputs | None = None,
        masks: Container[str] = (),
    ) -> None:
        self._entries = entries
        self._scaling = scaling if isinstance(scaling, Scaling) else None
        self._stored = scaling if isinstance(scaling, StoredInputs) else StoredInputs(())
        self._masks = masks
        self._limit = limit
        self._shard = shard
        self.name = _path(source) or "the representative dataset"
        self.number = 0
        """The number of the sample that was yielded last, from 1."""
        self.taken: dict[str, str] = {}
        """By the tensors of inputs: how integers of another type than the input's were taken, in a line."""
        self._source = _reader(source, entries, self._scaling)
        self.count = self._source.count
        if limit is not None and self.count is not None:
            self.count = min(self.count, limit)
        if self.count is not None:
            first, of = shard
            self.count = len(range(first - 1, self.count, of))

    def __iter__(self) -> Iterator[tuple[Entry, Values]]:
        yield from self.part(0, None)

    def part(self, start: int, stop: int | None) -> Iterator[tuple[Entry, Values]]:
        """As iterating, but only over the samples from `start`, counted from 0, up to `stop`, which is not included.

        A part that does not begin with the first sample may have none.
        """
        self.number = 0
        first, of = self._shard
        if self._limit is not None:
            stop = self._limit if stop is None else min(stop, self._limit)
        for at, sample in self._given(start, stop):
            self.number = at + 1
            if (self.number - first) % of:
                continue
            try:
                yield from self._fitted(sample)
            except Error as error:
                error.what = f"sample {self.number}: {error.what}"
                error.file = error.file or self.name
                raise
        if start == self.number == 0:
            raise Error("has no samples", file=self.name, hint="give at least one; a hundred is usual")

    def _given(self, start: int, stop: int | None) -> Iterator[tuple[int, Any]]:
        """Yields the items of the source with their numbers; its exceptions are raised as `Error`."""
        hint = f"give an iterable of samples, each {_FORMS}"
        what = "fails with"
        samples = self._source.items(start, stop)
        try:
            while (numbered := asked(what, hint, lambda: next(samples, None))) is not None:
                what = f"fails after sample {numbered[0] + 1} with"
                yield numbered
        except Error as error:
            error.file = error.file or self.name
            raise

    def _fitted(self, sample: Any) -> list[tuple[Entry, Values]]:
        made: list[tuple[Entry, Values]] = []
        for entry, values in self._uses(sample):
            named = isinstance(values, Mapping)
            taken = (
                _by_name(entry.inputs, cast("Mapping[str, Any]", values)) if named else _by_order(entry.inputs, values)
            )
            pairs = zip(entry.inputs, taken, strict=True)
            made.append((entry, {port.name: self._fits(port, value) for port, value in pairs}))
        return made

    def _fits(self, port: Port, value: Any) -> Array:
        """`value` as the input needs it, scaled by the user's scaling if the input has real numbers."""
        array = _array(port, value)
        own = StoredInput.of_port(port)
        stored = own or self._stored.of(port.tensor)
        if self._scaling is not None and (port.dtype.kind == "f" or port.scales.size):
            array = self._scaling.of(array)
        elif stored is not None:
            if port.tensor not in self.taken and (said := stored.how_taken(array, port.name)):
                self.taken[port.tensor] = said
            array = stored.real(array, port.name)
        if own is None:
            return _checked(port, array, port.tensor in self._masks)
        own.check(array, port.name)
        return port.decode(_checked(port, array, is_mask=False))

    def _uses(self, sample: Any) -> list[tuple[Entry, Any]]:
        """The entries that a sample is for, with its values: the one that it names, or all for whose inputs
        it has values.
        """
        if isinstance(sample, tuple) and len(cast(Any, sample)) == 2 and isinstance(sample[0], str):
            key, values = cast("tuple[str, Any]", sample)
            for entry in self._entries:
                if entry.key == key:
                    return [(entry, values)]
            known = [entry.key for entry in self._entries]
            raise Error(f"the model has no signature '{key}'{near(key, known)}", hint=f"it has {', '.join(known)}")
        if len(self._entries) == 1 or not isinstance(sample, Mapping):
            return [(self._entries[0], sample)]
        names_given = list(cast("Mapping[str, Any]", sample))
        entries = [entry for entry in self._entries if covers(names_given, entry)]
        return [(entry, sample) for entry in entries or self._entries[:1]]


def _by_name(ports: Sequence[Port], values: Mapping[str, Any]) -> list[Any]:
    taken: list[Any] = []
    for port in ports:
        name = next((name for name in values if names_port(name, port)), None)
        if name is None:
            raise missing(port, values)
        taken.append(asked(f"input '{port.name}' can't be read:", "check the sample", lambda name=name: values[name]))
    return taken


def _by_order(ports: Sequence[Port], values: Any) -> Sequence[Any]:
    if isinstance(values, np.ndarray) and len(ports) == 1:
        return [cast(Array, values)]
    if not isinstance(values, list | tuple):
        raise Error(f"is a {type(cast(object, values)).__name__}", hint=f"a sample is {_FORMS}")
    held = cast("Sequence[Any]", values)
    if len(held) != len(ports):
        wanted = ", ".join(f"'{port.name}'" for port in ports)
        raise Error(f"has {len(held)} values where the inputs are {wanted}", hint="give one for each")
    return held


def _array(port: Port, value: Any) -> Array:
    def made() -> Array:
        try:
            return np.asarray(value)
        except ValueError:
            raise Error(f"input '{port.name}' has rows of different lengths", hint="give an array") from None

    return asked(f"input '{port.name}' is no array:", "give an array", made)


def _checked(port: Port, found: Array, is_mask: bool) -> Array:
    """The values in the input's shape and type. Raises `Error` if they do not fit; a mask may be infinite."""
    if found.dtype.kind in "SUO" or port.dtype.kind in "SUO":
        if (found.dtype.kind in "SUO") != (port.dtype.kind in "SUO"):
            raise Error(f"input '{port.name}' wants {port.dtype.name}, not {found.dtype.name}", hint="convert the data")
        return found
    quantizes = found.dtype.kind == "f" and StoredInput.of_port(port) is not None
    if not quantizes and not np.can_cast(found.dtype, port.dtype, "same_kind"):
        raise Error(f"input '{port.name}' wants {port.dtype.name}, not {found.dtype.name}", hint="convert the data")
    if found.dtype.kind == "f" and (np.isnan(found) if is_mask else ~np.isfinite(found)).any():
        raise Error(f"input '{port.name}' has NaN or infinity", hint="leave the sample out")
    with np.errstate(over="ignore"):
        made = port.encode(found)
    if made.dtype.kind == "f" and not (is_mask or np.isfinite(made).all()):
        raise Error(f"input '{port.name}' has values that {port.dtype.name} can't hold", hint="scale the data")
    if made.dtype.kind in "iu" and found.dtype.kind in "iu" and not np.array_equal(made.reshape(found.shape), found):
        raise Error(f"input '{port.name}' has values that {port.dtype.name} can't hold", hint="convert the data")
    fits = len(made.shape) == len(port.shape) and all(
        wanted in (size, -1) for wanted, size in zip(port.shape, made.shape, strict=True)
    )
    if not fits:
        what = f"input '{port.name}' is {_shown(found.shape)} where it wants {_shown(port.shape)}"
        same = found.size == math.prod(port.shape)
        hint = f"reshape each sample to {_shown(port.shape)}" if same else "give one sample a place on axis 0"
        raise Error(what, hint=hint)
    return made


def _path(source: Any) -> str | None:
    return os.fspath(cast("str | os.PathLike[str]", source)) if isinstance(source, str | os.PathLike) else None


def _reader(source: Any, entries: Sequence[Entry], scaling: Scaling | None) -> Source:
    """The samples of a source by their numbers."""
    name = _path(source)
    if name is None:
        return _of_object(getattr(source, "input_gen", source))
    path = pathlib.Path(name)
    if path.is_dir():
        files, read = _folder(path, entries, scaling)
        return Source(lambda start: map(read, files[start:]), len(files), jumps=True)
    if names_function(name):
        return _of_object(named_object(name))
    if path.suffix == ".py":
        raise Error("is Python code", file=name, hint=f"name a function of it: {name}:FUNCTION", status=USAGE)
    if path.suffix.lower() in ENDINGS:
        raise Error("is one image", file=name, hint="give the folder that it lies in")
    archive = Archive(path)
    if path.suffix == ".npy":
        return Source(lambda start: (sample[""] for sample in archive.samples([""], start)), archive.count, jumps=True)
    own = _own_scaling(archive, entries, scaling)
    return Source(lambda start: _samples_of(archive, entries, own), archive.count)


def _of_object(given: Any) -> Source:
    """The samples of a function, or of another Python object."""
    if is_numbered(given):
        return asked("fails with", "give an iterable of samples", lambda: by_number(given))
    if callable(given):
        return Source(lambda start: cast("Iterable[Any]", given()))
    if isinstance(given, Iterable):
        return Source(lambda start: cast("Iterable[Any]", given))
    raise Error(f"a representative dataset can't be a {type(given).__name__}", hint="give a function", status=USAGE)


_ARRAYS = (".npz", ".npy")


def files_of(source: str) -> list[pathlib.Path]:
    """The existing files that a dataset of this name is read from; none is opened."""
    path = pathlib.Path(source)
    if path.is_dir():
        return _files(path, (*_ARRAYS, *ENDINGS))
    if not names_function(source):
        return [path]
    if (file := file_of(source)) is not None:
        return [file]
    module = source.rpartition(":")[0]
    inside = pathlib.Path(*module.split("."))
    found = (pathlib.Path(place, inside) for place in (os.getcwd(), *sys.path))
    return [file for each in found for file in (each.with_suffix(".py"), each / "__init__.py") if file.is_file()]


def holds_images(source: Any) -> bool:
    """Whether a dataset is a folder of images."""
    name = _path(source)
    return name is not None and os.path.isdir(name) and bool(_files(pathlib.Path(name), ENDINGS))


def _files(folder: pathlib.Path, endings: tuple[str, ...]) -> list[pathlib.Path]:
    """The files of a folder with one of these endings; images may lie in folders of it, such as one for each class."""
    found = sorted(file for file in folder.iterdir() if file.suffix.lower() in endings)
    if found or not set(endings) <= set(ENDINGS):
        return found
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in endings)


def _folder(
    folder: pathlib.Path, entries: Sequence[Entry], scaling: Scaling | None
) -> tuple[list[pathlib.Path], Callable[[pathlib.Path], Any]]:
    """The files of a folder, one for each sample, and the function that reads one. Raises `Error` if kinds
    are mixed.
    """
    kinds = {endings: found for endings in ((".npz",), (".npy",), ENDINGS) if (found := _files(folder, endings))}
    if not kinds:
        hint = "put one in for each sample"
        raise Error("has no .npz files, no .npy files and no images", file=str(folder), hint=hint)
    if len(kinds) > 1:
        kinds_found = " and ".join(endings[0] for endings in kinds)
        raise Error(f"has files of several kinds ({kinds_found})", file=str(folder), hint="keep one kind in it")
    ((endings, files),) = kinds.items()
    if endings == (".npz",):
        return files, lambda file: _one_sample(file, entries, scaling)
    if endings == (".npy",):
        return files, lambda file: Archive(file).whole()[""]
    if len(entries[0].inputs) != 1:
        raise Error("images are for models of one input", file=str(folder), hint="give arrays as .npz")
    return files, lambda file: read_image(file, entries[0].inputs[0])


def _one_sample(file: pathlib.Path, entries: Sequence[Entry], scaling: Scaling | None) -> Any:
    archive = Archive(file)
    own = _own_scaling(archive, entries, scaling)
    names = [name for name in archive.names if own is None or name not in _SCALING]
    if any(covers(names, entry) for entry in entries):
        return _scaled_by(own, archive.whole(names))
    return list(_scaled_by(own, archive.whole(_in_order(archive, names, entries))).values())


def _own_scaling(archive: Archive, entries: Sequence[Entry], other: Scaling | None) -> Scaling | None:
    """The scaling of an archive's uint8 arrays by its arrays `scale` and `offset`; None if it has none.

    Raises `Error` if options scale the data (`other`) too.
    """
    names = [name for name in archive.names if name in _SCALING and not any(is_of(name, e) for e in entries)]
    if not names or not any(archive.dtype(name) == np.uint8 for name in archive.names):
        return None
    for name in names:
        if len(archive.shape(name)) > 1 or archive.dtype(name).kind not in "fiu":
            raise Error(f"array '{name}' is no number", file=str(archive.path), hint="give one, or one a channel")
    if other is not None:
        what = "scaling options do nothing beside its own arrays 'scale' and 'offset'"
        raise Error(what, file=str(archive.path), hint="leave them out", status=USAGE)
    held = archive.whole(names)
    if not all(np.isfinite(value).all() for value in held.values()):
        raise Error("its 'scale' or 'offset' is not finite", file=str(archive.path), hint="give numbers")
    return Scaling(**held)


def _scaled_by(own: Scaling | None, sample: Mapping[str, Array]) -> Mapping[str, Array]:
    if own is None:
        return sample
    return {name: own.of(value) if value.dtype == np.uint8 else value for name, value in sample.items()}


def _samples_of(archive: Archive, entries: Sequence[Entry], own: Scaling | None) -> Iterator[Any]:
    """The samples of an archive, by name if its arrays have the inputs' names, else in the order of the arrays."""
    names = [name for name in archive.names if own is None or name not in _SCALING]
    refuse_unknown_keys(names, entries)
    keyed = [entry for entry in entries if any(name.startswith(f"{entry.key}/") for name in names if entry.key)]
    if keyed:
        streams = [_keyed(archive, entry.key, own) for entry in keyed]
        while streams:  # alternate between signatures, so that the first samples cover all of them
            for stream in list(streams):
                if (sample := next(stream, None)) is None:
                    streams.remove(stream)
                else:
                    yield sample
        return
    if any(covers(names, entry) for entry in entries):
        names_read = {name for entry in entries if covers(names, entry) for name in names if is_of(name, entry)}
        chosen = [name for name in names if name in names_read]
        yield from (_scaled_by(own, sample) for sample in archive.samples(chosen))
        return
    for sample in archive.samples(_in_order(archive, names, entries)):
        yield list(_scaled_by(own, sample).values())


def _in_order(archive: Archive, names: Sequence[str], entries: Sequence[Entry]) -> list[str]:
    """The arrays for the inputs of the first entry. Raises `Error` if a name may be misspelt."""
    try:
        return in_order(names, entries[0])
    except Error as error:
        error.file = str(archive.path)
        raise


def _keyed(archive: Archive, key: str, own: Scaling | None) -> Iterator[tuple[str, Mapping[str, Array]]]:
    """The samples of one signature, whose arrays are called `key/name`."""
    chosen = [name for name in archive.names if name.startswith(f"{key}/")]
    for sample in archive.samples(chosen):
        yield key, {name.removeprefix(f"{key}/"): value for name, value in _scaled_by(own, sample).items()}
