"""Registries of what plug-ins can add by name (dialects, custom ops, kernels, frontends, rules), beside tflir's own.

Plug-ins are searched only when a name is requested that the registry does not have, so that other runs do not pay for
the search. The driver sets how they are searched (`on_unknown`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tflir.ir.errors import USAGE, Error
from tflir.ir.near import near

T = TypeVar("T")
OURS = "tflir"
"""The owner of the entries that are built in."""


@dataclass(frozen=True)
class _Entry(Generic[T]):
    owner: str
    make: Callable[[], T]


class _Search:
    """How plug-ins are searched; without a driver, not at all."""

    def __init__(self) -> None:
        self.find: Callable[[], None] = lambda: None


_SEARCH = _Search()


def on_unknown(find: Callable[[], None]) -> None:
    """Sets how plug-ins are searched: each call of `find` adds their entries to the registries."""
    _SEARCH.find = find


def look_for_plugins() -> None:
    """Adds the entries of all plug-ins to the registries."""
    _SEARCH.find()


class Registry(Generic[T]):
    """Objects of one kind by name; each is created when it is first requested."""

    def __init__(self, kind: str, own: Mapping[str, Callable[[], T]]) -> None:
        self.kind = kind
        self._entries: dict[str, list[_Entry[T]]] = {name: [_Entry(OURS, make)] for name, make in own.items()}
        self._made: dict[str, T | None] = {}
        _ALL.append(self)

    def add(self, name: str, make: Callable[[], T], owner: str) -> None:
        """Adds an entry of `owner`; `make` returns the object, and is called when `name` is first requested."""
        entries = self._entries.setdefault(name, [])
        if all(entry.owner != owner for entry in entries):
            entries.append(_Entry(owner, make))
            self._made.pop(name, None)

    def find(self, name: str) -> T | None:
        """The object called `name`; None if there is none. Raises `Error` if two packages define it."""
        if name not in self._entries:
            look_for_plugins()
        if name not in self._made:
            entries = self._entries.get(name, [])
            if len(entries) > 1:
                owners = " and in ".join(entry.owner for entry in entries)
                hint = "give one of the two another name, or uninstall one"
                raise Error(f"{self.kind} '{name}' is in {owners}", hint=hint, status=USAGE)
            self._made[name] = entries[0].make() if entries else None
        return self._made[name]

    def get(self, name: str) -> T:
        """The object called `name`. Raises `Error` (status 2) that suggests similar names if there is none."""
        item = self.find(name)
        if item is None:
            hint = f"there are {', '.join(self.names())}" if self._entries else "no plug-in brings one"
            raise Error(f"no {self.kind} is called '{name}'{near(name, self._entries)}", hint=hint, status=USAGE)
        return item

    def names(self) -> list[str]:
        """All names, those of plug-ins included."""
        look_for_plugins()
        return list(self._entries)

    def of(self, owner: str) -> list[str]:
        """The names that one owner defines."""
        return [name for name, entries in self._entries.items() if any(entry.owner == owner for entry in entries)]

    def clashes(self) -> list[tuple[str, list[str]]]:
        """The names that several packages define, each with these packages."""
        return [
            (name, [entry.owner for entry in entries]) for name, entries in self._entries.items() if len(entries) > 1
        ]

    def clear(self) -> None:
        """Removes what plug-ins added."""
        for name, entries in list(self._entries.items()):
            builtin = [entry for entry in entries if entry.owner == OURS]
            if builtin:
                self._entries[name] = builtin
            else:
                del self._entries[name]
        self._made.clear()


_ALL: list[Registry[Any]] = []


def forget_plugins() -> None:
    """Removes what plug-ins added to any registry; the next request for an unknown name searches them again."""
    for registry in _ALL:
        registry.clear()


DIALECTS: Registry[Any] = Registry("dialect", {})
"""By name: xDSL dialects that come neither with tflir nor with xDSL."""
CUSTOM_OPS: Registry[Any] = Registry("custom operator", {})
"""By code: the class of the typed op, a `tflir.ir.tfl.custom.TypedCustomOp`."""
CUSTOM_KERNELS: Registry[Callable[[Any, Any], Any]] = Registry("kernel of the custom operator", {})
"""By code: the interpreter's kernel, a function from an op and the values of its operands to its results."""
FRONTENDS: Registry[Callable[[bytes, str], Any]] = Registry("frontend of files", {})
"""By ending, such as `.acme`: a function from the content and the name of a file to a module."""
RULES: Registry[Any] = Registry("set of rules", {})
"""By name: the xDSL rewrite patterns that `tfl-apply-rules` runs."""
