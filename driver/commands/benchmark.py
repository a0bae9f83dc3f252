"""`tflir benchmark`: the latency of models side by side, for a person or (`--json`) for machines."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tflir.benchmarking import SECONDS, benchmark, milliseconds
from tflir.commands.inputs import Input, check_there, given
from tflir.commands.terminal import Row, human_size, output_console, percent, plain_table, progress, say
from tflir.content import STDIN
from tflir.files import from_here
from tflir.ir.errors import USAGE, Error

if TYPE_CHECKING:
    from rich.console import Console

    from tflir.backends.litert.profiler import OpTime
    from tflir.backends.litert.timing import Timing

JSON_VERSION = 1
"""Raised when a key of the JSON document changes its meaning or goes."""
_MOST_OPS = 30


def run(arguments: argparse.Namespace) -> int:
    """Measures as the arguments say; returns the exit status, 1 where a model can't be run."""
    paths = [arguments.model, *arguments.others]
    if paths.count(STDIN) > 1:
        raise Error("standard input is named for two models", hint="name a file for one", status=USAGE)
    for path in paths:
        check_there(path)
    sources = [given(path) for path in paths]
    with progress("running models") as note:
        found = benchmark(
            [_model(source) for source in sources],
            seconds=arguments.seconds or SECONDS,
            threads=arguments.threads or 1,
            no_delegate=arguments.no_delegate,
            profile=arguments.profile,
            signature=arguments.signature or "",
            progress=note,
        )
    each = len(found) // len(sources)
    names = [source.name for source in sources for _ in range(each)]
    if arguments.json:
        models = [_facts(name, timing) for name, timing in zip(names, found, strict=True)]
        print(json.dumps({"version": JSON_VERSION, "models": models}, indent=1))
    else:
        _print(names, found, output_console())
    for name, timing in zip(names, found, strict=True):
        if timing.error:
            say(f"error: {name}{f', {_kernels(timing)}' if arguments.no_delegate else ''}: {timing.error}")
    return int(any(timing.error for timing in found))


def _model(source: Input) -> Any:
    return source.load() if source.is_text else source.model


def _facts(name: str, timing: Timing) -> dict[str, Any]:
    job = timing.job
    how = {"model": name, "delegate": job.delegate, "threads": job.threads, "signature": job.signature}
    return how | {key: value for key, value in asdict(timing).items() if key != "job"}


def _print(names: Sequence[str], found: Sequence[Timing], console: Console) -> None:
    shown = [(from_here(name), timing) for name, timing in zip(names, found, strict=True) if not timing.error]
    if not shown:
        return
    first = shown[0][1]
    both = len({timing.job.delegate for timing in found}) > 1
    rows: list[Row] = [
        [
            name,
            *([_kernels(timing)] if both else []),
            milliseconds(timing.least),
            milliseconds(timing.median),
            f"{timing.least / first.least:.2f}",
            str(timing.runs),
            milliseconds(timing.load),
            human_size(timing.memory),
            _delegated(timing),
        ]
        for name, timing in shown
    ]
    threads = first.job.threads
    title = f"Latency in LiteRT, {threads} thread{'s' * (threads > 1)}"
    figures = ["least", "median", "ratio", "runs", "load", "memory"]
    headers = ["model", *(["kernels"] if both else []), *figures, "delegated"]
    numbers = range(1 + both, 1 + both + len(figures))
    console.print(plain_table(console, title, headers, rows, numbers=numbers), crop=False)
    for name, timing in shown:
        if timing.job.profile:
            _print_profile(name, timing, console)


def _kernels(timing: Timing) -> str:
    return "default delegate" if timing.job.delegate else "own kernels"


def _delegated(timing: Timing) -> str:
    if timing.subgraph:
        return "not known"
    if not timing.partitions:
        return f"none of {timing.ops}"
    return f"{timing.delegated} of {timing.ops}, {timing.partitions} part{'s' * (timing.partitions > 1)}"


def _print_profile(name: str, timing: Timing, console: Console) -> None:
    console.print()
    title = f"Ops of {name}, {_kernels(timing)}"
    if timing.profile_error:
        console.print(f"{title}: {timing.profile_error}")
        return
    whole = sum(op.seconds for op in timing.profile if op.subgraph == timing.subgraph)
    ops = sorted(timing.profile, key=lambda op: -op.seconds)
    rows = [
        [op.name, op.op, _where(op, timing), f"{op.calls:.4g}", milliseconds(op.seconds), percent(op.seconds, whole)]
        for op in ops[:_MOST_OPS]
    ]
    if len(ops) > _MOST_OPS:
        title += f", the slowest {_MOST_OPS} of {len(ops)}"
    headers = ["tensor", "op", "runs in", "calls", "time", "share"]
    console.print(plain_table(console, title, headers, rows, numbers=(3, 4, 5)), crop=False)
    console.print()
    sums = _by_kind(timing.profile)
    kinds: list[Row] = [[op, str(count), milliseconds(sum_), percent(sum_, whole)] for op, count, sum_ in sums]
    console.print(
        plain_table(console, "By kind", ["op", "count", "time", "share"], kinds, numbers=(1, 2, 3)), crop=False
    )


def _where(op: OpTime, timing: Timing) -> str:
    called = f", subgraph {op.subgraph}" if op.subgraph != timing.subgraph else ""
    return ("delegate" if op.delegated else "own kernel") + called


def _by_kind(profile: Sequence[OpTime]) -> Iterator[tuple[str, int, float]]:
    """Kinds of ops, how many there are of each, and their time; the slowest kind first."""
    sums: dict[str, tuple[int, float]] = {}
    for op in profile:
        count, seconds = sums.get(op.op, (0, 0.0))
        sums[op.op] = count + 1, seconds + op.seconds
    for kind, (count, seconds) in sorted(sums.items(), key=lambda one: -one[1][1]):
        yield kind, count, seconds
