"""`tflir search`: the smallest or fastest form of a model within a bound."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections import Counter
from typing import TYPE_CHECKING

from tflir.backends.files import whole_file
from tflir.commands.inputs import Input, check_there, given
from tflir.commands.outputs import STDOUT, check_outputs
from tflir.commands.terminal import human_size, progress, say
from tflir.commands.workers import detail, team_of
from tflir.facts import facts_in_force
from tflir.ir.errors import Error
from tflir.options import Options, options_from
from tflir.remarks import data_remark

if TYPE_CHECKING:
    from tflir.jobs.team import Team
    from tflir.search.judge import Accuracy
    from tflir.search.run import Result

_USAGE = 2
_ENDING = ".tflite"


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    options = options_from(vars(arguments))
    with facts_in_force(options.plugins):
        return _run(arguments, options)


def _run(arguments: argparse.Namespace, options: Options) -> int:
    check_there(arguments.model)
    _check(arguments, options)
    source = given(arguments.model)
    if source.is_text:
        raise Error("search runs a .tflite", file=source.name, hint="compile the text to .tflite first", status=_USAGE)
    accuracy = None if arguments.accuracy is None else _function(arguments.accuracy)
    try:
        with team_of(arguments, alone=False) as team:
            found = _found(source, arguments, options, accuracy, team)
    except Error as error:
        error.file = error.file or source.name
        raise
    for path, content in (
        (arguments.output, found.model),
        (arguments.rules_out, found.rules.encode()),
        (arguments.trace, found.trace.encode()),
    ):
        if path is not None:
            with whole_file(path) as file:
                file.write(content)
    if not arguments.quiet:
        _say(source, found, arguments, options)
    return 0


def _found(
    source: Input, arguments: argparse.Namespace, options: Options, accuracy: Accuracy | None, team: Team | None
) -> Result:
    from tflir.search.compiler import Settings
    from tflir.search.data import data_of
    from tflir.search.run import SIZE, Goal, search

    bound = arguments.bound
    if accuracy is not None and not bound.is_accuracy:
        raise Error("--accuracy does nothing beside a bound on the ratio", hint="leave it out", status=_USAGE)
    data = data_of(
        source.model, source.load(), options, arguments.validation_dataset, accuracy=bound.is_accuracy
    )  # fmt: skip
    settings = Settings(
        options.weight_algorithm if "weight_algorithm" in vars(arguments) else "gptq",
        options.bias_correction if "bias_correction" in vars(arguments) else "auto",
    )
    shown = progress("searching", unit="evaluations", detail=detail(team))
    with contextlib.nullcontext(_ignore) if arguments.quiet else shown as note:
        return search(
            source.model,
            source.load,
            data,
            Goal(bound, arguments.minimize or SIZE, arguments.margin),
            settings,
            accuracy=accuracy,
            work=arguments.work,
            name=os.path.basename(source.name),
            progress=note,
            team=team,
            plugins=options.plugins,
        )


def _ignore(done: int, of: int) -> None:
    """Shows no progress."""


def _say(source: Input, found: Result, arguments: argparse.Namespace, options: Options) -> None:
    if (remark := data_remark(options)) is not None:
        say(remark)
    again = f", {found.reused} results from {arguments.work}" if found.reused else ""
    say(f"{found.evaluations} models evaluated, of at most {found.limit}{again}")
    forms = Counter(form for _, form in found.layers)
    say(f"weights of {len(found.layers)} layers: {', '.join(f'{n} x {form}' for form, n in forms.items()) or 'none'}")
    size = len(found.model)
    ratio = f" ({source.size / size:.2f}x smaller)" if size < source.size else ""
    measured = arguments.bound.shown(found.value)
    say(f"{arguments.output}: {human_size(source.size)} -> {human_size(size)}{ratio}, {measured} on held-out data")


def _check(arguments: argparse.Namespace, options: Options) -> None:
    """Raises `Error` if an output would overwrite another file, has a wrong ending, or can't be written."""
    if arguments.output == STDOUT or not arguments.output.endswith(_ENDING):
        raise Error("does not end with .tflite", file=arguments.output, hint="name the output so", status=_USAGE)
    outputs = [path for path in (arguments.output, arguments.rules_out, arguments.trace) if path is not None]
    inputs = (arguments.model, options.representative_dataset, arguments.validation_dataset)
    check_outputs(outputs, inputs, force=arguments.force)


def _function(named: str) -> Accuracy:
    """The function that `module:function` names; the module may be in the working folder."""
    from tflir.data.dataset import named_function

    module, colon, name = named.rpartition(":")
    if not colon:
        raise Error(f"--accuracy '{named}' names no function", hint="give module:function", status=_USAGE)
    return named_function(module, name)
