"""`tflir check`: which ops a target takes, for a person or (`--json`) for machines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tflir.checking import CheckedOp, TargetCheck, check_target, facts, grouped
from tflir.commands.inputs import given
from tflir.commands.terminal import Row, output_console, percent, plain_table, progress
from tflir.ir.errors import printable
from tflir.ir.targets import TARGETS

if TYPE_CHECKING:
    from rich.console import Console

JSON_VERSION = 1
"""Raised when a key of the JSON document changes its meaning or goes."""
DEFAULT = ("xnnpack",)
_MOST_SIZES = 12


def run(arguments: argparse.Namespace) -> int:
    """Checks as the arguments say; returns the exit status, 1 with `--strict` where an op is not taken."""
    targets = [TARGETS.get(name) for name in arguments.targets or DEFAULT]
    source = given(arguments.model)
    with progress("checking"):
        module = source.load()
        found = [check_target(module, target) for target in targets]
    if arguments.json:
        said = {"version": JSON_VERSION, "model": printable(source.name), "targets": [facts(one) for one in found]}
        print(json.dumps(said, indent=1))
    else:
        console = output_console()
        for number, one in enumerate(found):
            if number:
                console.print()
            _print(one, console)
    return int(arguments.strict and any(one.refused for one in found))


def _print(found: TargetCheck, console: Console) -> None:
    """Counts, partitions, and a row for each kind of op that is not taken."""
    target = found.target
    parts = f", {_partitions(found)}" if target.runs_in else ""
    console.print(f"{target.name}: {found.taken} of {len(found.ops)} operators taken{parts}")
    if found.refused:
        _table(console, f"Not taken by {target.name} ({target.about})", found.refused)
    if found.unsound:
        _table(console, f"Of these, what {target.runs_in} does not run rightly", _then(found.unsound))


def _then(ops: Sequence[CheckedOp]) -> list[CheckedOp]:
    """The ops with what the target that runs them says, in place of what the first says."""
    return [
        CheckedOp(op.subgraph, op.index, op.operator, op.tensor, op.kinds, op.fallback, None, op.share)
        for op in ops
        if op.fallback is not None
    ]


def _partitions(found: TargetCheck) -> str:
    """`3 partitions of 20, 4 and 1 operators`"""
    sizes = [str(len(one.operators)) for one in found.partitions]
    if not sizes:
        return "no partition"
    if len(sizes) == 1:
        return f"1 partition of {sizes[0]} operator{'' if sizes[0] == '1' else 's'}"
    shown = sizes[:_MOST_SIZES]
    rest = f", … ({len(sizes) - len(shown)} more)" if len(sizes) > len(shown) else ""
    return f"{len(sizes)} partitions of {', '.join(shown)}{rest} operators"


def _table(console: Console, title: str, ops: Sequence[CheckedOp]) -> None:
    rows: list[Row] = []
    timed = any(op.share is not None for op in ops)
    for (operator, kinds, status, reason, mend), alike in grouped(ops).items():
        time = [percent(sum(op.share or 0.0 for op in alike), 1.0)] if timed else []
        rows.append([str(len(alike)), operator, kinds, *time, status, reason, mend, alike[0].tensor])
    time = ["time"] if timed else []
    headers = ["count", "operator", "elements", *time, "verdict", "why", "fixed by", "first"]
    console.print()
    console.print(plain_table(console, title, headers, rows, flexible=len(headers) - 1, numbers=(0,)), crop=False)
