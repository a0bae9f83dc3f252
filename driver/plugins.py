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

from tflir.ir.errors import Error
from tflir.ir.extensions import CUSTOM_KERNELS, CUSTOM_OPS, DIALECTS, FRONTENDS, RULES, Registry
from tflir.ir.kernel_tables import KERNEL_TABLES
from tflir.ir.near import near
from tflir.passes.sparsity.machines import COST_TABLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xdsl.dialects.builtin import ModuleOp
    from xdsl.pattern_rewriter import RewritePattern

    from tflir.ir.kernel_tables import KernelTable
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
    kernel_tables: Mapping[str, Callable[[], KernelTable]] = field(default_factory=_nothing)
    """By name: what the kernels of a target take, for `tfl-check-kernels{kernels=NAME}`."""
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
    ("kernel_tables", KERNEL_TABLES),
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
    """Adds all that plug-ins bring to the registries."""
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
    forget_plugins()


def named_plugin(name: str) -> Plugin:
    """The plug-in `name`, or the one that `module:OBJECT` names. Raises `Error` (status 2) where there is none."""
    if ":" in name:
        return _of_object(name)
    found = plugins().get(name)
    if found is None:
        universe = plugin_universes().get(name)
        if universe is not None:
            return Plugin(universe=universe)
        known = [*plugins(), *plugin_universes()]
        hint = f"there are {', '.join(dict.fromkeys(known))}" if known else "install the package that brings it"
        raise Error(f"no plug-in is called '{name}'{near(name, known)}", hint=hint, status=_USAGE)
    return found


@cache
def _of_object(name: str) -> Plugin:
    """A plug-in that need not be installed; it is registered under its name."""
    found, why = _load(EntryPoint(name, name, EXTENSIONS))
    if isinstance(found, Universe):
        found = Plugin(universe=found)
    if not isinstance(found, Plugin):
        what = why or f"{name} is no Plugin and no Universe"
        raise Error(f"--plugin {what}", hint="name a plug-in, or module:OBJECT", status=_USAGE)
    register(name, found)
    return found


def plugin_passes() -> dict[str, Callable[[], type[ModulePass]]]:
    """Passes that are not ours: those of plug-ins, then xDSL's where no plug-in has one of that name."""
    found: dict[str, Callable[[], type[ModulePass]]] = {}
    for universe in (*plugin_universes().values(), XDSL_UNIVERSE):
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
            status=_USAGE,
        )
