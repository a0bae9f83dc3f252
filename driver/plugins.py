"""Dialects and passes of others: entry points of the group `xdsl.universe`, ours and xDSL's own among them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import entry_points

from xdsl.context import Context
from xdsl.passes import ModulePass
from xdsl.universe import XDSL_UNIVERSE, Universe

from tflir.ir.errors import Error

GROUP = "xdsl.universe"
_BUILT_IN = ("tflir", "xdsl")


@cache
def plugin_universes() -> dict[str, Universe]:
    """The universes that other packages bring; one that does not load is passed over with a warning."""
    found: dict[str, Universe] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in _BUILT_IN:
            continue
        try:
            universe = entry.load()
        except Exception as error:  # anyone's code runs here
            warnings.warn(f"plug-in {entry.name} ({entry.value}) does not load: {error}", RuntimeWarning, stacklevel=2)
            continue
        if isinstance(universe, Universe):
            found[entry.name] = universe
        else:
            warnings.warn(
                f"plug-in {entry.name}: {entry.value} is no xdsl.universe.Universe", RuntimeWarning, stacklevel=2
            )
    return found


def plugin_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Passes that are not ours: those of plug-ins, then xDSL's where no plug-in has one of that name."""
    found: dict[str, Callable[[], type[ModulePass]]] = {}
    for universe in _universes():
        for name, factory in universe.all_passes.items():
            found.setdefault(name, factory)
    return found


def refuse_clash(name: str, *, ours: bool) -> None:
    """Raises `Error` (status 2) where pass `name` is brought by more than one: neither may stand in for the other."""
    owners = ["tflir"] * ours + [
        f"plug-in {plugin}" for plugin, u in plugin_universes().items() if name in u.all_passes
    ]
    if owners and not ours and name in XDSL_UNIVERSE.all_passes:
        owners.append("xdsl")
    if len(owners) > 1:
        raise Error(
            f"pass '{name}' is in {' and in '.join(owners)}",
            hint="give the plug-in's pass another name, or uninstall the plug-in",
            status=2,
        )


def register_dialects(context: Context) -> Context:
    """Makes the dialects of plug-ins known to `context` where it has none of that name."""
    for universe in plugin_universes().values():
        for name, factory in universe.all_dialects.items():
            if name not in context.registered_dialect_names:
                context.register_dialect(name, factory)
    return context


def _universes() -> Iterator[Universe]:
    yield from plugin_universes().values()
    yield XDSL_UNIVERSE
