"""Representative data: samples from a `.npz`, a folder of them, a function, or what the API is given.

A sample is one value for each input of a signature (or of the model, where it has none). Samples are read one after the
other; however many there are, one is in memory.
"""

from __future__ import annotations

import importlib
import os
import pathlib
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np

from tflir.backends.litert.run import Array, Entry, Port
from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.npz import Archive

Values = dict[str, Array]
_FORMS = "a list of arrays in the order of the inputs, a dict by input name, or (signature key, dict)"


class Dataset:
    """Samples for the entries of one model.

    Iterating gives `(entry, values by input name)`. Raises `Error` naming the input and the sample (counted from 1)
    where a value is missing, has the wrong shape or type, or is not finite, and where there is no sample at all.
    The inputs whose tensors `masks` names may be infinite.
    """

    def __init__(
        self,
        source: Any,
        entries: Sequence[Entry],
        *,
        limit: int | None = None,
        shard: tuple[int, int] = (1, 1),
        masks: Container[str] = (),
    ) -> None:
        self._entries = entries
        self._masks = masks
        self._limit = limit
        self._shard = shard
        self.name = _path(source) or "the representative dataset"
        self._samples, self.count = _reader(source, entries)
        if limit is not None and self.count is not None:
            self.count = min(self.count, limit)
        if self.count is not None:
            first, of = shard
            self.count = len(range(first - 1, self.count, of))

    def __iter__(self) -> Iterator[tuple[Entry, Values]]:
        found = False
        first, of = self._shard
        for number, sample in enumerate(self._given(), 1):
            if self._limit is not None and number > self._limit:
                break
            found = True
            if (number - first) % of:
                continue
            try:
                yield from self._fitted(sample)
            except Error as error:
                error.what = f"sample {number}: {error.what}"
                error.file = error.file or self.name
                raise
        if not found:
            raise Error("has no samples", file=self.name, hint="give at least one; a hundred is usual")

    def _given(self) -> Iterator[Any]:
        """What the source gives; whatever is raised in it is raised as `Error`."""
        given = 0
        try:
            for sample in self._samples():
                given += 1
                yield sample
        except (Error, MemoryError):
            raise
        except Exception as error:
            after = f" after sample {given}" if given else ""
            what = f"fails{after} with {type(error).__name__}: {error}"
            raise Error(what, file=self.name, hint=f"give an iterable of samples, each {_FORMS}") from error

    def _fitted(self, sample: Any) -> list[tuple[Entry, Values]]:
        made: list[tuple[Entry, Values]] = []
        for entry, values in self._uses(sample):
            named = isinstance(values, Mapping)
            taken = (
                _by_name(entry.inputs, cast("Mapping[str, Any]", values)) if named else _by_order(entry.inputs, values)
            )
            pairs = zip(entry.inputs, taken, strict=True)
            made.append(
                (entry, {port.name: _checked(port, value, port.tensor in self._masks) for port, value in pairs})
            )
        return made

    def _uses(self, sample: Any) -> list[tuple[Entry, Any]]:
        """The entries that a sample is for, and its values: one that is named, or all whose inputs it has."""
        if isinstance(sample, tuple) and len(cast(Any, sample)) == 2 and isinstance(sample[0], str):
            key, values = cast("tuple[str, Any]", sample)
            for entry in self._entries:
                if entry.key == key:
                    return [(entry, values)]
            known = [entry.key for entry in self._entries]
            raise Error(f"the model has no signature '{key}'{near(key, known)}", hint=f"it has {', '.join(known)}")
        if len(self._entries) == 1 or not isinstance(sample, Mapping):
            return [(self._entries[0], sample)]
        given = list(cast("Mapping[str, Any]", sample))
        found = [entry for entry in self._entries if _covers(given, entry)]
        return [(entry, sample) for entry in found or self._entries[:1]]


def _covers(names: Sequence[str], entry: Entry) -> bool:
    return all(any(_names(name, port) for name in names) for port in entry.inputs)


def _names(name: str, port: Port) -> bool:
    """Whether `name` means the input: the signature's name, the tensor's, or that without what exporters put around."""
    if name in (port.name, port.tensor):
        return True
    bare = port.tensor.removeprefix("serving_default_").rpartition(":")[0] or port.tensor
    return bare == name or name.removeprefix("serving_default_").rpartition(":")[0] == port.name


def _means(name: str, entry: Entry) -> bool:
    return any(_names(name, port) for port in entry.inputs)


