"""What other packages bring: dialects and passes as xDSL's universes, everything else as a `Plugin`.

Both are found through entry points: those of the group `xdsl.universe`, ours and xDSL's own among them, and those of
`tflir.plugins`. Nobody looks for them until a name is asked for that tflir does not have: a pass, a dialect, the code
of a custom operator, the ending of a file, a table. What a plug-in changes of built-in ops is in force only where the
plug-in is named: `--plugin NAME`, `Converter.plugins`, or the environment's `TFLIR_PLUGINS`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from xdsl.passes import ModulePass
from xdsl.universe import XDSL_UNIVERSE, Universe

from tflir.facts import wanted
from tflir.ir.errors import Error
from tflir.ir.extensions import CUSTOM_KERNELS, CUSTOM_OPS, DIALECTS, FRONTENDS, OURS, RULES, Registry
from tflir.ir.near import near
from tflir.ir.targets.registry import TARGETS
from tflir.passes.sparsity.machines import COST_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsl.dialects.builtin import ModuleOp
    from xdsl.pattern_rewriter import RewritePattern

    from tflir.ir.targets import Target
    from tflir.ir.tfl.custom import TypedCustomOp
    from tflir.passes.sparsity.machines import Machine

GROUP, EXTENSIONS = "xdsl.universe", "tflir.plugins"
_BUILT_IN = ("tflir", "xdsl")
_USAGE = 2


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Plugin:
    """What a package adds beside the dialects and passes of its universe; what is made is made when it is asked for."""

    custom_ops: Mapping[str, Callable[[], type[TypedCustomOp]]] = field(default_factory=_nothing)
    """By code: the class that operators of the format with this code become."""
    custom_kernels: Mapping[str, Callable[[], Callable[[Any, Any], Any]]] = field(default_factory=_nothing)
    """By code: what `tflir.interpret` runs, a function from the op and the arrays of its operands to those of its
    results."""
    frontends: Mapping[str, Callable[[], Callable[[bytes, str], ModuleOp]]] = field(default_factory=_nothing)
    """By ending, such as `.acme`: a function from the content and the name of a file to its module."""
    rules: Mapping[str, Callable[[], Iterable[RewritePattern]]] = field(default_factory=_nothing)
    """By name: rewrite patterns for `tfl-apply-rules{rules=NAME}`."""
    cost_tables: Mapping[str, Callable[[], Machine]] = field(default_factory=_nothing)
    """By name: measured times of a CPU, for `cpu=NAME` of the passes that choose by time."""
    targets: Mapping[str, Callable[[], Target]] = field(default_factory=_nothing)
    """By name: what the kernels of a target take, for `tflir check --target NAME` and `tfl-check-kernels`."""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=_nothing)
    """By op, such as `tfl.conv_2d`: fields of its `OpInfo` that are otherwise on this plug-in's target."""
    universe: Universe | None = None
    """Dialects and passes, where the package has no entry point of the group `xdsl.universe` for them."""


KINDS: tuple[tuple[str, Registry[Any]], ...] = (
    ("custom_ops", CUSTOM_OPS),
    ("custom_kernels", CUSTOM_KERNELS),
    ("frontends", FRONTENDS),
    ("rules", RULES),
    ("cost_tables", COST_TABLES),
    ("targets", TARGETS),
)
"""The fields of a `Plugin` that are kept by name, and where."""


@cache
def plugin_universes() -> dict[str, Universe]:
    """The universes that other packages bring; one that does not load is passed over with a warning."""
    found = dict(_loaded(GROUP, Universe))
    for name, plugin in plugins().items():
        if plugin.universe is not None and name not in found:
            found[name] = plugin.universe
    return found


@cache
def plugins() -> dict[str, Plugin]:
    """What other packages bring beside universes, by the name of the entry point."""
    return dict(_loaded(EXTENSIONS, Plugin))


def _loaded(group: str, kind: type[Any]) -> Iterator[tuple[str, Any]]:
    for entry in entry_points(group=group):
        if entry.name in _BUILT_IN or entry.group != group:
            continue
        found, why = _load(entry)
        if isinstance(found, kind):
            yield entry.name, found
            continue
        why = why or f"{entry.value} is no {kind.__module__}.{kind.__qualname__}"
        warnings.warn(f"plug-in {entry.name}: {why}", RuntimeWarning, stacklevel=2)


