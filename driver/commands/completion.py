"""`tflir completion`: prints a script that makes a shell complete commands, options, their values, and files."""

from __future__ import annotations

import argparse

import shtab

from tflir.flags import recipe_name, target_name
from tflir.option import Option, path, path_or_object

_FILES = (path, path_or_object, recipe_name)


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    from tflir.cli import build_parser

    print(shtab.complete(build_parser(_complete), arguments.shell))
    return 0


def _complete(action: argparse.Action, declared: Option | None) -> None:
    """Says what a value of an argument is completed to; without a declaration it is a model."""
    if declared is None or declared.takes in _FILES:
        action.complete = shtab.FILE  # pyright: ignore[reportAttributeAccessIssue] -- where shtab looks for it
    elif names := _names(declared):
        action.choices = names


def _names(declared: Option) -> tuple[str, ...]:
    if declared.takes is target_name or declared.name == "targets":
        from tflir.ir.targets import TARGETS

        return tuple(TARGETS.names())
    return declared.choices
