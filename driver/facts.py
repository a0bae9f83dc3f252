"""What plug-ins change of built-in ops: fields of `OpInfo` that are otherwise on their target, in force for a while."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable
from dataclasses import fields, replace
from typing import Any

from tflir.ir.errors import Error

VARIABLE = "TFLIR_PLUGINS"
"""The environment's variable that names plug-ins, with commas between them."""
_USAGE = 2
_FIXED = ("builtin", "options", "custom_code")
"""What makes an operator the one that it is."""


def wanted(named: Iterable[str] = ()) -> tuple[str, ...]:
    """The plug-ins that are named, by the environment too."""
    of_environment = (name.strip() for name in os.environ.get(VARIABLE, "").split(","))
    return tuple(dict.fromkeys([*named, *(name for name in of_environment if name)]))


@contextlib.contextmanager
def facts_in_force(named: Iterable[str] = ()) -> Generator[None]:
    """Has the facts of the named plug-ins in force, those of the environment too. Raises `Error` where two disagree."""
    names = wanted(named)
    if not names:
        yield
        return
    before: list[tuple[Any, Any]] = []
    try:
        for op, changes in _changes(names).items():
            kind = _op_class(op, changes)
            before.append((kind, kind.INFO))
            kind.INFO = replace(kind.INFO, **{name: value for name, (value, _) in changes.items()})
        yield
    finally:
        for kind, info in reversed(before):
            kind.INFO = info


def _changes(names: Iterable[str]) -> dict[str, dict[str, tuple[Any, str]]]:
    """By op and field: the value, and the plug-in that gives it."""
    from tflir.plugins import named_plugin

    found: dict[str, dict[str, tuple[Any, str]]] = {}
    for plugin in names:
        for op, facts in named_plugin(plugin).facts.items():
            held = found.setdefault(op, {})
            for name, value in facts.items():
                other, owner = held.get(name, (value, plugin))
                if other != value:
                    what = f"plug-ins {owner} and {plugin} both change {name} of {op}: to {other} and to {value}"
                    raise Error(what, hint="name one of the two", status=_USAGE)
                held[name] = (value, owner)
    return found


def _op_class(op: str, changes: dict[str, tuple[Any, str]]) -> Any:
    """The class of an op whose facts are to change. Raises `Error` where there is no such op, or no such fact."""
    from tflir.ir.near import near
    from tflir.ir.tfl.base import TflOp
    from tflir.ir.tfl.dialect import op_class_by_name
    from tflir.ir.tfl.info import OpInfo

    owner = next(iter(changes.values()))[1]
    kind = op_class_by_name(op)
    if kind is None or not issubclass(kind, TflOp):
        raise Error(f"plug-in {owner} changes facts of '{op}', which is no built-in op", status=_USAGE)
    known = [one.name for one in fields(OpInfo) if one.name not in _FIXED]
    for name, (_, plugin) in changes.items():
        if name not in known:
            raise Error(
                f"plug-in {plugin} changes '{name}' of {op}, which is no fact{near(name, known)}", status=_USAGE
            )
    return kind
