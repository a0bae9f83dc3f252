"""The passes that `tflir-opt` runs: those of its pipeline, PDL patterns, and the one of `--explain`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tflir.ir.errors import Error
from tflir.ir.near import near
from tflir.pass_manager import find_pass, parse_pipeline
from tflir.pipeline_text import USAGE

if TYPE_CHECKING:
    from xdsl.passes import ModulePass


def passes_of(pipeline: str, arguments: argparse.Namespace) -> list[ModulePass]:
    """The passes of the pipeline, then those that options add. Raises `Error` (status 2) if one is not valid."""
    passes = parse_pipeline(pipeline) if pipeline.strip() else []
    for path in arguments.pdl or ():
        from tflir.passes.rewriting.pdl import ApplyPdlPass

        passes.append(ApplyPdlPass(path))
    if arguments.explain:
        name = arguments.explain.partition("=")[0]
        if not passes:
            passes = parse_pipeline(find_pass(name).name)
        names = [each.name for each in passes]
        if name not in names:
            what = f"the pipeline has no pass '{name}' to be explained{near(name, names)}"
            raise Error(what, hint="leave out -p to run it alone", status=USAGE)
    return passes
