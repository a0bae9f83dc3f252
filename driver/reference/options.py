"""The documentation's page of options, made from their declarations: `python -m tflir.reference.options`."""

from __future__ import annotations

from collections.abc import Iterator

from tflir.command_options import COMMANDS
from tflir.flags import TargetSpec
from tflir.modes import NAMED_MODES
from tflir.option import Group, ModeName, Option
from tflir.options import table

_MODES: dict[ModeName, str] = {
    ModeName.NONE: "no `--optimize`",
    ModeName.SPARSITY: "EXPERIMENTAL_SPARSITY, alone or beside the next five",
    ModeName.DYNAMIC_RANGE: "DEFAULT",
    ModeName.FLOAT16: "DEFAULT, `--supported-types float16`",
    ModeName.INTEGER: "DEFAULT and ranges, from data, statistics or the model",
    ModeName.INTEGER_ONLY: "the same, `--supported-ops TFLITE_BUILTINS_INT8`",
    ModeName.INT16: "the same, `--supported-ops EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8`",
    ModeName.PASSES: "`-p PIPELINE`",
}

_HEAD = """# Options

This page is printed by `python -m tflir.reference.options` from the declarations in `driver/options.py`, which the
command line, `tflir.Converter` and the refusals are made from too.

An option has its effect, or is refused with one line and exit status 2, or is warned of in one line:

- **yes**: it takes part. Whether it changes anything depends on the model.
- **refused**: it would do nothing.
- **warned**: it does nothing, which does no harm.
- **other mode**: with it the mode is another one.
- **with DEFAULT**: it takes part where the word DEFAULT is in it, and is refused otherwise.
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_modes(), "", *_effects(), "", *_commands(), ""])


def _modes() -> Iterator[str]:
    yield "| mode | asked for by | `--mode` |"
    yield "|---|---|---|"
    named = {stands_for.selects: f"`{name}`" for name, stands_for in NAMED_MODES.items()}
    for mode, asked in _MODES.items():
        yield f"| {mode} | {asked} | {named.get(mode, '')} |"
    yield ""
    yield "Each value of `--mode` stands for options of TensorFlow, and gives the same file:"
    yield ""
    yield "| `--mode` | stands for |"
    yield "|---|---|"
    for name, stands_for in NAMED_MODES.items():
        yield f"| `{name}` | `{stands_for.flags}`{', and ranges' if stands_for.needs_ranges else ''} |"


def _effects() -> Iterator[str]:
    yield "## What a conversion takes"
    yield ""
    for group in Group:
        members = {name: said for name, said in table().items() if said.group is group and said not in COMMANDS}
        if not members:
            continue
        yield f"### {group.capitalize()}"
        yield ""
        yield f"| option | of `Converter` | {' | '.join(ModeName)} | refused |"
        yield "|---|---|" + "---|" * (len(ModeName) + 1)
        for name, said in members.items():
            attribute = f"target_spec.{name}" if hasattr(TargetSpec, name) else name
            effects = " | ".join(_effect(said, mode) for mode in ModeName)
            yield f"| {_spelling(said)} | `{attribute}` | {effects} | {_relations(said)} |"
        yield ""
    used = [said for said in table().values() if said.used_by]
    for said in used:
        yield f"`{said.flag}` takes part in every mode beside {_flags(said.used_by)}, which run the model on it."


def _effect(declared: Option, mode: ModeName) -> str:
    if mode in declared.turns:
        return "other mode"
    if declared.everywhere_if is not None and mode not in declared.modes:
        return "with DEFAULT"
    return "yes" if mode in declared.modes else "warned" if mode in declared.warned else "refused"


def _commands() -> Iterator[str]:
    yield "## How a command runs"
    yield ""
    yield "| option | of | what it does | refused |"
    yield "|---|---|---|---|"
    for declared in COMMANDS:
        yield f"| {_spelling(declared)} | {', '.join(declared.commands)} | {declared.help} | {_relations(declared)} |"


def _spelling(declared: Option) -> str:
    names = " ".join([*([f"`{declared.short}`"] if declared.short else []), f"`{declared.flag}`"])
    return names


def _relations(declared: Option) -> str:
    relations = [f"without {_flags(declared.needs)}"] if declared.needs else []
    by_others = (other.name for other in table().values() if declared.name in other.excludes)
    excluded = [
        name for name in (*declared.excludes, *by_others) if set(table()[name].commands) & set(declared.commands)
    ]
    if excluded:
        relations.append(f"beside {_flags(tuple(dict.fromkeys(excluded)))}")
    return "; ".join(relations)


def _flags(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{table()[name].flag}`" for name in names)


if __name__ == "__main__":
    print(page(), end="")
