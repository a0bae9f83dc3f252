"""`tflir compile`: compiles a model to a model."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tflir.backends.files import is_stream
from tflir.commands.analyses import print_analyses
from tflir.commands.inputs import Input, check_there, given
from tflir.commands.outputs import STDOUT, check_outputs, check_stdout, shown_name, write_output, write_stdout
from tflir.commands.terminal import Note, decibels, human_size, progress, say
from tflir.commands.workers import detail, team_of
from tflir.content import STDIN
from tflir.facts import facts_in_force
from tflir.files import TEXT, to_bytes, write
from tflir.flags import AUTO, OptionWarning
from tflir.ir.errors import USAGE, Error, printable
from tflir.options import Options, options_from
from tflir.remarks import constant_bytes, larger_because, small_constants

if TYPE_CHECKING:
    from tflir.benchmarking import Latency
    from tflir.converter import Converter
    from tflir.jobs.team import Team
    from tflir.report.side_by_side import Request, Samples
    from tflir.report.verify import Verification


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
        raise Error("--verify runs a .tflite", file=source.name, hint="compile the text to .tflite first", status=USAGE)
    converter = _converter(source, options)
    if arguments.dry_run:
        from tflir.commands.dry_run import plan

        planned = plan(converter, options)
        if arguments.json:
            from tflir.commands.compile_facts import print_plan

            print_plan(source.name, [target, *others], planned.passes, planned.remarks)
        else:
            print("\n".join(planned.lines([target, *others], verify=arguments.verify)))
        return 0
    pipeline = converter.pipeline()
    request = _request(arguments, options)
    with _stdout_for_files(arguments):
        size, compiled = _convert(converter, target, arguments, team)
        if not arguments.json:
            print_analyses(converter.reports)
    if target == STDOUT:
        assert isinstance(compiled, bytes)
        write_stdout(compiled)
    if arguments.rules_out:
        _write_rules(arguments.rules_out, source, options, pipeline)
    remarks = [*converter.remarks, *_larger(converter, source, target, compiled, size)]
    if not (arguments.quiet or arguments.json):
        _say(converter, source, target, size, remarks, verbose=arguments.verbose)
    with _stdout_for_files(arguments):
        verification, latency = _verified(source, compiled, arguments, options, request, team)
    pruning = None if verification is None else _pruning(source, converter, pipeline, arguments, request)
    if arguments.json:
        from tflir.commands.compile_facts import print_compiled

        print_compiled(converter, source.name, target, (source.size, size), remarks, verification, pruning)
    if arguments.report:
        from tflir.report.report import Made, write_report

        write_report(
            arguments.report,
            converter.reports,
            source.size,
            size,
            title=source.name,
            made=Made(tuple(arguments.words), pipeline, converter.remarks, converter.decisions, latency),
            verification=verification,
            models=None if source.is_text or compiled is None else (source.model, compiled),
        )
    unmet = () if verification is None else verification.unmet
    for line in unmet:
        say(f"error: {shown_name(target)}: {line}")
    return int(bool(unmet))


def _stdout_for_files(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[Any]:
    """Sends what data functions and analyses print to stderr where a file or JSON is written to stdout."""
    taken = arguments.json or STDOUT in (arguments.output, arguments.report, arguments.rules_out)
    return contextlib.redirect_stdout(sys.stderr) if taken else contextlib.nullcontext()


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


def _write_rules(path: str, source: Input, options: Options, pipeline: str) -> None:
    """Writes which form each op got, as rules that give it again: ops are those that the passes before the recipe's
    leave, which fuse some.
    """
    from tflir.pass_manager import run_pipeline, split_at_recipe
    from tflir.passes.recipes import effective_rules

    assert options.rules is not None
    module = source.load()
    run_pipeline(module, split_at_recipe(pipeline)[0], verify_each=False)
    usual = "" if options.weight_algorithm == "minmax" else options.weight_algorithm
    write_output(path, effective_rules(options.rules, module, usual).encode())


def _verified(
    source: Input,
    compiled: str | bytes | None,
    arguments: argparse.Namespace,
    options: Options,
    request: Request | None,
    team: Team | None,
) -> tuple[Verification | None, Latency | None]:
    """Compares both models, with --verify, whose tables it prints, or for a report if there is data; else None."""
    if source.is_text or compiled is None or request is None:
        return None, None
    if not arguments.verify and request.options.representative_dataset is None:
        return None, None
    from tflir.report.side_by_side import side_by_side
    from tflir.report.verify import print_verification

    samples = _samples(source, request, arguments)
    how: dict[str, Any] = {"made_with": options, "quiet": arguments.quiet, "team": team}
    verification = side_by_side(source.model, compiled, samples, request, **how)
    if not arguments.verify or arguments.quiet or arguments.json:
        return verification, None
    from tflir.benchmarking import brief_latency

    print_verification(verification)
    with _progress("measuring latency", arguments):
        latency = brief_latency(source.model, compiled)
    say(str(latency))
    return verification, latency


def _pruning(
    source: Input, converter: Converter, pipeline: str, arguments: argparse.Namespace, request: Request | None
) -> float | None:
    """The ratio of pruning alone, which is also printed, where other passes changed the model too."""
    from tflir.comparison import MOST_SAMPLES
    from tflir.quality.pruning import is_pruned, pruned_alone

    if request is None or not arguments.verify or not is_pruned(converter.reports):
        return None
    samples = _samples(source, request, arguments)
    few = samples if isinstance(samples, int) else {key: part[:MOST_SAMPLES] for key, part in samples.items()}
    with _progress("measuring pruning", arguments):
        ratio = pruned_alone(source.model, source.load, pipeline, few)
    if ratio is not None and not (arguments.quiet or arguments.json):
        say(f"pruning alone: {decibels(ratio)} at the worst output; the rest is of the other passes")
    return ratio


def _samples(source: Input, request: Request, arguments: argparse.Namespace) -> Samples:
    """The samples to verify on, by signature; 0 (random samples) if there are none."""
    from tflir.report.side_by_side import samples_for

    try:
        with _progress("reading data", arguments):
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
        raise Error("has no name to make one of for the output", file=arguments.model, hint="give -o", status=USAGE)
    target: str = arguments.output or str(pathlib.Path(arguments.model).with_suffix(".opt.tflite"))
    text = pathlib.Path(target).suffix == TEXT
    if arguments.elide_constants and not text:
        raise Error("--elide-constants is for .mlir text", file=target, hint="leave it out", status=USAGE)
    if arguments.verify and text:
        raise Error("--verify runs a .tflite", file=target, hint="write a .tflite to verify it", status=USAGE)
    outputs = [target]
    if arguments.report:
        from tflir.report.report import check_path

        check_path(arguments.report)
        outputs.append(arguments.report)
    if arguments.rules_out:
        if options.recipe is None:
            raise Error("--rules-out does nothing without --recipe", hint="add it, or leave it out", status=USAGE)
        outputs.append(arguments.rules_out)
    inputs = (arguments.model, arguments.test_data, *options.sources, options.recipe)
    if [arguments.model, *options.stats].count(STDIN) > 1:
        raise Error("standard input is named for two inputs", hint="name a file for one", status=USAGE)
    check_stdout(outputs, target, as_json=arguments.json)
    check_outputs(outputs, inputs, force=arguments.force)
    return outputs


def _convert(
    converter: Converter, target: str, arguments: argparse.Namespace, team: Team | None
) -> tuple[int, str | bytes | None]:
    """Converts to `target` with a progress bar on a terminal; returns its size, and the model in a form for LiteRT.

    That form is the path, the bytes of a stream (those for standard output are not written yet), and None for text.
    """
    if team is not None:
        converter.run_on(team)
    with warnings.catch_warnings():
        for said_already in (DeprecationWarning, OptionWarning):
            warnings.simplefilter("ignore", said_already)
        tries = AUTO in (
            converter.calibration_method,
            converter.bias_correction,
            converter.equalize,
            converter.float_regions,
        )
        how = ("comparing", "conversions") if tries else ("reading", "")
        with _progress(how[0], arguments, unit=how[1]) as note:
            converter.on_trials(note)
            converter.choose()
        with _progress("calibrating", arguments, unit="samples", detail=detail(team)) as note:
            converter.on_calibration(note)
            converter.prepare()
        with _progress("rewriting", arguments) as note:
            converter.on_passes(note)
            module = converter.module()
        if target == STDOUT or (is_stream(target) and not _is_text(target)):
            content = to_bytes(module, tf_compat=converter.tf_compat)
            if target != STDOUT:
                write_output(target, content)
            return len(content), content
        with _progress(f"writing {printable(pathlib.Path(target).name)}", arguments) as note:
            how = {"tf_compat": converter.tf_compat, "elide_constants": arguments.elide_constants}
            return write(module, target, progress=note, **how), None if _is_text(target) else target


def _progress(label: str, arguments: argparse.Namespace, **how: Any) -> contextlib.AbstractContextManager[Note]:
    return contextlib.nullcontext(lambda done, of: None) if arguments.quiet else progress(label, **how)


def _is_text(target: str) -> bool:
    return pathlib.Path(target).suffix == TEXT


def _larger(converter: Converter, source: Input, target: str, compiled: str | bytes | None, size: int) -> Iterator[str]:
    """Why a model became larger, in a line."""
    if size <= source.size or source.is_text or compiled is None:
        return
    made = Input(target, False, size, compiled if isinstance(compiled, bytes) else None)
    before, after = source.load(), made.load()
    (small, narrow), (small_now, narrow_now) = small_constants(before), small_constants(after)
    floats = small > small_now and (small_now == 0 or converter.requantize == "float32")
    more = constant_bytes(after) > constant_bytes(before)
    why = larger_because(converter.reports, floats=floats, widened=narrow > narrow_now, more=more)
    yield f"larger by {size - source.size} bytes: {why}"


def _say(converter: Converter, source: Input, target: str, size: int, remarks: Sequence[str], *, verbose: bool) -> None:
    """Prints the remarks and the result in one line; with `verbose` also what each pass did and declined."""
    for remark in converter.remarks:
        say(remark)
    before = source.size
    ratio = f" ({before / size:.2f}x smaller)" if size and size < before else ""
    say(f"{shown_name(target)}: {human_size(before)} -> {human_size(size)}{ratio}")
    for remark in remarks[len(converter.remarks) :]:
        say(remark)
    if not verbose:
        return
    for report in converter.reports:
        say(f"  {report.name}: {_counts(report.counts) or 'nothing to do'}")
        for why, times in report.declined.most_common():
            example = report.examples.get(why)
            say(f"    left alone {times}: {why}{f' (first: {example})' if example else ''}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{times} {what}" for what, times in counts.items())
