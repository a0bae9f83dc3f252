"""The arguments of each command, made from the declarations of the options."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from typing import Any

from tflir.command_options import COMMANDS
from tflir.option import Option, path
from tflir.options import of_command


class Help(argparse.HelpFormatter):
    """Help whose lines break between words alone, so that any value in it can be copied."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_long_words=False, break_on_hyphens=False)


class _Join(argparse.Action):
    """Joins the values of a repeated flag."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        held: tuple[Any, ...] = getattr(namespace, self.dest, ())
        setattr(namespace, self.dest, tuple(dict.fromkeys(held + values)))


def typed(take: Callable[[Any], Any]) -> Callable[[str], Any]:
    """`take` with errors as argparse wants them."""

    def parse(text: str) -> Any:
        try:
            return take(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _add(parser: argparse.ArgumentParser, said: Option, command: str) -> None:
    """Adds one option; what says what is made is in the namespace only where it is given."""
    flags = [*([said.short] if said.short else []), said.flag]
    how: dict[str, Any] = {"dest": said.name, "help": said.help.replace("%", "%%")}
    if said not in COMMANDS:
        how["default"] = argparse.SUPPRESS
    if said.take is None:
        parser.add_argument(*flags, action="store_true", **how)
        return
    how |= {"metavar": said.metavar, "type": typed(said.take), "required": command in said.required}
    parser.add_argument(*flags, action=_Join if said.many else "store", **how)


def _add_model(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("model", metavar="MODEL", type=typed(path), help=help)


def _command(commands: Any, name: str, brief: str, description: str) -> argparse.ArgumentParser:
    return commands.add_parser(name, help=brief, description=description, formatter_class=Help)


def _add_options(parser: argparse.ArgumentParser, command: str) -> None:
    for said in of_command(command):
        _add(parser, said, command)


def add_compile(commands: Any) -> None:
    """`tflir compile`."""
    parser = _command(
        commands,
        "compile",
        "compile a model",
        "Compiles MODEL. Without --optimize nothing is quantized or made sparse.",
    )
    _add_model(parser, ".tflite, or .mlir text")
    _add_options(parser, "compile")


def add_calibrate(commands: Any) -> None:
    """`tflir calibrate`."""
    parser = _command(
        commands,
        "calibrate",
        "record what activations range over",
        "Runs representative data through MODEL and writes the ranges of its activations, for --stats.",
    )
    _add_model(parser, "float .tflite")
    _add_options(parser, "calibrate")


def add_inspect(commands: Any) -> None:
    """`tflir inspect`."""
    parser = _command(
        commands,
        "inspect",
        "show what is in a model",
        "Shows subgraphs, signatures, operators, tensors and where the bytes are.",
    )
    _add_model(parser, ".tflite, or .mlir text")
    _add_options(parser, "inspect")
