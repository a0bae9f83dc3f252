"""`tflir calibrate`: records the ranges of activations on representative data."""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tflir.commands.inputs import Input, check_there, given
from tflir.commands.outputs import STDOUT, check_outputs, check_stdout, shown_name, write_output
from tflir.commands.terminal import progress, say
from tflir.commands.workers import detail, team_of
from tflir.flags import AUTO
from tflir.ir.errors import USAGE, Error, printable
from tflir.options import Options, options_from
from tflir.refusals import idle_percentile
from tflir.remarks import data_remark

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from tflir.data.recorded import Recorded
    from tflir.jobs.team import Team

JSON_VERSION = 1
"""Raised when a key of the JSON document changes its meaning or goes."""
_MODEL = ".tflite"
_FILE = ".json"


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    options = options_from(vars(arguments))
    target: str = arguments.output
    check_there(arguments.model)
    _check(arguments, options)
    source = given(arguments.model)
    from tflir.files import save

    module = source.load()
    try:
        with team_of(arguments) as team:
            recorded = _recorded(source, module, arguments, options, team)
            inputs = _write_moments(source, module, arguments, options, team) if arguments.moments_out else 0
    except Error as error:
        error.file = error.file or source.name
        raise
    if _ending(target) == _MODEL:
        how: dict[str, Any] = {"method": options.calibration_method, "percentile": options.percentile}
        recorded.apply(module, tf_compat=options.tf_compat, **how)
        save(module, target)
    else:
        write_output(target, recorded.text())
    remarks = [remark] if (remark := data_remark(options)) is not None else []
    remarks += [f"warning: {line}" for line in recorded.warnings]
    if arguments.json:
        facts = _facts(source.name, target, recorded, remarks)
        moments = {"output": arguments.moments_out, "inputs": inputs} if arguments.moments_out else None
        print(json.dumps(facts | {"moments": moments}, indent=1))
    elif not arguments.quiet:
        for line in remarks:
            say(line)
        parts = {"histograms": recorded.histograms, "ranges of channels": recorded.channels}
        counted = "".join(f", {len(part)} {what}" for what, part in parts.items() if part is not None)
        say(f"{shown_name(target)}: {len(recorded.ranges)} ranges{counted} from {recorded.samples} samples")
        if arguments.moments_out:
            say(f"{shown_name(arguments.moments_out)}: second moments of {inputs} inputs of layers")
    return 0


def _facts(model: str, target: str, recorded: Recorded, remarks: Sequence[str]) -> dict[str, Any]:
    return {
        "version": JSON_VERSION,
        "model": printable(model),
        "output": printable(target),
        "ranges": len(recorded.ranges),
        "histograms": None if recorded.histograms is None else len(recorded.histograms),
        "channels": None if recorded.channels is None else len(recorded.channels),
        "samples": recorded.samples,
        "remarks": list(remarks),
    }


def _recorded(
    source: Input, module: ModuleOp, arguments: argparse.Namespace, options: Options, team: Team | None
) -> Recorded:
    """The ranges over the data, by one process or by several."""
    from tflir.data.calibration import calibrate

    with progress("calibrating", unit="samples", detail=detail(team)) as shown:
        note = None if arguments.quiet else shown
        if team is not None:
            return team.calibrate(module, options, path=source.path, progress=note)
        return calibrate(
            module,
            options.representative_dataset,
            samples=options.calibration_samples,
            shard=arguments.shard or (1, 1),
            scaling=options.reading,
            tf_compat=options.tf_compat,
            progress=note,
            histograms=options.needs_histograms,
            channels=options.equalize != "off",
        )


def _write_moments(
    source: Input, module: ModuleOp, arguments: argparse.Namespace, options: Options, team: Team | None
) -> int:
    """Writes the second moments of what layers read; returns the number of inputs that have them."""
    from tflir.data.moments import sums_of
    from tflir.data.moments_file import write_moments
    from tflir.data.readings import distinct, readings_of

    readings = distinct(readings_of(module))
    with progress("second moments", unit="samples", detail=detail(team)) as shown:
        note = None if arguments.quiet else shown
        if team is not None:
            parts = team.moments(module, readings, options, note, path=source.path)
        else:
            parts = sums_of(module, readings, options, note, shard=arguments.shard or (1, 1))
        return write_moments(arguments.moments_out, module, readings, parts)


def _ending(target: str) -> str:
    return pathlib.Path(target).suffix


def _check(arguments: argparse.Namespace, options: Options) -> None:
    """Raises `Error` if the output would overwrite another file, has a wrong ending, or can't be written."""
    target: str = arguments.output
    if target != STDOUT and _ending(target) not in (_FILE, _MODEL):
        raise Error("is neither .json nor .tflite", file=target, hint="name the output so", status=USAGE)
    for flag, word, hint in (
        ("--calibration-method", options.calibration_method, "give it to compile"),
        ("--equalize", options.equalize, "use --equalize on, which records what it needs"),
    ):
        if word == AUTO:
            raise Error(f"{flag} auto compares conversions, which calibrate makes none of", hint=hint, status=USAGE)
    if options.equalize != "off" and _ending(target) == _MODEL:
        what = "a model holds no ranges of channels, which --equalize records"
        raise Error(what, hint="name the output .json", status=USAGE)
    if (refusal := idle_percentile(options)) is not None:
        raise Error(refusal[0], hint=refusal[1], status=USAGE)
    if "percentile" in options.given and _ending(target) != _MODEL:
        what = "--percentile does nothing beside statistics, from which compile chooses ranges"
        raise Error(what, hint="give it to compile", status=USAGE)
    targets = [target, *([arguments.moments_out] if arguments.moments_out else [])]
    if arguments.moments_out == STDOUT:
        raise Error("--moments-out writes a file, not to a pipe", hint="name a file", status=USAGE)
    check_stdout([target], "", as_json=arguments.json)
    check_outputs(targets, (arguments.model, options.representative_dataset), force=arguments.force)
