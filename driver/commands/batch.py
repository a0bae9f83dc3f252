"""`tflir batch`: compiles many models with the same options."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tflir.commands.inputs import check_there
from tflir.commands.terminal import Row, decibels, human_size, output_console, plain_table, progress, say
from tflir.commands.workers import detail, team_of
from tflir.content import STDIN
from tflir.files import MODEL
from tflir.ir.errors import USAGE, Error, said_by_system
from tflir.options import Options, options_from
from tflir.quality.limits import Limits

if TYPE_CHECKING:
    from tflir.jobs.batch import Made

JSON_VERSION = 1
"""Increased when a key of the JSON document is removed or changes its meaning."""
_OF_THE_RUN = ("jobs", "scheduler", "time_limit", "memory_limit", "json", "out", "force", "quiet")
"""Options that say how the command runs, and nothing about the models."""


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status, 1 if a model could not be compiled or does not meet a limit."""
    from tflir.jobs.batch import Recipe, compile_many

    options = _options(arguments)
    models = [model for given in (arguments.model, *arguments.others) for model in _models(given)]
    recipe = Recipe(
        options,
        bool(arguments.verify),
        arguments.test_data,
        arguments.labels,
        Limits(arguments.min_snr, arguments.max_accuracy_drop),
    )
    with (
        team_of(arguments, always=True) as team,
        progress("compiling", unit="models", detail=detail(team)) as shown,
    ):
        assert team is not None
        note = None if arguments.quiet else shown
        found = compile_many(team, models, arguments.out, recipe, force=arguments.force, progress=note)
    if arguments.json:
        _print_json(found)
    elif not arguments.quiet:
        _print(found)
    for made in found:
        for line in (made.error, *(f"{made.output}: {unmet}" for unmet in made.unmet)):
            if line:
                say(f"error: {line}")
    return int(any(made.failed for made in found))


def _models(given: str) -> list[str]:
    """The models that an argument names: itself, or all `.tflite` of a folder. Raises `Error` if it holds none."""
    if not os.path.isdir(given):
        return [given]
    try:
        found = sorted(str(path) for path in pathlib.Path(given).iterdir() if path.suffix == MODEL and path.is_file())
    except OSError as error:
        raise Error(f"can't be read: {said_by_system(error)}", file=given) from None
    if not found:
        raise Error(f"the folder holds no {MODEL}", file=given, hint="name one with models, or models", status=USAGE)
    return found


def _options(arguments: argparse.Namespace) -> Options:
    """What is made of the models. Raises `Error` (status 2) for what can't be made of any, before work begins."""
    given = {name: value for name, value in vars(arguments).items() if name not in _OF_THE_RUN}
    options = options_from(given)
    if STDIN in (arguments.model, *arguments.others):
        raise Error("batch reads files", file=STDIN, hint="name them", status=USAGE)
    for source in (arguments.test_data, *options.sources):
        if isinstance(source, str) and ":" not in source:
            check_there(source)
    return options


def _print_json(found: Sequence[Made]) -> None:
    from tflir.report.facts import plain

    models = [asdict(made) for made in found]
    print(json.dumps(plain({"version": JSON_VERSION, "models": models}), indent=1, allow_nan=False))


def _print(found: Sequence[Made]) -> None:
    console = output_console()
    columns: list[tuple[str, list[str]]] = [
        ("before", [human_size(made.before) if made.before else "" for made in found]),
        ("after", [human_size(made.after) if made.after else "" for made in found]),
        ("ratio", [f"{made.before / made.after:.2f}" if made.after else "" for made in found]),
        ("noise", ["" if made.snr_db is None else decibels(made.snr_db) for made in found]),
        ("accuracy", ["" if made.accuracy is None else _accuracy(*made.accuracy) for made in found]),
        ("", [_word(made) for made in found]),
    ]
    shown = [column for column in columns if any(column[1])]
    rows: list[Row] = [[made.model, *(cells[at] for _, cells in shown)] for at, made in enumerate(found)]
    failed = sum(made.failed for made in found)
    title = f"{len(found)} model{'s' * (len(found) != 1)}" + (f", {failed} failed" if failed else "")
    numbers = [at for at, (name, _) in enumerate(shown, 1) if name]
    headers = ["model", *(name for name, _ in shown)]
    console.print(plain_table(console, title, headers, rows, numbers=numbers), crop=False)


def _accuracy(before: float, after: float) -> str:
    return f"{100 * before:.3g} % -> {100 * after:.3g} %"


def _word(made: Made) -> str:
    if made.error:
        return "failed"
    return "limit not met" if made.unmet else "was there" if made.reused else "made"
