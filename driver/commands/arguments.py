"""Builds the arguments of each command from the declarations of the options."""

from __future__ import annotations

import argparse
import itertools
import re
import shutil
import textwrap
from collections.abc import Callable
from typing import Any

from tflir.command_options import COMMANDS
from tflir.commands.descriptions import COMMANDS as COMMAND_HELP
from tflir.commands.descriptions import INSTALL_COMPLETION, SHELLS, Command
from tflir.option import Group, Option, path
from tflir.options import of_command

Added = Callable[[argparse.Action, Option | None], None]
"""Is called with each argument, and with its declaration if it is an option."""
_GROUPS = list(Group)
_INDENT = 16
"""Columns before the help of an option: beside them the longest value fits into 80."""
_WIDEST = 100
"""Columns of help text, on however wide a terminal."""


class Help(argparse.HelpFormatter):
    """Help text whose lines break only between words, so that every value in it can be copied."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=_INDENT, width=_width())
        self._action_max_length = _INDENT - 2  # at least: argparse counts the indentation of commands short

    def _split_lines(self, text: str, width: int) -> list[str]:
        return _wrapped(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Wraps each line, except those with a command, which are to be copied."""
        wrapped = (
            [line] if line.startswith("  tflir ") else _wrapped(line, width) or [""] for line in text.splitlines()
        )
        return "\n".join(indent + line for lines in wrapped for line in lines)


def _width() -> int:
    return min(shutil.get_terminal_size().columns - 2, _WIDEST)


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of `text`; those after the first begin below its first word after a number, or with the same `#`."""
    found = re.match(r" *(\d+ +|# )?", text)
    lead = found[0] if found else ""
    later = lead if lead.endswith("# ") else " " * len(lead)
    how: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(text[len(lead) :], width, initial_indent=lead, subsequent_indent=later, **how)


class _Join(argparse.Action):
    """Joins the values of a repeated flag."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        held: tuple[Any, ...] = getattr(namespace, self.dest, None) or ()
        setattr(namespace, self.dest, tuple(dict.fromkeys(held + values)))


def typed(take: Callable[[Any], Any]) -> Callable[[str], Any]:
    """`take` with errors as argparse expects them."""

    def parse(text: str) -> Any:
        try:
            return take(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _add(add: Callable[..., argparse.Action], declared: Option, command: str) -> argparse.Action:
    """Adds one option; one of `settings.Settings` is in the namespace only if it is given."""
    flags = [*([declared.short] if declared.short else []), declared.flag]
    how: dict[str, Any] = {"dest": declared.name, "help": declared.help.replace("%", "%%")}
    if declared not in COMMANDS:
        how["default"] = argparse.SUPPRESS
    if declared.take is None:
        return add(*flags, action="store_true", **how)
    how |= {"metavar": declared.metavar, "type": typed(declared.take), "required": command in declared.required}
    return add(*flags, action=_Join if declared.many else "store", **how)


def options_of(command: str) -> list[Option]:
    """The options of a command, group by group."""
    return sorted(of_command(command), key=lambda declared: _GROUPS.index(declared.group))


def add_commands(commands: Any, added: Added) -> None:
    """Adds each command with its model and its options, which are shown in groups; calls `added` for each argument."""
    for name, described in COMMAND_HELP.items():
        options = options_of(name)
        parser = commands.add_parser(
            name,
            usage=_usage(name, described, options),
            help=described.brief,
            description=described.description,
            epilog=described.epilog,
            formatter_class=Help,
        )
        added(parser.add_argument("model", metavar="MODEL", type=typed(path), help=described.model), None)
        if described.others:
            how: dict[str, Any] = {"nargs": "*", "type": typed(path), "help": described.others}
            added(parser.add_argument("others", metavar="OTHER", **how), None)
        if described.second:
            added(parser.add_argument("other", metavar="OTHER", type=typed(path), help=described.second), None)
        for group, members in itertools.groupby(options, lambda declared: declared.group):
            shown = parser.add_argument_group(group)
            for declared in members:
                added(_add(shown.add_argument, declared, name), declared)
    _add_completion(commands)
    _add_help(commands)


def _add_completion(commands: Any) -> None:
    what = "prints what makes a shell complete the command line"
    parser = commands.add_parser(
        "completion",
        usage="tflir completion SHELL",
        help=what.replace("prints", "print"),
        description=f"{what.capitalize()}: commands, options, their values, and files.",
        epilog=INSTALL_COMPLETION,
        formatter_class=Help,
    )
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def _add_help(commands: Any) -> None:
    parser = commands.add_parser(
        "help",
        usage="tflir help [COMMAND] [--man]",
        help="show the help of a command",
        description="Shows the help of COMMAND, or of all commands in short.",
        epilog="examples:\n  tflir help compile\n  tflir help --man > tflir.1",
        formatter_class=Help,
    )
    parser.add_argument("topic", metavar="COMMAND", nargs="?", choices=tuple(COMMAND_HELP), help="a command")
    parser.add_argument("--man", action="store_true", help="a page for man(1), of COMMAND or of all commands")


def _usage(name: str, described: Command, options: list[Option]) -> str:
    """The usage: the models, and the options that are required."""
    needed = [f"{option.short or option.flag} {option.metavar}" for option in options if name in option.required]
    words = ["tflir", name, "MODEL", *_others(described), *needed, "[OPTION …]"]
    lead = " " * len("usage: ")
    return "\n".join(_wrapped(lead + " ".join(words), _width())).strip()


def _others(described: Command) -> list[str]:
    """The words of the usage for models beside the first."""
    return ["[OTHER …]"] if described.others else ["OTHER"] if described.second else []
