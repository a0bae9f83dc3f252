"""Measures how long ops take on this machine and writes it as a table for `tflir.ir.targets.latency`.

latency_table.py ir/targets/latency/measured/CPU.json [--only CONV_2D,ADD]

Ops are measured in models of several equal ones beside each other (`latency_models.py`, `latency_ops.py`), on one
thread, with the default delegate and without; the least of many runs counts. Each model has a process of its own, and a
whole table takes some minutes. What a run costs beside its ops is measured too (`fixed_costs`) and taken off.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from forked import forked
from latency_models import Make, invocations, loop_of, model_of
from latency_ops import cases
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import VerifyException

from tflir.backends.litert.compare import random_sample
from tflir.backends.litert.delegation import delegated_of
from tflir.backends.litert.run import Runner
from tflir.files import to_bytes
from tflir.ir.errors import Error
from tflir.ir.targets.latency.parts import parts_of
from tflir.ir.targets.latency.work import Work

SECONDS = 0.025
"""Of runs of one model, once with the delegate and once without."""
CHUNK = 2e-5
"""Seconds between two looks at the clock."""
WARM, SLOW = 20, 1e-3
"""Runs before it is looked at how long one takes, and seconds from which on one is enough."""
_MANY, _SOME = 512, 32768
"""Elements or products up to which 16, and 4, ops stand in a model."""
_DIGITS = 3


class Measured(NamedTuple):
    """One op's work, and its nanoseconds in the delegate and in its own kernel; None where it does not run there."""

    work: Work
    delegate: float | None
    own: float | None


def least_nanoseconds(run: Callable[[], None], seconds: float = SECONDS) -> float:
    """Of one call, the least among many short chunks of calls."""
    clock = time.perf_counter
    began = clock()
    run()
    if clock() - began < SLOW:
        for _ in range(WARM):
            run()
        began = clock()
        run()
    rounds = max(1, min(256, int(CHUNK / max(clock() - began, 1e-7))))
    least, end = float("inf"), clock() + seconds
    while True:
        began = clock()
        for _ in range(rounds):
            run()
        ended = clock()
        least = min(least, (ended - began) / rounds)
        if ended >= end:
            return 1e9 * least


def prepared(model: bytes, delegate: bool) -> tuple[Callable[[], None], bool]:
    """What runs a model, and whether the delegate takes all of its ops."""
    runner = Runner(model, delegate=delegate, num_threads=1)
    entry = runner.entries[0]
    sample = random_sample(entry.inputs, np.random.default_rng(0))
    run = runner.prepare(entry, sample)  # the delegate takes ops when tensors are allocated
    found = delegated_of(runner.operators())
    ops, taken = len(found.operators), len(found.taken)
    return run, ops == taken


def measure(make: Make, fixed: dict[str, float]) -> Measured | None:
    """One case; None where tflir or the runtime has no such op."""
    try:
        op = model_of(make, 1)[1]
        [(work, times)] = parts_of(op)
        copies = 16 if work.total <= _MANY else 4 if work.total <= _SOME else 1
        module = model_of(make, copies)[0]
        module.verify()
        model = to_bytes(module)
    except (Error, VerifyException, ValueError):
        return None
    found: dict[bool, float | None] = {True: None, False: None}
    for delegate in (True, False):
        try:
            run, all_taken = prepared(model, delegate)
            if delegate and not all_taken:
                continue
            taken_off = fixed["invoke"] + (fixed["partition"] if delegate else 0)
            found[delegate] = max((least_nanoseconds(run) - taken_off) / copies / times, 1.0)
        except Error:
            continue
    return Measured(work, found[True], found[False])


