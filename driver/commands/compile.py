"""`tflir compile`: compiles a model to a model."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tflir.backends.files import is_stream, whole_file
from tflir.commands.analyses import print_analyses
from tflir.commands.inputs import Input, check_there, given
from tflir.commands.outputs import STDOUT, check_outputs
from tflir.commands.terminal import Note, progress, say
from tflir.commands.workers import detail, team_of
from tflir.content import STDIN
from tflir.facts import facts_in_force
from tflir.files import TEXT, to_bytes, write
from tflir.flags import OptionWarning
from tflir.ir.errors import Error, printable
from tflir.options import Options, options_from
from tflir.remarks import larger_because

if TYPE_CHECKING:
    from tflir.converter import Converter
    from tflir.jobs.team import Team
    from tflir.report.side_by_side import Request, Samples
    from tflir.report.verify import Verification

_USAGE = 2


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    options = options_from(vars(arguments))
    with facts_in_force(options.plugins):
        return _run(arguments, options)


def _run(arguments: argparse.Namespace, options: Options) -> int:
    with team_of(arguments) as team:
        return _compile(arguments, options, team)


def _compile(arguments: argparse.Namespace, options: Options, team: Team | None) -> int:
    if arguments.print_pipeline:
        print(_converter(given(arguments.model), options).pipeline())
        return 0
    check_there(arguments.model)
    target, *others = _outputs(arguments, options)
    source = given(arguments.model)
    if arguments.verify and source.is_text:
        raise Error(
            "--verify runs a .tflite", file=source.name, hint="compile the text to .tflite first", status=_USAGE
        )
    converter = _converter(source, options)
    if arguments.dry_run:
        from tflir.commands.dry_run import plan

        print("\n".join(plan(converter, options, [target, *others], verify=arguments.verify)))
        return 0
    pipeline = converter.pipeline()
    request = _request(arguments, options)
    if team is not None:
        converter.run_on(team)
    size, compiled = _convert(converter, target, arguments, team)
    print_analyses(converter.reports)
    if arguments.rules_out:
        _write_rules(arguments.rules_out, source, options)
    _say(converter, source, target, size, arguments)
    verification = _verified(source, compiled, arguments, options, request, team)
    if arguments.report:
        from tflir.report.report import write_report

        write_report(
            arguments.report,
            converter.reports,
            source.size,
            size,
            title=source.name,
            pipeline=pipeline,
            verification=verification,
            models=None if source.is_text or compiled is None else (source.model, compiled),
        )
    unmet = () if verification is None else verification.unmet
    for line in unmet:
        say(f"error: {target}: {line}")
    return int(bool(unmet))


def _request(arguments: argparse.Namespace, options: Options) -> Request | None:
    """What both models are run on, and what must hold; None if they are not run. Raises `Error` (status 2) if there are
    no labels where they are asked for.
    """
    if not (arguments.verify or arguments.report):
        return None
    from tflir.quality.limits import Limits
    from tflir.report.side_by_side import Request

    if arguments.test_data is not None:
        options = replace(options, representative_dataset=arguments.test_data, calibration_samples=None)
    request = Request(options, Limits(arguments.min_snr, arguments.max_accuracy_drop), arguments.labels)
    if request.demanded:
        _ = request.labels
    return request


def _write_rules(path: str, source: Input, options: Options) -> None:
    """Writes which form each op got, as rules that give it again."""
    from tflir.passes.recipes import effective_rules

    assert options.rules is not None
    usual = "" if options.weight_algorithm == "minmax" else options.weight_algorithm
    with whole_file(path) as out:
        out.write(effective_rules(options.rules, source.load(), usual).encode())


def _verified(
    source: Input,
    compiled: str | bytes | None,
    arguments: argparse.Namespace,
    options: Options,
    request: Request | None,
    team: Team | None,
) -> Verification | None:
    """Compares both models, with --verify, whose tables it prints, or for a report if there is data; else None."""
    if source.is_text or compiled is None or request is None:
        return None
    if not arguments.verify and request.options.representative_dataset is None:
        return None
    from tflir.report.side_by_side import side_by_side
    from tflir.report.verify import print_verification

    samples = _samples(source, request)
    how: dict[str, Any] = {"made_with": options, "quiet": arguments.quiet, "team": team}
    verification = side_by_side(source.model, compiled, samples, request, **how)
    if arguments.verify and not arguments.quiet:
        from tflir.benchmarking import latency_line

        print_verification(verification)
        say(latency_line(source.model, compiled))
    return verification


def _samples(source: Input, request: Request) -> Samples:
    """The samples to verify on, by signature; 0 (random samples) if there are none."""
    from tflir.report.side_by_side import samples_for

    try:
        return samples_for(source.model, source.load, request)
    except Error as error:
        error.file = error.file or source.name
        raise


def _converter(source: Input, options: Options) -> Converter:
    converter = source.converter()
    converter.use(options)
    return converter


def _outputs(arguments: argparse.Namespace, options: Options) -> list[str]:
    """The paths of all files to write, the result first. Raises `Error` if one would overwrite another file, has a
    wrong ending, or can't be written.
    """
    if not arguments.output and (arguments.model == STDIN or is_stream(arguments.model)):
        raise Error("has no name to make one of for the output", file=arguments.model, hint="give -o", status=_USAGE)
    target: str = arguments.output or str(pathlib.Path(arguments.model).with_suffix(".opt.tflite"))
    text = pathlib.Path(target).suffix == TEXT
    if arguments.elide_constants and not text:
        raise Error("--elide-constants is for .mlir text", file=target, hint="leave it out", status=_USAGE)
    if arguments.verify and text:
        raise Error("--verify runs a .tflite", file=target, hint="write a .tflite to verify it", status=_USAGE)
    if target == STDOUT:
        raise Error("-o - names no file", hint="name one, or /dev/stdout; tflir-opt writes text there", status=_USAGE)
    outputs = [target]
    if arguments.report:
        from tflir.report.report import check_path

        check_path(arguments.report)
        outputs.append(arguments.report)
    if arguments.rules_out:
        if options.recipe is None:
            raise Error("--rules-out does nothing without --recipe", hint="add it, or leave it out", status=_USAGE)
        outputs.append(arguments.rules_out)
    inputs = (arguments.model, options.representative_dataset, arguments.test_data, *options.stats)
    check_outputs(outputs, inputs, force=arguments.force)
    return outputs


def _convert(
    converter: Converter, target: str, arguments: argparse.Namespace, team: Team | None
) -> tuple[int, str | bytes | None]:
    """Converts to `target` with a progress bar on a terminal; returns its size, and the model in a form for LiteRT.

    That form is the path, the bytes if they were written to a stream, and None for text.
    """
    with warnings.catch_warnings():
        for said_already in (DeprecationWarning, OptionWarning):
            warnings.simplefilter("ignore", said_already)
        with _progress("comparing", arguments, unit="conversions") as note:
            converter.on_trials(note)
            converter.choose()
        with _progress("calibrating", arguments, unit="samples", detail=detail(team)) as note:
            converter.on_calibration(note)
            converter.prepare()
        with _progress("rewriting", arguments) as note:
            converter.on_passes(note)
            module = converter.module()
        if is_stream(target) and not _is_text(target):
            content = to_bytes(module, tf_compat=converter.tf_compat)
            with whole_file(target) as out:
                out.write(content)
            return len(content), content
        with _progress(f"writing {printable(pathlib.Path(target).name)}", arguments) as note:
            how = {"tf_compat": converter.tf_compat, "elide_constants": arguments.elide_constants}
            return write(module, target, progress=note, **how), None if _is_text(target) else target


def _progress(label: str, arguments: argparse.Namespace, **how: Any) -> contextlib.AbstractContextManager[Note]:
    return contextlib.nullcontext(lambda done, of: None) if arguments.quiet else progress(label, **how)


def _is_text(target: str) -> bool:
    return pathlib.Path(target).suffix == TEXT


def _say(converter: Converter, source: Input, target: str, size: int, arguments: argparse.Namespace) -> None:
    """Prints the result in one line; with -v also what each pass did and declined."""
    if arguments.quiet:
        return
    for remark in converter.remarks:
        say(remark)
    before = source.size
    ratio = f" ({before / size:.2f}x smaller)" if size and size < before else ""
    say(f"{target}: {_size(before)} -> {_size(size)}{ratio}")
    if size > before and converter.reports and not source.is_text and not _is_text(target):
        say(f"larger by {size - before} bytes: {larger_because(converter.requantize, converter.reports)}")
    if not arguments.verbose:
        return
    for report in converter.reports:
        say(f"  {report.name}: {_counts(report.counts) or 'nothing to do'}")
        for why, times in report.declined.most_common():
            example = report.examples.get(why)
            say(f"    left alone {times}: {why}{f' (first: {example})' if example else ''}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{times} {what}" for what, times in counts.items())


def _size(nbytes: int) -> str:
    """A human-readable size: 1.2 MB."""
    value = float(nbytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
