"""`tflir calibrate`: representative data in, ranges of activations out."""

from __future__ import annotations

import argparse
import pathlib
import sys

from tflir.ir.errors import Error
from tflir.options import options_from

_USAGE = 2
_MODEL = ".tflite"
_FILE = ".json"


def run(arguments: argparse.Namespace) -> int:
    """Calibrates as the arguments say; returns the exit status."""
    options = options_from(vars(arguments))
    source, target = pathlib.Path(arguments.model), pathlib.Path(arguments.output)
    _check(source, target, force=arguments.force)
    from tflir.calibration import calibrate
    from tflir.files import load, save
    from tflir.terminal import progress

    module = load(source)
    try:
        with progress("calibrating", unit="samples") as note:
            recorded = calibrate(
                module,
                options.representative_dataset,
                samples=options.calibration_samples,
                shard=arguments.shard or (1, 1),
                tf_compat=options.tf_compat,
                progress=None if arguments.quiet else note,
            )
    except Error as error:
        error.file = error.file or str(source)
        raise
    if target.suffix == _MODEL:
        recorded.apply(module, tf_compat=options.tf_compat)
        save(module, target)
    else:
        recorded.write(target)
    if not arguments.quiet:
        print(f"{target}: {len(recorded.ranges)} ranges from {recorded.samples} samples", file=sys.stderr)
    return 0


def _check(source: pathlib.Path, target: pathlib.Path, *, force: bool) -> None:
    """Refuses a target that would harm a file or can't be meant (status 2)."""
    if target.suffix not in (_FILE, _MODEL):
        raise Error("is neither .json nor .tflite", file=str(target), hint="name the output so", status=_USAGE)
    if target.exists() and source.exists() and target.samefile(source):
        raise Error("is the input", file=str(target), hint="name another file with -o", status=_USAGE)
    if target.exists() and not force:
        raise Error("exists", file=str(target), hint="name another file with -o, or use --force", status=_USAGE)
    if not target.parent.is_dir():
        raise Error("its folder does not exist", file=str(target), hint="make the folder first", status=_USAGE)
