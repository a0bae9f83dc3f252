"""Which array of a file is for which input: by name, or by order where names say nothing. A misspelt one is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from tflir.backends.litert.run import Entry, Port
from tflir.ir.errors import Error
from tflir.ir.near import near

_NUMBERED = re.compile(r"(.*?)_?(\d+)")
_USUAL_EXTRAS = ("labels",)
"""Arrays that may stand beside those of inputs."""


def names_port(name: str, port: Port) -> bool:
    """Whether `name` is the input's name in the signature, its tensor's name, or that without what exporters
    add to it.
    """
    if name in (port.name, port.tensor):
        return True
    bare = port.tensor.removeprefix("serving_default_").rpartition(":")[0] or port.tensor
    return bare == name or name.removeprefix("serving_default_").rpartition(":")[0] == port.name


def covers(names: Collection[str], entry: Entry) -> bool:
    """Whether there is a name for each input."""
    return all(any(names_port(name, port) for name in names) for port in entry.inputs)


def is_of(name: str, entry: Entry) -> bool:
    """Whether a name is that of an input."""
    return any(names_port(name, port) for port in entry.inputs)


def missing(port: Port, names: Collection[str]) -> Error:
    """The error for an input without a value among `names`."""
    given = ", ".join(names) or "nothing"
    return Error(f"no value for input '{port.name}'{near(port.name, names)}", hint=f"it has {given}")


def in_order(names: Sequence[str], entry: Entry) -> list[str]:
    """The arrays for the inputs of `entry` in their order, where not every input is named.

    Names that number the arrays from 0 or 1 (`arr_0`, `input_1`) say their order; a single array needs no name. Raises
    `Error` for other names, of which one may be misspelt.
    """
    count = len(entry.inputs)
    if any(is_of(name, entry) for name in names):
        raise missing(next(port for port in entry.inputs if not any(names_port(name, port) for name in names)), names)
    numbered = _numbered(names)
    if numbered is not None:
        if len(numbered) < count:
            wanted = ", ".join(f"'{port.name}'" for port in entry.inputs)
            raise Error(f"has {len(numbered)} arrays where the inputs are {wanted}", hint="give one for each")
        return numbered[:count]
    rest = [name for name in names if name not in _USUAL_EXTRAS]
    if count == len(rest) == 1 and not near(rest[0], _known(entry)):
        return rest
    wanted = ", ".join(f"'{port.name}'" for port in entry.inputs)
    said = near(rest[0], _known(entry)) if len(rest) == 1 else ""
    raise Error(
        f"none of its arrays ({', '.join(names)}) has the name of an input: {wanted}{said}",
        hint="name them so, or arr_0, arr_1, … in the order of the inputs",
    )


def _numbered(names: Sequence[str]) -> list[str] | None:
    """The names sorted by their numbers, if they differ in these alone and count from 0 or 1; else None."""
    found = {name: match for name in names if (match := _NUMBERED.fullmatch(name))}
    numbers = sorted(int(match[2]) for match in found.values())
    stems = {match[1] for match in found.values()}
    counted = [list(range(first, first + len(names))) for first in (0, 1)]
    if len(found) != len(names) or len(stems) != 1 or numbers not in counted:
        return None
    return sorted(names, key=lambda name: int(found[name][2]))


def _known(entry: Entry) -> list[str]:
    return [name for port in entry.inputs for name in (port.name, port.tensor)]


def refuse_unknown_keys(names: Sequence[str], entries: Sequence[Entry]) -> None:
    """Raises `Error` for an array called `key/name` whose key is nearly that of a signature."""
    keys = [entry.key for entry in entries if entry.key]
    for name in names:
        key, slash, _ = name.partition("/")
        if slash and key not in keys and len(entries) > 1 and (meant := near(key, keys)):
            raise Error(f"array '{name}': the model has no signature '{key}'{meant}", hint=f"it has {', '.join(keys)}")
