"""Facts about built-in ops that plug-ins change for their target: they replace fields of `OpInfo` temporarily."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterable
from dataclasses import fields, replace
from typing import Any

from tflir.ir.errors import USAGE, Error

VARIABLE = "TFLIR_PLUGINS"
"""The environment variable with the names of plug-ins, separated by commas."""
_FIXED = ("builtin", "options", "custom_code")
"""Fields that identify the operator and can't be changed."""


def wanted(named: Iterable[str] = ()) -> tuple[str, ...]:
    """The plug-ins in `named` and in the environment variable."""
    of_environment = (name.strip() for name in os.environ.get(VARIABLE, "").split(","))
    return tuple(dict.fromkeys([*named, *(name for name in of_environment if name)]))


@contextlib.contextmanager
def facts_in_force(named: Iterable[str] = ()) -> Generator[None]:
    """Applies the facts of these plug-ins, and of those in the environment variable, until the end of the block.

    Raises `Error` if two disagree.
    """
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
    """By op and field: the value, and the plug-in that sets it."""
    from tflir.plugins import named_plugin

    changes: dict[str, dict[str, tuple[Any, str]]] = {}
    for plugin in names:
        for op, facts in named_plugin(plugin).facts.items():
            held = changes.setdefault(op, {})
            for name, value in facts.items():
                other, owner = held.get(name, (value, plugin))
                if other != value:
                    what = f"plug-ins {owner} and {plugin} both change {name} of {op}: to {other} and to {value}"
                    raise Error(what, hint="name one of the two", status=USAGE)
                held[name] = (value, owner)
    return changes


def _op_class(op: str, changes: dict[str, tuple[Any, str]]) -> Any:
    """The class of an op whose facts change. Raises `Error` if there is no such op, or no such fact."""
    from tflir.ir.near import near
    from tflir.ir.tfl.base import TflOp
    from tflir.ir.tfl.dialect import op_class_by_name
    from tflir.ir.tfl.info import OpInfo

    owner = next(iter(changes.values()))[1]
    kind = op_class_by_name(op)
    if kind is None or not issubclass(kind, TflOp):
        raise Error(f"plug-in {owner} changes facts of '{op}', which is no built-in op", status=USAGE)
    known = [field.name for field in fields(OpInfo) if field.name not in _FIXED]
    for name, (_, plugin) in changes.items():
        if name not in known:
            raise Error(f"plug-in {plugin} changes '{name}' of {op}, which is no fact{near(name, known)}", status=USAGE)
    return kind
