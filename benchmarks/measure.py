"""Time and memory of whole processes, imports included."""

from __future__ import annotations

import os
import pathlib
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_TO_MEGABYTES = 1e6 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes there and kilobytes elsewhere


@dataclass(frozen=True)
class Cost:
    """Time and memory of one process, or the median of several."""

    cpu: float
    """Seconds of user and system time."""
    wall: float
    peak_mb: float
    output_mb: float = 0.0
    """Size of its output file in MB."""


def measure(command: Sequence[str]) -> Cost:
    """Runs a command to its end; ends the benchmark if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if status:
        sys.exit(f"failed: {shlex.join(command)}\n{message.decode(errors='replace')[-2000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / _TO_MEGABYTES)


def measure_in_turn(commands: Mapping[str, Sequence[str]], runs: int, output: pathlib.Path) -> dict[str, Cost]:
    """The median cost of each command; they take turns, after a warm-up round, so that a busy phase affects
    all of them.

    All write `output`, which is removed before each run and must exist after it.
    """
    costs_by_name: dict[str, list[Cost]] = {name: [] for name in commands}
    sizes: dict[str, float] = {}
    for turn in range(runs + 1):
        for name, command in commands.items():
            output.unlink(missing_ok=True)
            cost = measure(command)
            sizes[name] = output.stat().st_size / 1e6
            if turn:
                costs_by_name[name].append(cost)
    return {name: _median(costs, sizes[name]) for name, costs in costs_by_name.items()}


def _median(costs: Sequence[Cost], output_mb: float) -> Cost:
    columns = ([cost.cpu for cost in costs], [cost.wall for cost in costs], [cost.peak_mb for cost in costs])
    return Cost(*map(statistics.median, columns), output_mb)