def _by_name(ports: Sequence[Port], values: Mapping[str, Any]) -> list[Any]:
    taken: list[Any] = []
    for port in ports:
        name = next((name for name in values if _names(name, port)), None)
        if name is None:
            given = ", ".join(values) or "nothing"
            raise Error(f"no value for input '{port.name}'{near(port.name, values)}", hint=f"it has {given}")
        taken.append(values[name])
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


def _checked(port: Port, value: Any, is_mask: bool) -> Array:
    """`value` as the input takes it; a mask may be infinite."""
    try:
        found: Array = np.asarray(value)
    except ValueError:
        raise Error(f"input '{port.name}' has rows of different lengths", hint="give an array") from None
    if found.dtype.kind in "SUO" or port.dtype.kind in "SUO":
        if (found.dtype.kind in "SUO") != (port.dtype.kind in "SUO"):
            raise Error(f"input '{port.name}' wants {port.dtype.name}, not {found.dtype.name}", hint="convert the data")
        return found
    if not np.can_cast(found.dtype, port.dtype, "same_kind"):
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
        wanted = "x".join("?" if size < 0 else str(size) for size in port.shape) or "a scalar"
        given = "x".join(map(str, found.shape)) or "a scalar"
        raise Error(f"input '{port.name}' is {given} where it wants {wanted}", hint="give one sample a place on axis 0")
    return made


def _path(source: Any) -> str | None:
    return os.fspath(cast("str | os.PathLike[str]", source)) if isinstance(source, str | os.PathLike) else None


def _reader(source: Any, entries: Sequence[Entry]) -> tuple[Callable[[], Iterable[Any]], int | None]:
    """What gives the samples, from the start each time, and how many there are where that is known."""
    name = _path(source)
    if name is None:
        given = getattr(source, "input_gen", source)
        if callable(given):
            return cast("Callable[[], Iterable[Any]]", given), None
        if isinstance(given, Iterable):
            return lambda: cast("Iterable[Any]", given), None
        raise Error(f"a representative dataset can't be a {type(source).__name__}", hint="give a function", status=2)
    path = pathlib.Path(name)
    if path.is_dir():
        files = sorted(path.glob("*.npz"))
        if not files:
            raise Error("has no .npz files", file=name, hint="put one in for each sample")
        return lambda: (_one_sample(file) for file in files), len(files)
    module, colon, function = name.rpartition(":")
    if colon and not path.exists() and module and function.isidentifier() and path.suffix != ".npz":
        return _function(module, function), None
    archive = Archive(path)
    return lambda: _samples_of(archive, entries), archive.count


def _one_sample(file: pathlib.Path) -> Mapping[str, Array]:
    return Archive(file).whole()


def _samples_of(archive: Archive, entries: Sequence[Entry]) -> Iterator[Any]:
    """The samples of an archive, by name where its arrays have the inputs' names, else in their order."""
    names = archive.names
    keyed = [entry for entry in entries if any(name.startswith(f"{entry.key}/") for name in names if entry.key)]
    if keyed:
        streams = [_keyed(archive, entry.key) for entry in keyed]
        while streams:  # by turns, so that the first samples are of every signature
            for stream in list(streams):
                if (sample := next(stream, None)) is None:
                    streams.remove(stream)
                else:
                    yield sample
        return
    if any(_covers(names, entry) for entry in entries):
        wanted = {name for entry in entries if _covers(names, entry) for name in names if _means(name, entry)}
        yield from archive.samples([name for name in names if name in wanted])
        return
    count = len(entries[0].inputs)
    if len(names) < count or (len(names) > count and any(_names(n, p) for n in names for p in entries[0].inputs)):
        yield from archive.samples(names)  # an error there names what is missing
        return
    for sample in archive.samples(names[:count]):
        yield list(sample.values())


def _keyed(archive: Archive, key: str) -> Iterator[tuple[str, Mapping[str, Array]]]:
    """The samples of one signature, whose arrays are called `key/name`."""
    chosen = [name for name in archive.names if name.startswith(f"{key}/")]
    for sample in archive.samples(chosen):
        yield key, {name.removeprefix(f"{key}/"): value for name, value in sample.items()}


def _function(module: str, function: str) -> Callable[[], Iterable[Any]]:
    """`module:function`; modules of the working folder too."""
    sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), function, None)
    except Exception as error:  # whatever the module's own code raises
        said = f"module {module} can't be imported: {type(error).__name__}: {error}"
        raise Error(said, hint="give module:function", status=2) from error
    finally:
        sys.path.remove(os.getcwd())
    if not callable(found):
        raise Error(f"module {module} has no function {function}", hint="give module:function", status=2)
    return cast("Callable[[], Iterable[Any]]", found)
