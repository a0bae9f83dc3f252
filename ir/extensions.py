"""What others may add by name: a registry for each kind of thing, in which tflir's own stand beside those of plug-ins.

Plug-ins are looked for where a name is asked for that no registry has; nothing else pays for it. How they are looked
for is the driver's to say (`on_unknown`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tflir.ir.errors import Error
from tflir.ir.near import near

T = TypeVar("T")
_USAGE = 2
OURS = "tflir"
"""The owner of what is built in."""


@dataclass(frozen=True)
class _Entry(Generic[T]):
    owner: str
    make: Callable[[], T]


class _Search:
    """How plug-ins are looked for."""

    def __init__(self) -> None:
        self.find: Callable[[], None] = lambda: None


_SEARCH = _Search()


def on_unknown(find: Callable[[], None]) -> None:
    """Says how plug-ins are looked for: `find` adds what they bring to the registries, each time that it is called."""
    _SEARCH.find = find


def look_for_plugins() -> None:
    """Has what plug-ins bring added to the registries."""
    _SEARCH.find()


class Registry(Generic[T]):
    """Things of one kind by name; each is made when it is first asked for."""

    def __init__(self, kind: str, own: Mapping[str, Callable[[], T]]) -> None:
        self.kind = kind
        self._entries: dict[str, list[_Entry[T]]] = {name: [_Entry(OURS, make)] for name, make in own.items()}
        self._made: dict[str, T | None] = {}
        _ALL.append(self)

    def add(self, name: str, make: Callable[[], T], owner: str) -> None:
        """Adds what `owner` brings under `name`."""
        held = self._entries.setdefault(name, [])
        if all(entry.owner != owner for entry in held):
            held.append(_Entry(owner, make))
            self._made.pop(name, None)

    def find(self, name: str) -> T | None:
        """What `name` stands for; None where there is no such thing. Raises `Error` where two packages bring it."""
        if name not in self._entries:
            look_for_plugins()
        if name not in self._made:
            held = self._entries.get(name, [])
            if len(held) > 1:
                owners = " and in ".join(entry.owner for entry in held)
                hint = "give one of the two another name, or uninstall one"
                raise Error(f"{self.kind} '{name}' is in {owners}", hint=hint, status=_USAGE)
            self._made[name] = held[0].make() if held else None
        return self._made[name]

    def get(self, name: str) -> T:
        """What `name` stands for. Raises `Error` (status 2) with near names where there is no such thing."""
        found = self.find(name)
        if found is None:
            hint = f"there are {', '.join(self.names())}" if self._entries else "no plug-in brings one"
            raise Error(f"no {self.kind} is called '{name}'{near(name, self._entries)}", hint=hint, status=_USAGE)
        return found

    def names(self) -> list[str]:
        """The names of all, those of plug-ins included."""
        look_for_plugins()
        return list(self._entries)

    def of(self, owner: str) -> list[str]:
        """The names that one owner brings."""
        return [name for name, held in self._entries.items() if any(entry.owner == owner for entry in held)]

    def clashes(self) -> list[tuple[str, list[str]]]:
        """The names that several bring, and these."""
        return [(name, [entry.owner for entry in held]) for name, held in self._entries.items() if len(held) > 1]

    def clear(self) -> None:
        """Forgets what plug-ins added."""
        for name, held in list(self._entries.items()):
            kept = [entry for entry in held if entry.owner == OURS]
            if kept:
                self._entries[name] = kept
            else:
                del self._entries[name]
        self._made.clear()


_ALL: list[Registry[Any]] = []


def forget_plugins() -> None:
    """Forgets all that plug-ins added: they are looked for anew where a name is asked for."""
    for registry in _ALL:
        registry.clear()


DIALECTS: Registry[Any] = Registry("dialect", {})
"""By name: dialects of xDSL's kind that are neither ours nor xDSL's."""
CUSTOM_OPS: Registry[Any] = Registry("custom operator", {})
"""By code: the class of the typed op, a `tflir.ir.tfl.custom.TypedCustomOp`."""
CUSTOM_KERNELS: Registry[Callable[[Any, Any], Any]] = Registry("kernel of the custom operator", {})
"""By code: what the interpreter runs, a function from an op and the values of its operands to its results."""
FRONTENDS: Registry[Callable[[bytes, str], Any]] = Registry("frontend of files", {})
"""By ending, such as `.acme`: a function from the content and the name of a file to a module."""
RULES: Registry[Any] = Registry("set of rules", {})
"""By name: the xDSL rewrite patterns that `tfl-apply-rules` runs."""
