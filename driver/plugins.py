"""Extensions from other packages: dialects and passes as xDSL's universes, everything else as a `Plugin`.

Both are found through entry points: those of the group `xdsl.universe`, which includes tflir's and xDSL's own, and
those of `tflir.plugins`. They are loaded only when a name is requested that tflir does not have: a pass, a dialect, the
code of a custom operator, the ending of a file, a table. The facts of built-in ops that a plug-in changes apply only if
the user names the plug-in: `--plugin NAME`, `Converter.plugins`, or the environment variable `TFLIR_PLUGINS`.
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
from tflir.ir.errors import USAGE, Error
from tflir.ir.extensions import CUSTOM_KERNELS, CUSTOM_OPS, DIALECTS, FRONTENDS, OURS, RULES, Registry
from tflir.ir.near import near
from tflir.ir.targets.cpus import COST_TABLES
from tflir.ir.targets.registry import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsl.dialects.builtin import ModuleOp
    from xdsl.pattern_rewriter import RewritePattern

    from tflir.ir.targets import Target
    from tflir.ir.targets.cpus import Cpu
    from tflir.ir.tfl.custom import TypedCustomOp

GROUP, EXTENSIONS = "xdsl.universe", "tflir.plugins"
_BUILT_IN = ("tflir", "xdsl")


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Plugin:
    """What a package adds besides the dialects and passes of its universe; functions are called at the first use."""

    custom_ops: Mapping[str, Callable[[], type[TypedCustomOp]]] = field(default_factory=_nothing)
    """By code: the class of the typed op for custom operators with this code."""
    custom_kernels: Mapping[str, Callable[[], Callable[[Any, Any], Any]]] = field(default_factory=_nothing)
    """By code: the kernel for `tflir.interpret`, a function from the op and the arrays of its operands to those of its
    results."""
    frontends: Mapping[str, Callable[[], Callable[[bytes, str], ModuleOp]]] = field(default_factory=_nothing)
    """By ending, such as `.acme`: a function from the content and the name of a file to its module."""
    rules: Mapping[str, Callable[[], Iterable[RewritePattern]]] = field(default_factory=_nothing)
    """By name: rewrite patterns for `tfl-apply-rules{rules=NAME}`."""
    cost_tables: Mapping[str, Callable[[], Cpu]] = field(default_factory=_nothing)
    """By name: measured times of a CPU, for `cpu=NAME` of the passes that choose by time and of estimates."""
    targets: Mapping[str, Callable[[], Target]] = field(default_factory=_nothing)
    """By name: what the kernels of a target take, for `tflir check --target NAME` and `tfl-check-kernels`."""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=_nothing)
    """By op, such as `tfl.conv_2d`: fields of its `OpInfo` that differ on this plug-in's target."""
    universe: Universe | None = None
    """Dialects and passes, if the package has no entry point of the group `xdsl.universe` for them."""


KINDS: tuple[tuple[str, Registry[Any]], ...] = (
    ("custom_ops", CUSTOM_OPS),
    ("custom_kernels", CUSTOM_KERNELS),
    ("frontends", FRONTENDS),
    ("rules", RULES),
    ("cost_tables", COST_TABLES),
    ("targets", TARGETS),
)
"""The fields of a `Plugin` with entries by name, and the registry of each."""


@cache
def plugin_universes() -> dict[str, Universe]:
    """The universes of other packages; one that can't be loaded is skipped with a warning."""
    universes = dict(_loaded(GROUP, Universe))
    for name, plugin in plugins().items():
        if plugin.universe is not None and name not in universes:
            universes[name] = plugin.universe
    return universes


@cache
def plugins() -> dict[str, Plugin]:
    """The `Plugin`s of other packages, by the name of the entry point."""
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
    except Exception as error:  # this runs code of any package
        return None, f"{entry.value} does not load: {error}"


def register_all() -> None:
    """Adds the entries of all plug-ins to the registries, and tflir's own dialects, so that name clashes are
    detected.
    """
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
    """Adds the entries of one plug-in to the registries."""
    for kind, registry in KINDS:
        for key, make in getattr(plugin, kind).items():
            registry.add(key, make, f"plug-in {name}")
    if plugin.universe is not None:
        _register_dialects(name, plugin.universe)


def _register_dialects(name: str, universe: Universe) -> None:
    for dialect, make in universe.all_dialects.items():
        DIALECTS.add(dialect, make, f"plug-in {name}")


def forget() -> None:
    """Forgets all plug-ins; they are searched again at the next request."""
    from tflir.ir.extensions import forget_plugins

    plugin_universes.cache_clear()
    plugins.cache_clear()
    _of_object.cache_clear()
    _OBJECTS.clear()
    forget_plugins()


def named_plugin(name: str) -> Plugin:
    """The plug-in `name`, or the one that `module:OBJECT` names.

    Raises `Error` (status 2) if there is none, or if it uses a name that another package has.
    """
    plugin = _of_object(name) if _is_object(name) else plugins().get(name)
    if plugin is None and (universe := plugin_universes().get(name)) is not None:
        plugin = Plugin(universe=universe)
    if plugin is None:
        known = [*plugins(), *plugin_universes()]
        hint = f"there are {', '.join(dict.fromkeys(known))}" if known else "install the package that brings it"
        raise Error(f"no plug-in is called '{name}'{near(name, known)}", hint=hint, status=USAGE)
    if not _is_object(name):
        register_all()
    for kind, registry in KINDS:
        for key in getattr(plugin, kind):
            registry.find(key)
    return plugin


def _is_object(name: str) -> bool:
    return ":" in name


@cache
def _of_object(name: str) -> Plugin:
    """The plug-in `module:OBJECT`, which need not be installed; it is registered under this name."""
    loaded, why = _load(EntryPoint(name, name, EXTENSIONS))
    installed = [*plugins().values(), *plugin_universes().values()]
    if any(loaded is one for one in installed):
        return loaded if isinstance(loaded, Plugin) else Plugin(universe=loaded)
    if isinstance(loaded, Universe):
        loaded = Plugin(universe=loaded)
    if not isinstance(loaded, Plugin):
        what = why or f"{name} is no Plugin and no Universe"
        raise Error(f"--plugin {what}", hint="name a plug-in, or module:OBJECT", status=USAGE)
    register(name, loaded)
    if loaded.universe is not None:
        _OBJECTS[name] = loaded.universe
    return loaded


_OBJECTS: dict[str, Universe] = {}
"""The universes of plug-ins that were named as objects."""


def _universes() -> dict[str, Universe]:
    return {**plugin_universes(), **_OBJECTS}


def plugin_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Passes from outside tflir: those of plug-ins, then those of xDSL whose names no plug-in uses."""
    passes: dict[str, Callable[[], type[ModulePass]]] = {}
    for universe in (*_universes().values(), XDSL_UNIVERSE):
        for name, factory in universe.all_passes.items():
            passes.setdefault(name, factory)
    return passes


def refuse_clash(name: str, *, ours: bool) -> None:
    """Raises `Error` (status 2) if more than one package defines pass `name`, since none may silently replace
    another.
    """
    owners = ["tflir"] * ours + [f"plug-in {plugin}" for plugin, u in _universes().items() if name in u.all_passes]
    if owners and not ours and name in XDSL_UNIVERSE.all_passes:
        owners.append("xdsl")
    if len(owners) > 1:
        raise Error(
            f"pass '{name}' is in {' and in '.join(owners)}",
            hint="give the plug-in's pass another name, or uninstall the plug-in",
            status=USAGE,
        )