def _load(entry: EntryPoint) -> tuple[Any, str]:
    try:
        return entry.load(), ""
    except Exception as error:  # anyone's code runs here
        return None, f"{entry.value} does not load: {error}"


def register_all() -> None:
    """Adds all that plug-ins bring to the registries, and what of ours a plug-in might take the name of."""
    from tflir.files import load_content
    from tflir.universe import DIALECTS as OUR_DIALECTS

    for ending in (".tflite", ".mlir"):
        FRONTENDS.add(ending, lambda: load_content, OURS)
    for name, make in OUR_DIALECTS.items():
        DIALECTS.add(name, make, OURS)
    for name in wanted():
        if _is_object(name):
            named_plugin(name)
    for name, plugin in plugins().items():
        register(name, plugin)
    for name, universe in plugin_universes().items():
        _register_dialects(name, universe)


def register(name: str, plugin: Plugin) -> None:
    """Adds what one plug-in brings to the registries, where it stays."""
    for kind, registry in KINDS:
        for key, make in getattr(plugin, kind).items():
            registry.add(key, make, f"plug-in {name}")
    if plugin.universe is not None:
        _register_dialects(name, plugin.universe)


def _register_dialects(name: str, universe: Universe) -> None:
    for dialect, make in universe.all_dialects.items():
        DIALECTS.add(dialect, make, f"plug-in {name}")


def forget() -> None:
    """Looks for plug-ins anew when they are next asked for."""
    from tflir.ir.extensions import forget_plugins

    plugin_universes.cache_clear()
    plugins.cache_clear()
    _of_object.cache_clear()
    _OBJECTS.clear()
    forget_plugins()


def named_plugin(name: str) -> Plugin:
    """The plug-in `name`, or the one that `module:OBJECT` names.

    Raises `Error` (status 2) where there is none, and where it takes a name that another package has.
    """
    found = _of_object(name) if _is_object(name) else plugins().get(name)
    if found is None and (universe := plugin_universes().get(name)) is not None:
        found = Plugin(universe=universe)
    if found is None:
        known = [*plugins(), *plugin_universes()]
        hint = f"there are {', '.join(dict.fromkeys(known))}" if known else "install the package that brings it"
        raise Error(f"no plug-in is called '{name}'{near(name, known)}", hint=hint, status=_USAGE)
    if not _is_object(name):
        register_all()
    for kind, registry in KINDS:
        for key in getattr(found, kind):
            registry.find(key)
    return found


def _is_object(name: str) -> bool:
    return ":" in name


@cache
def _of_object(name: str) -> Plugin:
    """A plug-in that need not be installed; it is registered under its name."""
    found, why = _load(EntryPoint(name, name, EXTENSIONS))
    installed = [*plugins().values(), *plugin_universes().values()]
    if any(found is one for one in installed):
        return found if isinstance(found, Plugin) else Plugin(universe=found)
    if isinstance(found, Universe):
        found = Plugin(universe=found)
    if not isinstance(found, Plugin):
        what = why or f"{name} is no Plugin and no Universe"
        raise Error(f"--plugin {what}", hint="name a plug-in, or module:OBJECT", status=_USAGE)
    register(name, found)
    if found.universe is not None:
        _OBJECTS[name] = found.universe
    return found


_OBJECTS: dict[str, Universe] = {}
"""The universes of plug-ins that were named as objects."""


def _universes() -> dict[str, Universe]:
    return {**plugin_universes(), **_OBJECTS}


def plugin_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Passes that are not ours: those of plug-ins, then xDSL's where no plug-in has one of that name."""
    found: dict[str, Callable[[], type[ModulePass]]] = {}
    for universe in (*_universes().values(), XDSL_UNIVERSE):
        for name, factory in universe.all_passes.items():
            found.setdefault(name, factory)
    return found


def refuse_clash(name: str, *, ours: bool) -> None:
    """Raises `Error` (status 2) where pass `name` is brought by more than one: neither may stand in for the other."""
    owners = ["tflir"] * ours + [f"plug-in {plugin}" for plugin, u in _universes().items() if name in u.all_passes]
    if owners and not ours and name in XDSL_UNIVERSE.all_passes:
        owners.append("xdsl")
    if len(owners) > 1:
        raise Error(
            f"pass '{name}' is in {' and in '.join(owners)}",
            hint="give the plug-in's pass another name, or uninstall the plug-in",
            status=_USAGE,
        )
