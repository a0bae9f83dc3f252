"""Builds the arguments of each command from the declarations of the options."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tflir.command_options import COMMANDS
from tflir.option import Option, path
from tflir.options import of_command


class Help(argparse.HelpFormatter):
    """Help text whose lines break only between words, so that every value in it can be copied."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


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


def _add(parser: argparse.ArgumentParser, declared: Option, command: str) -> None:
    """Adds one option; one of `settings.Settings` is in the namespace only if it is given."""
    flags = [*([declared.short] if declared.short else []), declared.flag]
    how: dict[str, Any] = {"dest": declared.name, "help": declared.help.replace("%", "%%")}
    if declared not in COMMANDS:
        how["default"] = argparse.SUPPRESS
    if declared.take is None:
        parser.add_argument(*flags, action="store_true", **how)
        return
    how |= {"metavar": declared.metavar, "type": typed(declared.take), "required": command in declared.required}
    parser.add_argument(*flags, action=_Join if declared.many else "store", **how)


@dataclass(frozen=True)
class Command:
    """The help of a command."""

    brief: str
    description: str
    model: str
    """The kinds of file that its MODEL may be."""
    others: str = ""
    """The help of further models; '' if the command accepts only one."""
    second: str = ""
    """The help of a second model; '' if the command has none."""


COMMAND_HELP: dict[str, Command] = {
    "compile": Command(
        "compile a model",
        "Compiles MODEL. Without --optimize nothing is quantized or made sparse.",
        ".tflite, or .mlir text",
    ),
    "calibrate": Command(
        "record what activations range over",
        "Runs representative data through MODEL and writes the ranges of its activations, for --stats.",
        "float .tflite",
    ),
    "search": Command(
        "find the smallest or fastest model within a bound",
        "Chooses 8, 4 or 2 bits for the weights of each layer of MODEL, so that the bound holds on data that was held "
        "out. Activations stay float.",
        "float .tflite",
    ),
    "inspect": Command(
        "show what is in a model",
        "Shows subgraphs, signatures, operators, tensors and where the bytes are.",
        ".tflite, or .mlir text",
    ),
    "check": Command(
        "show which ops a target takes",
        "Shows which ops of MODEL a target's kernels take, why not the others, and which pass mends them.",
        ".tflite, or .mlir text",
    ),
    "compare": Command(
        "show what differs between two models",
        "Shows what OTHER has otherwise than MODEL: operators, tensors, signatures, metadata; and, layer by layer, how "
        "far its values are from those of MODEL on the same inputs.",
        ".tflite, or .mlir text",
        second="the model beside it, such as a compiled form of MODEL",
    ),
    "benchmark": Command(
        "measure the latency of models",
        "Runs models in LiteRT, in turns and each in a process of its own, and shows their latency side by side.",
        ".tflite, or .mlir text",
        "models to show beside it",
    ),
}
"""The commands of `tflir`; each is a module of this package."""


def add_commands(commands: Any) -> None:
    """Adds each command with its model and its options."""
    for name, command_help in COMMAND_HELP.items():
        parser = commands.add_parser(
            name, help=command_help.brief, description=command_help.description, formatter_class=Help
        )
        parser.add_argument("model", metavar="MODEL", type=typed(path), help=command_help.model)
        if command_help.others:
            parser.add_argument("others", metavar="OTHER", nargs="*", type=typed(path), help=command_help.others)
        if command_help.second:
            parser.add_argument("other", metavar="OTHER", type=typed(path), help=command_help.second)
        for option in of_command(name):
            _add(parser, option, name)
