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
from tflir.options import DEPRECATED, OpsSet, Optimize, Options, TargetSpec

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
    options = _options(arguments)
    source = pathlib.Path(arguments.model)
    if arguments.print_pipeline:
        print(_converter(source, options).pipeline())
        return 0
    target = _target(arguments, source)
    if arguments.report:
        from tflir.report import check_path

        check_path(arguments.report)
    for item in (flag for flag in options.optimizations if flag in DEPRECATED):
        print(f"warning: {item.name} is deprecated: use DEFAULT, which does the same", file=sys.stderr)
    converter = _converter(source, options)
    pipeline = converter.pipeline()
    size = _convert(converter, target, arguments)
    _say(converter, source, target, size, arguments)
    verification = _verified(source, target, arguments)
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


def _verified(source: pathlib.Path, target: pathlib.Path, arguments: argparse.Namespace) -> Verification | None:
    """What running both models shows: printed with --verify, and for a report where there is data to run."""
    for_report = arguments.report and arguments.representative_dataset is not None
    if TEXT in (source.suffix, target.suffix) or not (arguments.verify or for_report):
        return None
    from tflir.verify import compare, verify

    samples = _samples(source, arguments)
    return verify(source, target, samples=samples) if arguments.verify else compare(source, target, samples)


def _samples(source: pathlib.Path, arguments: argparse.Namespace) -> Sequence[Sample] | int:
    """Some of the representative data, else how many random samples to make."""
    if arguments.representative_dataset is None:
        return _RANDOM_SAMPLES
    from tflir.calibration import samples_of

    return samples_of(source, arguments.representative_dataset, arguments.calibration_samples, most=_MOST_SAMPLES)


def _converter(source: pathlib.Path, options: Options) -> Converter:
    from tflir.converter import Converter

    converter = Converter.from_file(source)
    converter.use(options)
    return converter


def _options(arguments: argparse.Namespace) -> Options:
    """The conversion's options; refuses those that say nothing together (status 2)."""
    optimizations = tuple(dict.fromkeys(Optimize[word] for words in arguments.optimize for word in words))
    ops = tuple(OpsSet[word] for words in arguments.supported_ops for word in words)
    types = tuple(dict.fromkeys(word for words in arguments.supported_types for word in words))
    if arguments.passes is not None and (optimizations or types or arguments.disable_per_channel):
        raise Error(
            "--passes stands instead of the flags that choose passes", hint="give one or the other", status=_USAGE
        )
    return Options(
        optimizations,
        TargetSpec(ops or (OpsSet.TFLITE_BUILTINS,), types),
        arguments.disable_per_channel,
        arguments.tf_compat,
        arguments.passes,
        representative_dataset=arguments.representative_dataset,
        calibration_samples=arguments.calibration_samples,
        stats=_patterns(arguments.stats),
        inference_input_type=arguments.inference_input_type,
        inference_output_type=arguments.inference_output_type,
        quantize_only=_patterns(arguments.quantize_only),
        skip=_patterns(arguments.skip),
        sparsity_target=arguments.sparsity_target,
    )


def _patterns(given: list[str]) -> tuple[str, ...]:
    return tuple(word.strip() for words in given for word in words.split(",") if word.strip())


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
        warnings.simplefilter("ignore", DeprecationWarning)  # said already, in one line
        if arguments.quiet or not sys.stderr.isatty():
            return converter.convert_to(target, elide_constants=arguments.elide_constants)
        from tflir.files import save
        from tflir.terminal import progress

        with progress("calibrating", unit="samples") as note:
            converter.on_calibration(note)
            converter.prepare()
        with progress("rewriting") as note:
            converter.on_passes(note)
            module = converter.module()
        with progress(f"writing {target.name}") as note:
            how = {"tf_compat": converter.tf_compat, "elide_constants": arguments.elide_constants}
            return save(module, target, progress=note, **how)


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
