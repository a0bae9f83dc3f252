"""Compares estimated latency with measured latency over the models of folders.

latency_model.py FOLDER… [--cpu avx512] [--seconds 0.15] [--measured FILE.json]

Every `.tflite` below the folders whose inputs have fixed shapes runs in LiteRT with the default delegate on one thread,
in a process of its own; the least of many runs counts. `--measured` keeps these times, so that another estimate need
not measure anew. Prints the rank correlation (Spearman), the median of the relative errors, and the worst.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from forked import forked
from latency_table import least_nanoseconds

import tflir
from tflir.backends.litert.compare import random_sample
from tflir.backends.litert.run import Runner
from tflir.ir.functions import functions
from tflir.ir.targets.latency import estimate
from tflir.ir.types import shape_of

_WORST = 20


class Compared(NamedTuple):
    """One model: seconds as measured and as estimated, and how long the estimate took."""

    name: str
    measured: float
    estimated: float
    took: float

    @property
    def error(self) -> float:
        """Relative: 0.5 where the estimate is half as large again, or half of what was measured."""
        return abs(self.estimated / self.measured - 1)


def measure(path: pathlib.Path, seconds: float) -> float:
    """Seconds of a run of the first signature."""
    runner = Runner(path, num_threads=1)
    entry = runner.entries[0]
    run = runner.prepare(entry, random_sample(entry.inputs, np.random.default_rng(0)))
    return least_nanoseconds(run, seconds) * 1e-9


def is_static(module: Any) -> bool:
    """Whether all inputs have fixed shapes."""
    first = next(iter(functions(module)), None)
    return first is not None and all(-1 not in (shape_of(kind) or ()) for kind in first.function_type.inputs)


def compare(paths: Sequence[pathlib.Path], cpu: str, seconds: float, known: dict[str, Any]) -> list[Compared]:
    """All models that run; what is measured is added to `known`."""
    found: list[Compared] = []
    for path in paths:
        try:
            module = tflir.load(path)
        except tflir.Error:
            continue
        if not is_static(module):
            continue
        name = str(path)
        if name not in known:
            known[name] = forked(lambda path=path: measure(path, seconds))
        if isinstance(known[name], float):
            began = time.perf_counter()
            estimated = estimate(module, cpu=cpu).seconds
            found.append(Compared(name, known[name], estimated, time.perf_counter() - began))
    return found


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's: the correlation of ranks, of which equal values share the mean."""
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Sequence[float]) -> Any:
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def report(found: Sequence[Compared]) -> None:
    """Prints the figures."""
    slow = [one for one in found if one.measured >= 5e-6]
    for title, part in (("all", found), ("of 5 us and more", slow)):
        if len(part) > 1:
            errors = [one.error for one in part]
            correlation = rank_correlation([one.measured for one in part], [one.estimated for one in part])
            print(f"{title}: {len(part)} models, rank correlation {correlation:.3f}, median error {_percent(errors)}")
    print(f"slowest estimate: {max(one.took for one in found):.3f} s")
    for one in sorted(found, key=lambda one: abs(np.log(one.estimated / one.measured)), reverse=True)[:_WORST]:
        times = f"{1e6 * one.measured:10.1f} us measured {1e6 * one.estimated:10.1f} us estimated"
        print(f"  {one.estimated / one.measured:6.2f} {times}  {one.name}")


def _percent(errors: Sequence[float]) -> str:
    return f"{100 * statistics.median(errors):.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--cpu", default="zen4")
    parser.add_argument("--seconds", type=float, default=0.15)
    parser.add_argument("--measured", type=pathlib.Path)
    arguments = parser.parse_args()
    paths = sorted(path for folder in arguments.folders for path in folder.rglob("*.tflite"))
    kept = arguments.measured
    known = json.loads(kept.read_text()) if kept is not None and kept.exists() else {}
    found = compare(paths, arguments.cpu, arguments.seconds, known)
    if kept is not None:
        kept.write_text(json.dumps(known, indent=0))
    if not found:
        sys.exit("no model that runs")
    report(found)


if __name__ == "__main__":
    main()
