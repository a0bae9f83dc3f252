"""What `--target` does: the passes that fit a model to a target's kernels, and what is said of the result."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tflir.options import Options

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

_NAMED = 3
"""Kinds of ops that are named where a target refuses some."""


def fitted(options: Options, *, integer_only: bool = False) -> list[str]:
    """The passes that fit a model to the target of the options, in the `-p` syntax; none without a target.

    First ops get weights in the form that the target reads best, then those that it still refuses are rewritten, and
    last comes what keeps it from loading the model, or from computing it rightly.
    """
    if options.target is None:
        return []
    from tflir.ir.targets import TARGETS

    target = TARGETS.get(options.target)
    return [
        *([] if integer_only else [f"tfl-choose-kinds{{{_words(options)}}}"]),
        *(_mending(name, integer_only) for name in target.mended_by),
        *([] if integer_only else [f"tfl-float-islands{{target={options.target}}}"]),
        f"tfl-legalize{{target={options.target}}}",
    ]


def _words(options: Options) -> str:
    goal = "" if options.optimize_for is None else f" optimize-for={options.optimize_for}"
    return f"target={options.target}{goal}"


def _mending(name: str, integer_only: bool) -> str:
    return f"{name}{{allow-float=false}}" if integer_only else name


def target_remark(module: ModuleOp, name: str) -> str:
    """How many ops a target runs, and what it refuses most: `xnnpack runs 7 of 9 ops; it leaves 2 GATHER`."""
    from tflir.checking import check_target
    from tflir.ir.targets import TARGETS

    check = check_target(module, TARGETS.get(name), timed=False)
    every, parts = len(check.ops), len(check.partitions)
    refused = Counter(f"{op.operator} ({op.verdict.reason})" for op in check.refused)
    if not refused:
        return f"{name} runs all {every} ops" + (f", in {parts} partitions" if parts > 1 else "")
    most = "; ".join(f"{count} {what}" for what, count in refused.most_common(_NAMED))
    more = "; …" if len(refused) > _NAMED else ""
    where = f"in {parts} partition{'s' * (parts != 1)}"
    return f"{name} runs {check.taken} of {every} ops, {where}; it leaves {most}{more}: see tflir check"
