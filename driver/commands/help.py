"""`tflir help`: the help of a command, or the page for man(1)."""

from __future__ import annotations

import argparse


def run(arguments: argparse.Namespace) -> int:
    """Runs the command; returns the exit status."""
    if arguments.man:
        from tflir.reference.man import page

        print(page(arguments.topic), end="")
        return 0
    from tflir.cli import build_parser

    build_parser().parse_args([*([arguments.topic] if arguments.topic else []), "--help"])
    return 0
