"""`tflir-opt`: reads a model or its text, runs passes on it and prints it, as `mlir-opt` does.

Parsing the arguments needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

REPRODUCER = "tflir-reproducer.mlir"
_EPILOG = """
constants of more than 32 elements are left out of the text (dense_resource<__elided__>) unless
--print-resources is given; locations, which hold the names of tensors, are left out unless
--print-debuginfo is. Text with both reads back to the same model.

exit status: 0 done; 1 the program or a pass failed; 2 wrong usage; 3 a demanded type or op set can't be met
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    from tflir import __version__
    from tflir.cli import Parser

    parser = Parser(
        prog="tflir-opt",
        description="Runs passes on a .tflite model or on MLIR text of the tfl dialect.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input",
        nargs="?",
        default="-",
        metavar="INPUT",
        type=_not_empty,
        help=".tflite, .mlir, or - for stdin (default)",
    )
    parser.add_argument(
        "-p", "--pass-pipeline", "--passes", metavar="PIPELINE", default="", help="passes: 'a,b{x=1 y=2}'"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", type=_not_empty, default="-", help="where the result goes (default: stdout)"
    )
    parser.add_argument(
        "--emit", choices=("mlir", "tflite"), help="what to write (default: by OUT's ending, else mlir)"
    )
    parser.add_argument("--print-resources", action="store_true", help="print the bytes of large constants")
    parser.add_argument("--print-debuginfo", action="store_true", help="print locations: the names of tensors")
    parser.add_argument("--print-generic", action="store_true", help="print every op in MLIR's generic form")
    parser.add_argument(
        "--verify-each", action=argparse.BooleanOptionalAction, default=True, help="verify after each pass"
    )
    parser.add_argument("--split-input-file", action="store_true", help="the parts between lines '// -----' apart")
    parser.add_argument(
        "--verify-diagnostics", action="store_true", help="check errors against expected-error comments"
    )
    _add_watching(parser)
    _add_questions(parser)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.add_argument("--version", action="version", version=f"tflir-opt {__version__}")
    return parser


def _add_watching(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("watching passes (on stderr)")
    for when in ("before", "after"):
        group.add_argument(
            f"--print-ir-{when}", metavar="PASS", action="append", default=[], help=f"print the program {when} PASS"
        )
        group.add_argument(f"--print-ir-{when}-all", action="store_true", help=f"print the program {when} each pass")
    group.add_argument("--print-ir-after-change", action="store_true", help="print it after a pass that changed it")
    group.add_argument("--print-ir-after-failure", action="store_true", help="print it after a pass that failed")
    group.add_argument("--timing", action="store_true", help="print the time that each pass took")
    group.add_argument("--pass-statistics", action="store_true", help="print what each pass did, and declined and why")
    group.add_argument("--reproducer", metavar="FILE", type=_not_empty, default=REPRODUCER,
                       help="where the program before a failed pass is left (default: %(default)s)")  # fmt: skip


def _add_questions(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("questions").add_mutually_exclusive_group()
    group.add_argument("--list-passes", action="store_true", help="list the passes with their options")
    group.add_argument("--show-dialects", action="store_true", help="list the dialects that are known")
    group.add_argument("--explain", metavar="PASS", type=_not_empty, help="what a pass does, in full")


def _not_empty(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError("is empty")
    return value


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status."""
    from tflir.cli import guarded

    given = sys.argv[1:] if argv is None else list(argv)
    arguments = build_parser().parse_args(given)
    return guarded(lambda: _run(arguments, given), debug=arguments.debug)


def _run(arguments: argparse.Namespace, given: list[str]) -> int:
    if arguments.list_passes or arguments.show_dialects or arguments.explain:
        from tflir.opt import questions as opt_questions

        return opt_questions.answer(arguments)
    from tflir.opt.run import run

    return run(arguments, given)
