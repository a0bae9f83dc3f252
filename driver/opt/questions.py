"""Help of `tflir-opt`: lists of passes, their options, rules, plug-ins and dialects."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator

from xdsl.passes import ModulePass

from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.pass_manager import find_pass
from tflir.pass_options import default_text, option_help, option_type, pass_options
from tflir.passes.registry import load_pass, pass_names
from tflir.passes.rewriting import RewritePass
from tflir.passes.rewriting.dispatch import rule_name
from tflir.pipeline_text import USAGE
from tflir.plugins import KINDS, plugin_passes, plugin_universes, plugins, register_all
from tflir.universe import DIALECTS

_WIDTH = 100
_LONGEST = 240
_ON_A_MODEL = "name a model, and the pass with its options with -p"


def answer(arguments: argparse.Namespace) -> int:
    """Prints the requested list."""
    if arguments.explain:
        name, equals, rule = arguments.explain.partition("=")
        print(explain_rule(find_pass(name), rule) if equals else explain(find_pass(name)))
    elif arguments.list_plugins:
        print("\n".join(_plugin_lines()))
    elif arguments.list_passes:
        print("\n".join(_pass_lines()))
    else:
        print("\n".join(_dialect_lines()))
    return 0


def explain(pass_class: type[ModulePass]) -> str:
    """The documentation of a pass with its options."""
    lines = [pass_class.name, "", _documentation(pass_class)]
    if rules := _rules(pass_class):
        lines += ["", "rules:", *rules]
    if options := list(_help_lines(pass_class)):
        lines += ["", "options:", *options]
    return "\n".join(lines)


def _rules(pass_class: type[ModulePass]) -> list[str]:
    """The rules of a pass with their documentation; none if they depend on an option without a default."""
    try:
        patterns = list(pass_class().rules()) if issubclass(pass_class, RewritePass) else []
    except TypeError:
        return []
    texts = [(rule_name(pattern), inspect.cleandoc(type(pattern).__doc__ or "")) for pattern in patterns]
    return [f"  {name}: {_first_sentence(text)}" if text else f"  {name}" for name, text in texts]


def explain_rule(pass_class: type[ModulePass], name: str) -> str:
    """The documentation of a rule of a pass. Raises `Error` (status 2) if the pass has no such rule."""
    try:
        patterns = list(pass_class().rules()) if issubclass(pass_class, RewritePass) else []
    except TypeError:  # an option that has no default
        raise Error(f"the rules of {pass_class.name} depend on its options", hint=_ON_A_MODEL, status=USAGE) from None
    rules = {rule_name(pattern): pattern for pattern in patterns}
    if name not in rules:
        hint = f"its rules are {', '.join(rules)}" if rules else "it has no rules"
        raise Error(f"{pass_class.name} has no rule '{name}'{near(name, rules)}", hint=hint, status=USAGE)
    text = inspect.cleandoc(type(rules[name]).__doc__ or "(no documentation)")
    return f"{name} of {pass_class.name}\n\n{text}"


def _documentation(pass_class: type[ModulePass]) -> str:
    """The docstring of a pass; empty if it is only the generated one of a dataclass (`Name(field=…)`)."""
    text = inspect.cleandoc(pass_class.__doc__ or "")
    return "(no documentation)" if not text or text.startswith(f"{pass_class.__name__}(") else text


def _option_lines(pass_class: type[ModulePass]) -> Iterator[str]:
    """Each option with its type and default."""
    for option in pass_options(pass_class):
        default = "" if option.default is dataclasses.MISSING else f" = {default_text(option.default)}"
        yield f"  {option.name.replace('_', '-')}: {option_type(option)}{default}"


def _help_lines(pass_class: type[ModulePass]) -> Iterator[str]:
    """Each option, and below it its help and its values."""
    for option, line in zip(pass_options(pass_class), _option_lines(pass_class), strict=True):
        yield line
        text = option_help(pass_class).get(option.name, "")
        yield from textwrap.wrap(
            text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6, break_on_hyphens=False
        )


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return textwrap.shorten(re.split(r"(?<=\.) ", paragraph)[0], _LONGEST, placeholder=" …")


def _pass_lines() -> Iterator[str]:
    ours = list(pass_names())
    for name in ours:
        pass_class = load_pass(name)
        yield f"{name}\n    {_first_sentence(_documentation(pass_class))}"
        yield from (f"    {line}" for line in _option_lines(pass_class))
    for plugin, universe in plugin_universes().items():
        for name, factory in universe.all_passes.items():
            yield f"{name} (of plug-in {plugin})\n    {_first_sentence(_documentation(factory()))}"
    others = [name for name in plugin_passes() if name not in ours and not _of_plugin(name)]
    yield "passes of xDSL:"
    yield _listed(others)


def _of_plugin(name: str) -> bool:
    return any(name in universe.all_passes for universe in plugin_universes().values())


def _listed(names: list[str]) -> str:
    return textwrap.fill(
        ", ".join(names), _WIDTH, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
    )


def _plugin_lines() -> Iterator[str]:
    """Each plug-in, what it adds, and which of its names another plug-in has too."""
    universes, all_plugins = plugin_universes(), plugins()
    register_all()
    for name in dict.fromkeys([*all_plugins, *universes]):
        yield name
        brought: dict[str, list[str]] = {}
        if name in universes:
            brought = {"passes": list(universes[name].all_passes), "dialects": list(universes[name].all_dialects)}
        brought |= {kind.replace("_", " "): registry.of(f"plug-in {name}") for kind, registry in KINDS}
        if name in all_plugins:
            facts = all_plugins[name].facts
            brought["facts, with --plugin"] = [f"{op} {field}" for op, held in facts.items() for field in held]
        for kind, entries in brought.items():
            if entries:
                yield f"    {kind}: {', '.join(entries)}"
    for kind, registry in KINDS:
        for name, owners in registry.clashes():
            yield f"clash: {kind.replace('_', ' ')} '{name}' is in {' and in '.join(owners)}"
    if not (universes or all_plugins):
        yield "no package brings any: see docs/plugins.md"


def _dialect_lines() -> Iterator[str]:
    from xdsl.dialects import get_all_dialects

    from tflir.ir.tfl.dialect import FAMILIES

    yield "tfl: the operators of TensorFlow Lite, by family"
    for family, ops in FAMILIES.items():
        yield textwrap.fill(
            f"{family}: {' '.join(ops.split())}", _WIDTH, initial_indent="    ", subsequent_indent="        "
        )
    yield "quant: !quant.uniform<…>, quantized element types"
    yield "tf_type: !tf_type.string, !tf_type.resource, !tf_type.variant"
    for plugin, universe in plugin_universes().items():
        for name in universe.all_dialects:
            yield f"{name} (of plug-in {plugin})"
    others = [name for name in get_all_dialects() if name not in DIALECTS]
    yield "dialects of xDSL:"
    yield _listed(others)
