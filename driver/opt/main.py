"""`tflir-opt`: reads a model or its text, runs passes on it and prints it, as `mlir-opt` does.

Parsing the arguments needs only the standard library.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    from tflir.cli import guarded, open_closed_streams
    from tflir.opt.arguments import parse

    open_closed_streams()
    given = sys.argv[1:] if argv is None else list(argv)
    return guarded(lambda: _run(parse(given), given), debug="--debug" in given)


def _run(arguments: argparse.Namespace, given: list[str]) -> int:
    about_pass = arguments.explain and arguments.input == "-" and "-" not in given
    if arguments.list_passes or arguments.show_dialects or arguments.list_plugins or about_pass:
        from tflir.opt import questions as opt_questions

        return opt_questions.answer(arguments)
    from tflir.opt.run import run

    return run(arguments, given)