def fixed_costs() -> dict[str, float]:
    """Nanoseconds of what is no op, extrapolated from models of ever more ops.

    `invoke`: a call of the runtime; `partition`: a node of the delegate; `call`: of a function by control flow; `loop`:
    a loop beside its calls.
    """

    def least(module: ModuleOp, delegate: bool) -> float:
        return least_nanoseconds(prepared(to_bytes(module), delegate)[0], 0.3)

    own, shared, crossing = (
        {count: least(made(count), delegate) for count in (2, 16)} for made, delegate in invocations()
    )
    invoke = own[2] - 2 * (own[16] - own[2]) / 14
    inside = (shared[16] - shared[2]) / 14
    own_op = (own[16] - own[2]) / 14
    partition = (crossing[16] - crossing[2]) / 7 - inside - own_op
    loops = {turns: least(loop_of(turns), False) for turns in (2, 50)}
    turn = (loops[50] - loops[2]) / 48
    found = {
        "invoke": invoke,
        "partition": max(partition, 0.0),
        "call": max(turn / 2 - own_op, 0.0),
        "loop": max(loops[2] - invoke - 2 * turn, 0.0),
    }
    return {name: round(value, 1) for name, value in found.items()}


def table_of(measured: Iterable[Measured], fixed: dict[str, float]) -> dict[str, Any]:
    """The table as JSON: by kernel and kind the sizes that were measured along each axis, and a time for each point."""
    groups: dict[str, dict[tuple[int, ...], float]] = {}
    for work, inside, own in measured:
        for place, value in (("xnnpack", inside), ("litert", own)):
            if value is not None:
                groups.setdefault(f"{place} {work.kernel} {work.kind}", {})[work.sizes] = value
    return {"fixed": fixed, "kernels": {key: _grid(points) for key, points in sorted(groups.items())}}


def _grid(points: dict[tuple[int, ...], float]) -> dict[str, Any]:
    axes = [sorted({sizes[axis] for sizes in points}) for axis in range(len(next(iter(points))))]
    places: list[tuple[int, ...]] = [()]
    for axis in axes:
        places = [(*place, size) for place in places for size in axis]
    return {"axes": axes, "ns": [_rounded(_value(place, points)) for place in places]}


def _value(place: tuple[int, ...], points: dict[tuple[int, ...], float]) -> float:
    """The time at a point: where it was too large to be measured, or does not exist, as much as the nearest one takes,
    in proportion to the work."""
    if place in points:
        return points[place]

    def distance(other: tuple[int, ...]) -> float:
        return sum(abs(np.log(one / two)) for one, two in zip(place, other, strict=True))

    near = min(points, key=distance)
    ratio = np.prod(np.divide(place, near))
    return points[near] * (ratio if ratio > 1 else 1.0)


def _rounded(value: float) -> float:
    digits = float(f"{value:.{_DIGITS}g}")
    return int(digits) if digits >= 10 else digits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--only", default="", help="operators, the others as the table has them")
    arguments = parser.parse_args()
    began = time.monotonic()
    fixed = forked(fixed_costs)
    assert isinstance(fixed, dict), fixed
    print(fixed, flush=True)
    only: Sequence[str] = arguments.only.split(",") if arguments.only else ()
    found: list[Measured] = []
    for number, make in enumerate(cases()):
        if only and not _is_of(make, only):
            continue
        one = forked(lambda make=make: measure(make, fixed))
        if isinstance(one, Measured):
            found.append(one)
        if number % 250 == 0:
            print(f"{number} cases, {time.monotonic() - began:.0f} s", flush=True)
    table = table_of(found, fixed)
    if only and arguments.out.exists():
        kept = json.loads(arguments.out.read_text())
        table = {"fixed": kept["fixed"], "kernels": dict(sorted({**kept["kernels"], **table["kernels"]}.items()))}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text_of(table))
    print(f"{arguments.out}: {len(table['kernels'])} kernels, {os.path.getsize(arguments.out)} bytes")


def _is_of(make: Make, only: Sequence[str]) -> bool:
    try:
        return parts_of(model_of(make, 1)[1])[0][0].kernel.partition(".")[0] in only
    except (Error, VerifyException, ValueError):
        return False


def text_of(table: dict[str, Any]) -> str:
    """JSON with a kernel a line."""
    lines = (f"{json.dumps(key)}: {json.dumps(grid, separators=(',', ':'))}" for key, grid in table["kernels"].items())
    return f'{{"fixed": {json.dumps(table["fixed"])},\n"kernels": {{\n' + ",\n".join(lines) + "\n}}\n"


if __name__ == "__main__":
    main()
