"""The command line of `tflir-opt`: the options in its table, and a flag for each pass.

`--tfl-optimize --tfl-quantize='x=1'` runs passes in the order in which they are given, as `mlir-opt` does. Switches
accept `=true` and `=false`, and long names may have one dash. xDSL and plug-ins are imported only if there is a flag
that tflir does not have itself.
"""

from __future__ import annotations

import argparse
import importlib.util
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from tflir.commands.arguments import typed
from tflir.ir.near import near
from tflir.opt.flags import GROUPS, Flag, all_flags, by_name, not_empty

_EPILOG = """
--PASS and --PASS='x=1 y=2' run passes in the order given, instead of -p: --tfl-optimize --tfl-quantize;
--list-passes lists them

constants of more than 32 elements are left out of the text (dense_resource<__elided__>) unless
--print-resources is given; locations, which hold the names of tensors, are left out unless
--print-debuginfo is. Text with both reads back to the same model.

exit status: 0 done; 1 the program or a pass failed; 2 wrong usage; 3 a demanded type or op set can't be met
"""
_OTHERS = ("--help", "--version", "--no-verify-each", "--no-verify-input")
"""Flags that the parser has in addition to those of the table."""
_ON, _OFF = ("true", "1"), ("false", "0")


def parse(given: Sequence[str]) -> argparse.Namespace:
    """The parsed arguments; passes given as flags are in the pipeline."""
    parser = build_parser()
    words, passes = _sorted_out(list(given), parser)
    arguments = parser.parse_args(words)
    if passes:
        if arguments.pass_pipeline:
            parser.error(f"-p and {passes[0].partition('{')[0]!r} as a flag exclude each other")
        arguments.pass_pipeline = ",".join(passes)
    _refuse_exclusive(arguments, parser)
    return arguments


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    from tflir import __version__
    from tflir.parser import Parser

    parser = Parser(
        prog="tflir-opt",
        usage="tflir-opt [INPUT] [-p PIPELINE | --PASS[=OPTIONS] …] [option …]",
        description="Runs passes on a .tflite model or on MLIR text of the tfl dialect.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "input",
        nargs="?",
        default="-",
        metavar="INPUT",
        type=typed(not_empty),
        help=".tflite, .mlir, or - for stdin (default)",
    )
    for group in GROUPS:
        to = parser.add_argument_group(group.title) if group.title else parser
        for flag in group.flags:
            _add(to, flag)
    parser.add_argument("--version", action="version", version=f"tflir-opt {__version__}")
    return parser


def _add(to: Any, flag: Flag) -> None:
    spelled = sorted((flag.name, *flag.also), key=len)
    how: dict[str, Any] = {"dest": flag.attribute, "help": flag.help, "default": flag.default}
    if flag.negative:
        to.add_argument(*spelled, action=argparse.BooleanOptionalAction, **how)
    elif flag.is_switch:
        to.add_argument(*spelled, action="store_true", **{**how, "default": False})
    else:
        shown = f"[{flag.metavar}]" if flag.alone else flag.metavar
        action = "extend" if flag.many else "store"
        if flag.many:
            how["default"] = None
        to.add_argument(*spelled, action=action, metavar=shown, type=typed(flag.check), **how)


def _sorted_out(given: list[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """The words for argparse, and the passes that were given as flags, in their order."""
    words: list[str] = []
    passes: list[str] = []
    known = by_name()
    others = _load_objects(given, known)
    switched_off = {name: flag for flag in all_flags() for name in flag.off}
    for number, word in enumerate(given):
        if word == "--":
            return words + given[number:], passes
        name, equals, value = word.partition("=")
        name = _with_two_dashes(name, known)
        if name in switched_off and not equals:
            words.append(f"--no-{switched_off[name].name[2:]}")
        elif (flag := known.get(name)) is not None:
            words += _of_flag(flag, name, equals, value, word, parser)
        elif not name.startswith("--") or name in _OTHERS:
            words.append(word)
        elif _is_pass(name[2:], others):
            passes.append(f"{name[2:]}{{{value}}}" if value else name[2:])
        else:
            parser.error(f"unrecognized arguments: {word}{near(name, [*known, *_OTHERS, *_flags_of_passes()])}")
    return words, passes


def _load_objects(given: Sequence[str], known: Mapping[str, Flag]) -> bool:
    """Loads the plug-ins that are named as `module:OBJECT`, so that their passes may be flags; returns
    whether there are any.
    """
    loaded = False
    for word, following in zip(given, [*given[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        flag = known.get(name)
        if flag is None or flag.attribute != "plugin":
            continue
        for each in flag.take(value if equals else following):
            if ":" in each:
                from tflir.plugins import named_plugin

                named_plugin(each)
                loaded = True
    return loaded


def _with_two_dashes(name: str, known: Iterable[str]) -> str:
    """Adds a dash to `-tfl-optimize` and `-split-input-file`, which `mlir-opt` accepts too."""
    long = name.startswith("-") and not name.startswith("--") and len(name) > 2 and name not in known
    return f"-{name}" if long and (f"-{name}" in known or _is_ours(name[1:])) else name


def _of_flag(flag: Flag, name: str, equals: str, value: str, word: str, parser: argparse.ArgumentParser) -> list[str]:
    """The words for a flag of the table: switches with `=true` or `=false` resolved, and omitted values filled in."""
    if flag.is_switch and equals:
        if value.lower() not in (*_ON, *_OFF):
            parser.error(f"argument {name}: '{value}' is neither true nor false")
        on = value.lower() in _ON
        if flag.negative:
            return [flag.name if on else f"--no-{flag.name[2:]}"]
        return [name] if on else []
    if flag.alone is not None and not equals:
        return [f"{name}={flag.alone}"]
    return [f"{name}{equals}{value}" if equals else name if name.startswith("--") else word]


def _flags_of_passes() -> Iterator[str]:
    from tflir.passes.registry import pass_names

    return (f"--{name}" for name in pass_names())


def _is_ours(name: str) -> bool:
    from tflir.passes.registry import pass_names

    return name in pass_names()


def _is_pass(name: str, others: bool) -> bool:
    """Whether a pass has this name; the passes of xDSL and plug-ins are imported only if they may have it."""
    if _is_ours(name):
        return True
    if not (others or _may_be_of_xdsl(name) or _are_there_plugins()):
        return False
    from tflir.pass_manager import available_passes

    return name in available_passes()


def _may_be_of_xdsl(name: str) -> bool:
    """Whether the source text of xDSL's table of passes contains the name, so that a mistyped flag does not
    import xDSL.
    """
    spec = importlib.util.find_spec("xdsl")
    folders = spec.submodule_search_locations if spec is not None else None
    tables = (pathlib.Path(folder, "transforms", "__init__.py") for folder in folders or ())
    return any(f'"{name}"' in table.read_text("utf-8") for table in tables if table.is_file())


def _are_there_plugins() -> bool:
    return any(entry.name not in ("tflir", "xdsl") for entry in entry_points(group="xdsl.universe"))


def _refuse_exclusive(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    known = by_name()
    given = [flag for flag in all_flags() if flag.is_given(getattr(arguments, flag.attribute))]
    for flag in given:
        for other in flag.excludes:
            if known[other] in given:
                parser.error(f"{flag.name} and {known[other].name} exclude each other")
