#!/usr/bin/env python3
"""Prints how long GPTQ takes on a model and its data, and how much memory its processes need together; see README.md.

benchmarks/rounding.py MODEL [DATA.npz] [--samples N] [--recipe NAME]

Without DATA, inputs are random. Each line is a whole `tflir compile`, its child process included: to nearest, GPTQ
layer by layer, and GPTQ with layers that make up for those before them. Memory is the proportional set size (Linux
alone): pages of the mapped model count once.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence

import numpy as np

from tflir.backends.litert.compare import random_sample
from tflir.backends.litert.run import Runner

_WAYS = {
    "to nearest": [],
    "gptq, each layer alone": ["--weight-algorithm", "gptq", "--sequential-rounding", "off"],
    "gptq": ["--weight-algorithm", "gptq", "--bias-correction", "auto"],
}
_EVERY = 0.2
"""Seconds between two looks at the memory."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("data", nargs="?")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--recipe", default="dynamic_wi8_afp32")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.data or _random(arguments.model, arguments.samples, pathlib.Path(folder, "data.npz"))
        print(f"{'':24} {'seconds':>8} {'peak':>9}")
        for name, flags in _WAYS.items():
            given = ["--representative-dataset", data] if flags else []
            words = [arguments.model, "-o", str(pathlib.Path(folder, "o.tflite")), "--force", "-q"]
            seconds, peak = _measured(["compile", *words, "--recipe", arguments.recipe, *flags, *given])
            print(f"{name:24} {seconds:8.1f} {peak / 1e6:6.0f} MB")


def _random(model: str, count: int, path: pathlib.Path) -> str:
    """Writes random inputs of the model's only signature."""
    (entry,) = Runner(model).entries
    rng = np.random.default_rng(0)
    samples = [random_sample(entry.inputs, rng) for _ in range(count)]
    np.savez(path, **{port.name: np.stack([sample[port.name] for sample in samples]) for port in entry.inputs})
    return str(path)


def _measured(words: Sequence[str]) -> tuple[float, int]:
    """The seconds that the command takes, and the largest memory of it and its children in bytes."""
    began, peak = time.perf_counter(), 0
    process = subprocess.Popen([sys.executable, "-m", "tflir", *words])
    while process.poll() is None:
        peak = max(peak, sum(map(_memory, _family(process.pid))))
        time.sleep(_EVERY)
    if process.returncode:
        raise SystemExit(process.returncode)
    return time.perf_counter() - began, peak


def _family(pid: int) -> Iterator[int]:
    """A process and those that it started."""
    yield pid
    for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:  # the thread has ended
            continue
        for child in children:
            yield from _family(int(child))


def _memory(pid: int) -> int:
    try:
        found = re.search(r"^Pss:\s+(\d+)", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:  # it has ended
        return 0
    return 1024 * int(found[1]) if found else 0


if __name__ == "__main__":
    main()
