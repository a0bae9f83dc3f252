"""`tflir search`: the smallest or fastest form of a model within a bound."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from tflir.commands.inputs import Input, check_there, given
from tflir.commands.outputs import STDOUT, check_outputs, check_stdout, shown_name, write_output
from tflir.commands.terminal import human_size, progress, say
from tflir.commands.workers import detail, team_of
from tflir.facts import facts_in_force
from tflir.ir.errors import USAGE, Error
from tflir.options import Options, options_from
from tflir.remarks import data_remark
from tflir.report.facts import plain

if TYPE_CHECKING:
    from tflir.jobs.team import Team
    from tflir.report.verify import Verification
    from tflir.search.judge import Accuracy
    from tflir.search.run import Result

JSON_VERSION = 1
"""Raised when a key of the JSON document changes its meaning or goes."""
_ENDING = ".tflite"
_FLOAT = "float"
"""The form of weights that were left as they are."""
_COMPARED = 32
"""At most so many samples are run for a report."""


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
        raise Error("search runs a .tflite", file=source.name, hint="compile the text to .tflite first", status=USAGE)
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
            write_output(path, content)
    if arguments.report is not None:
        _report(source, found, arguments, options)
    if arguments.json:
        print(json.dumps(_facts(source, found, arguments, options), indent=1))
    elif not arguments.quiet:
        _say(source, found, arguments, options)
    return 0


def _facts(source: Input, found: Result, arguments: argparse.Namespace, options: Options) -> dict[str, Any]:
    """What was found, as JSON."""
    said = (data_remark(options), _repeated(found), _unseen(found))
    return plain(
        {
            "version": JSON_VERSION,
            "model": source.name,
            "output": arguments.output,
            "bytes_before": source.size,
            "bytes_after": len(found.model),
            "bound": str(arguments.bound),
            "measured": found.value,
            "evaluations": found.evaluations,
            "limit": found.limit,
            "reused": found.reused,
            "layers": [{"name": layer.name, "op": layer.op, "form": form} for layer, form in found.layers],
            "remarks": [remark for remark in said if remark is not None],
        }
    )


def _found(
    source: Input, arguments: argparse.Namespace, options: Options, accuracy: Accuracy | None, team: Team | None
) -> Result:
    from tflir.search.compiler import Settings
    from tflir.search.data import data_of
    from tflir.search.run import SIZE, Goal, search

    bound = arguments.bound
    if accuracy is not None and not bound.is_accuracy:
        raise Error("--accuracy does nothing beside a bound on the ratio", hint="leave it out", status=USAGE)
    data = data_of(
        source.model,
        source.load(),
        options,
        arguments.validation_dataset,
        accuracy=bound.is_accuracy,
        labelled=bound.is_accuracy and accuracy is None,
    )
    settings = Settings(
        options.weight_algorithm if "weight_algorithm" in vars(arguments) else "gptq",
        options.bias_correction if "bias_correction" in vars(arguments) else "auto",
        options.sequential_rounding,
        "" if arguments.sparse_weights == "off" else arguments.minimize or SIZE,
    )
    shown = progress("searching", unit="evaluations", detail=detail(team))
    taken = arguments.json or STDOUT in (arguments.output, arguments.rules_out, arguments.trace, arguments.report)
    printed = contextlib.redirect_stdout(sys.stderr) if taken else contextlib.nullcontext()
    with printed, contextlib.nullcontext(_ignore) if arguments.quiet else shown as note:
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


def _report(source: Input, found: Result, arguments: argparse.Namespace, options: Options) -> None:
    """Writes what was found, with the layers of both models on data that took no part in the search."""
    from tflir.comparison import data_name
    from tflir.report.report import Made, write_report
    from tflir.report.verify import compare

    data = arguments.validation_dataset or options.representative_dataset
    samples = found.check.first(_COMPARED).samples
    written = found.model if arguments.output == STDOUT else arguments.output
    verification = compare(
        source.model, written, samples, quiet=arguments.quiet, source=data_name(data), float_layers=True
    )
    verification = _with_accuracy(verification, source, written, found, arguments)
    write_report(
        arguments.report,
        found.reports,
        source.size,
        len(found.model),
        title=source.name,
        made=Made(tuple(arguments.words), found.pipeline, searched=json.loads(found.trace)),
        verification=verification,
        models=(source.model, written),
    )


def _with_accuracy(
    verification: Verification, source: Input, written: str | bytes, found: Result, arguments: argparse.Namespace
) -> Verification:
    """The comparison with the accuracy on all samples that took no part in the search, if they have labels."""
    from tflir.quality.accuracy import LABELS
    from tflir.report.side_by_side import with_accuracy

    if arguments.accuracy is not None:
        what = f"{arguments.accuracy} measures it, and no labels do: see Search"
        return dataclasses.replace(verification, accuracy_missing=what)
    if found.check.labels is None:
        return verification
    whole, labels = found.check.samples, found.check.labels
    try:
        return with_accuracy(verification, source.model, written, whole, labels, LABELS, quiet=arguments.quiet)
    except Error as error:
        return dataclasses.replace(verification, accuracy_missing=error.what)


def _ignore(done: int, of: int) -> None:
    """Shows no progress."""


def _say(source: Input, found: Result, arguments: argparse.Namespace, options: Options) -> None:
    from tflir.passes.sparsity.dense_to_sparse import DENSIFIED, READ_SPARSE

    if (remark := data_remark(options)) is not None:
        say(remark)
    again = f", {found.reused} results from {arguments.work}" if found.reused else ""
    models = "1 model" if found.evaluations == 1 else f"{found.evaluations} models"
    say(f"{models} evaluated, of at most {found.limit}{again}")
    forms = Counter(form for _, form in found.layers)
    say(f"weights of {len(found.layers)} layers: {', '.join(f'{n} x {form}' for form, n in forms.items()) or 'none'}")
    if zeros := sum(report.counts[READ_SPARSE] + report.counts[DENSIFIED] for report in found.reports):
        flags = f"--optimize DEFAULT,EXPERIMENTAL_SPARSITY --sparsity-target {arguments.minimize or 'size'}"
        weights = "1 weight" if zeros == 1 else f"{zeros} weights"
        say(f"zeros of {weights} left out" + (f": compile the rules with {flags}" if arguments.rules_out else ""))
    if not found.layers:
        say(f"nothing to choose: {_why_no_layer(source)}")
    for warning in (_repeated(found), _unseen(found)):
        if warning is not None:
            say(f"warning: {warning}")
    if found.layers and set(forms) == {_FLOAT}:
        say("no weights can be smaller within the bound: the model stays as it is")
    size = len(found.model)
    ratio = f" ({source.size / size:.2f}x smaller)" if size < source.size else ""
    measured = arguments.bound.shown(found.value)
    sizes = f"{human_size(source.size)} -> {human_size(size)}{ratio}"
    say(f"{shown_name(arguments.output)}: {sizes}, {measured} on held-out data")


def _why_no_layer(source: Input) -> str:
    from tflir.remarks import quantized_parts
    from tflir.search.layers import LEAST_ELEMENTS

    if any(quantized_parts(source.load())):
        return "the model is quantized already"
    return f"no op has float weights of {LEAST_ELEMENTS} or more elements"


def _repeated(found: Result) -> str | None:
    """What is said of data to measure on that is not held out, since weights were rounded with it too."""
    if not found.repeated:
        return None
    what = "1 sample to measure on is" if found.repeated == 1 else f"{found.repeated} samples to measure on are"
    return f"{what} in the data that weights are rounded with, too: other data may be further from the bound"


def _unseen(found: Result) -> str | None:
    """What is said of layers that change no output on the data."""
    if not found.unseen:
        return None
    count = len(found.unseen)
    first = found.unseen[0].name or found.unseen[0].op
    layers, keep = ("1 layer changes", "it keeps") if count == 1 else (f"{count} layers change", "they keep")
    which = f"'{first}'" if count == 1 else f"'{first}' and others"
    return f"{layers} no output on the search data: {keep} 8 bits or more ({which}); give samples that need them"


def _check(arguments: argparse.Namespace, options: Options) -> None:
    """Raises `Error` if an output would overwrite another file, has a wrong ending, or can't be written."""
    if arguments.output != STDOUT and not arguments.output.endswith(_ENDING):
        raise Error("does not end with .tflite", file=arguments.output, hint="name the output so", status=USAGE)
    if arguments.report is not None:
        from tflir.report.report import check_path

        check_path(arguments.report)
    written = (arguments.output, arguments.rules_out, arguments.trace, arguments.report)
    outputs = [path for path in written if path is not None]
    inputs = (arguments.model, options.representative_dataset, arguments.validation_dataset)
    check_stdout(outputs, arguments.output, as_json=arguments.json)
    check_outputs(outputs, inputs, force=arguments.force)


def _function(named: str) -> Accuracy:
    """The function that `module:function` or `file.py:function` names."""
    from tflir.data.user_code import named_function, names_function

    if not names_function(named):
        hint = "give module:function or file.py:function"
        raise Error(f"--accuracy '{named}' names no function", hint=hint, status=USAGE)
    return named_function(named)
