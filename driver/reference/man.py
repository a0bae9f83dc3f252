"""The pages for man(1), in roff, made from the declarations of the commands and their options: `tflir help --man`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tflir import __version__
from tflir.commands.arguments import options_of
from tflir.commands.descriptions import COMMANDS, STATUSES, Command
from tflir.option import Option


def page(command: str | None = None) -> str:
    """The page of `command`, tflir-compile(1) for instance, or tflir(1), which holds all commands."""
    lines = _whole() if command is None else _of_command(command, COMMANDS[command])
    return "\n".join([*lines, *_statuses(), ""])


def _whole() -> Iterator[str]:
    yield from _head("tflir", "compiles TensorFlow Lite / LiteRT models")
    yield from (".SH SYNOPSIS", ".B tflir", r"\fICOMMAND\fR [\fIOPTION\fR ...]")
    yield ".SH COMMANDS"
    for name, described in COMMANDS.items():
        yield from _term(rf"\fBtflir {_escaped(name)}\fR", described.brief)
    for name, described in COMMANDS.items():
        yield f'.SH "TFLIR {name.upper()}"'
        yield from _body(name, described, ".SS")


def _of_command(name: str, described: Command) -> Iterator[str]:
    yield from _head(f"tflir-{name}", described.brief)
    yield from (".SH SYNOPSIS", rf"\fBtflir {name}\fR \fIMODEL\fR [\fIOPTION\fR ...]", ".SH DESCRIPTION")
    yield from _body(name, described, ".SH")


def _body(name: str, described: Command, heading: str) -> Iterator[str]:
    """What a command does, its options in groups, and its examples."""
    yield _escaped(described.description)
    yield f"{heading} models"
    yield from _term(r"\fIMODEL\fR", described.model)
    if described.others:
        yield from _term(r"\fIOTHER\fR ...", described.others)
    if described.second:
        yield from _term(r"\fIOTHER\fR", described.second)
    for group, members in itertools.groupby(options_of(name), lambda option: option.group):
        yield f'{heading} "{group}"'
        for option in members:
            yield from _term(_spelling(option), option.help)
    yield f"{heading} examples"
    yield from (".nf", *(_escaped(line) for line in described.examples), ".fi")


def _head(name: str, brief: str) -> Iterator[str]:
    yield f'.TH {name.upper()} 1 "" "tflir {__version__}"'
    yield from (".nh", ".ad l")  # names are not divided, so that they can be copied
    yield from (".SH NAME", rf"{_escaped(name)} \- {_escaped(brief)}")


def _statuses() -> Iterator[str]:
    yield '.SH "EXIT STATUS"'
    for status, what in STATUSES.items():
        yield from _term(str(status), what)


def _term(what: str, said: str) -> tuple[str, ...]:
    return ".TP", what, _escaped(said)


def _spelling(option: Option) -> str:
    flags = [rf"\fB{_escaped(flag)}\fR" for flag in (option.short, option.flag) if flag]
    value = rf" \fI{_escaped(option.metavar)}\fR" if option.metavar else ""
    return ", ".join(flags) + value


def _escaped(text: str) -> str:
    """A text as roff takes it: no escapes, no requests, and hyphens that can be copied."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("…", "...")
    return rf"\&{plain}" if plain.startswith(".") else plain
