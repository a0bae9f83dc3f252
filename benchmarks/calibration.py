#!/usr/bin/env python3
"""Compares the samples per second of calibration and of plain inference, in one process; see README.md.

benchmarks/calibration.py MODEL [--samples N] [--rounds N]

Both run in LiteRT with its default delegate and one thread on the same random samples. The peak memory is that of the
whole process after these samples; it does not grow with their number.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tflir.backends.litert.compare import random_sample
from tflir.backends.litert.run import Runner
from tflir.data.calibration import calibrate
from tflir.files import load

_KEPT = 4
"""The number of different samples, which are run repeatedly."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    runner = Runner(arguments.model, num_threads=1)
    entry = runner.entries[0]
    rng = np.random.default_rng(0)
    samples = [random_sample(entry.inputs, rng) for _ in range(_KEPT)]
    runner.run(entry, samples[0])
    module = load(arguments.model)
    print(f"{'plain':>12} {'calibrating':>12} {'ratio':>6} {'peak':>9}   samples a second")
    for _ in range(arguments.rounds):
        began = time.perf_counter()
        for number in range(arguments.samples):
            runner.run(entry, samples[number % _KEPT])
        plain = arguments.samples / (time.perf_counter() - began)
        ours = _calibrating(module, samples, arguments.samples)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{plain:12.1f} {ours:12.1f} {ours / plain:6.2f} {peak:6.0f} MB")


def _calibrating(module: Any, samples: list[Mapping[str, Any]], count: int) -> float:
    """Samples per second after the first one, without the preparation, which does not depend on the number of
    samples.
    """
    marks: list[float] = []

    def data() -> Iterator[Mapping[str, Any]]:
        for number in range(count + 1):
            if number == 1:
                marks.append(time.perf_counter())
            yield samples[number % _KEPT]

    calibrate(module, data, num_threads=1)
    return count / (time.perf_counter() - marks[0])


if __name__ == "__main__":
    main()
