"""`tflir compile`: one model in, one model out."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import warnings
from typing import TYPE_CHECKING

from tflir.files import TEXT
from tflir.ir.errors import Error
from tflir.options import Options, OptionWarning, options_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tflir.backends.litert.run import Sample
    from tflir.converter import Converter
    from tflir.verify import Verification

_USAGE = 2
_RANDOM_SAMPLES = 3
_MOST_SAMPLES = 32
"""Samples of the representative data that --verify runs."""


def run(arguments: argparse.Namespace) -> int:
    """Compiles as the arguments say; returns the exit status."""
    options = options_from(vars(arguments))
    source = pathlib.Path(arguments.model)
    if arguments.print_pipeline:
        print(_converter(source, options).pipeline())
        return 0
    target = _target(arguments, source)
    if arguments.report:
        from tflir.report import check_path

        check_path(arguments.report)
    converter = _converter(source, options)
    pipeline = converter.pipeline()
    size = _convert(converter, target, arguments)
    _say(converter, source, target, size, arguments)
    verification = _verified(source, target, arguments, options)
    if arguments.report:
        from tflir.report import write_report

        before = source.stat().st_size
        models = None if TEXT in (source.suffix, target.suffix) else (source, target)
        write_report(
            arguments.report,
            converter.reports,
            before,
            size,
            title=source.name,
            pipeline=pipeline,
            verification=verification,
            models=models,
        )
    return 0


def _verified(
    source: pathlib.Path, target: pathlib.Path, arguments: argparse.Namespace, options: Options
) -> Verification | None:
    """What running both models shows: printed with --verify, and for a report where there is data to run."""
    for_report = arguments.report and options.representative_dataset is not None
    if TEXT in (source.suffix, target.suffix) or not (arguments.verify or for_report):
        return None
    from tflir.verify import compare, verify

    samples = _samples(source, options)
    return verify(source, target, samples=samples) if arguments.verify else compare(source, target, samples)


def _samples(source: pathlib.Path, options: Options) -> Sequence[Sample] | int:
    """Some of the representative data, else how many random samples to make."""
    if options.representative_dataset is None:
        return _RANDOM_SAMPLES
    from tflir.calibration import samples_of

    return samples_of(source, options.representative_dataset, options.calibration_samples, most=_MOST_SAMPLES)


def _converter(source: pathlib.Path, options: Options) -> Converter:
    from tflir.converter import Converter

    converter = Converter.from_file(source)
    converter.use(options)
    return converter


def _target(arguments: argparse.Namespace, source: pathlib.Path) -> pathlib.Path:
    """Where the result goes; refuses what would harm a file or can't be meant (status 2)."""
    target = pathlib.Path(arguments.output) if arguments.output else source.with_suffix(".opt.tflite")
    if arguments.elide_constants and target.suffix != TEXT:
        raise Error("--elide-constants is for .mlir text", file=str(target), hint="leave it out", status=_USAGE)
    if arguments.verify and target.suffix == TEXT:
        raise Error("--verify runs a .tflite", file=str(target), hint="write a .tflite to verify it", status=_USAGE)
    if arguments.verify and source.suffix == TEXT:
        raise Error(
            "--verify runs a .tflite", file=str(source), hint="compile the text to .tflite first", status=_USAGE
        )
    if target.exists():
        if source.exists() and os.path.samefile(source, target):
            raise Error("is the input", file=str(target), hint="name another file with -o", status=_USAGE)
        if not arguments.force:
            raise Error("exists", file=str(target), hint="name another file with -o, or use --force", status=_USAGE)
    if not target.parent.is_dir():
        raise Error("its folder does not exist", file=str(target), hint="make the folder first", status=_USAGE)
    return target


def _convert(converter: Converter, target: pathlib.Path, arguments: argparse.Namespace) -> int:
    """Converts to `target` with a progress bar on a terminal; returns its size."""
    with warnings.catch_warnings():
        for said_already in (DeprecationWarning, OptionWarning):
            warnings.simplefilter("ignore", said_already)
        if arguments.quiet or not sys.stderr.isatty():
            return converter.convert_to(target, elide_constants=arguments.elide_constants)
        from tflir.files import write
        from tflir.terminal import progress

        with progress("calibrating", unit="samples") as note:
            converter.on_calibration(note)
            converter.prepare()
        with progress("rewriting") as note:
            converter.on_passes(note)
            module = converter.module()
        with progress(f"writing {target.name}") as note:
            how = {"tf_compat": converter.tf_compat, "elide_constants": arguments.elide_constants}
            return write(module, target, progress=note, **how)


def _say(
    converter: Converter, source: pathlib.Path, target: pathlib.Path, size: int, arguments: argparse.Namespace
) -> None:
    """The result in one line; with -v what each pass did and declined."""
    if arguments.quiet:
        return
    for remark in converter.remarks:
        print(remark, file=sys.stderr)
    before = source.stat().st_size
    ratio = f" ({before / size:.2f}x smaller)" if size and size < before else ""
    print(f"{target}: {_size(before)} -> {_size(size)}{ratio}", file=sys.stderr)
    if size > before and converter.reports and TEXT not in (source.suffix, target.suffix):
        print(f"larger by {size - before} bytes: scales and conversions take more than is saved", file=sys.stderr)
    if not arguments.verbose:
        return
    for report in converter.reports:
        print(f"  {report.name}: {_counts(report.counts) or 'nothing to do'}", file=sys.stderr)
        for why, times in report.declined.most_common():
            example = report.examples.get(why)
            print(f"    left alone {times}: {why}{f' (first: {example})' if example else ''}", file=sys.stderr)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{times} {what}" for what, times in counts.items())


def _size(nbytes: int) -> str:
    """A size as people read it: 1.2 MB."""
    value = float(nbytes)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.2f} GB"
