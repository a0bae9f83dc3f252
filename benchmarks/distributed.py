#!/usr/bin/env python3
"""Calibration by one process, by two, and by a Dask cluster of two workers: the same bytes, and samples a second.

benchmarks/distributed.py MODEL [--samples N] [--kills N] [--out FILE.json]

Then the same run on the cluster many times, with a worker killed at a random moment each time: the same bytes again.
Times are those of the calibration alone, without the start of processes, which is told apart.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import pathlib
import random
import signal
import sys
import tempfile
import threading
import time
from typing import Any

import numpy as np

from tflir.backends.litert.compare import random_sample
from tflir.backends.litert.run import Runner
from tflir.data.calibration import calibrate
from tflir.files import load
from tflir.jobs.ranges import Merging, Part
from tflir.jobs.team import Team
from tflir.options import Options


def main() -> None:
    here = str(pathlib.Path(__file__).resolve().parent)
    sys.path[:] = [path for path in sys.path if path != here]  # this file has the name of Dask's package
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--samples", type=int, default=512)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--killed-samples", type=int, help="of the runs with a killed worker (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = _measured(arguments, pathlib.Path(folder))
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(found, indent=1) + "\n")


def _measured(arguments: argparse.Namespace, folder: pathlib.Path) -> dict[str, Any]:
    data = _data(arguments.model, arguments.samples, folder)
    options = Options(representative_dataset=data)
    module = load(arguments.model)
    print(f"{arguments.samples} samples, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    began = time.perf_counter()
    expected = calibrate(module, data, num_threads=1).text()
    alone = time.perf_counter() - began
    found: dict[str, Any] = {"samples": arguments.samples, "one": {"seconds": alone}}
    print(f"{'one process':24} {arguments.samples / alone:8.1f} samples/s")
    for name, how in (("jobs", {"jobs": 2}), ("cluster", {"scheduler": "local:2"})):
        with Team(**how) as team:
            began = time.perf_counter()
            _ = team.calibrate(
                module, Options(representative_dataset=data, calibration_samples=1), path=arguments.model
            )
            start = time.perf_counter() - began
            began = time.perf_counter()
            same = team.calibrate(module, options, path=arguments.model).text() == expected
            spent = time.perf_counter() - began
            rate = arguments.samples / spent
            found[name] = {"seconds": spent, "start": start, "same": same, "ratio": alone / spent}
            if name == "jobs":
                found |= _costs(team, module, arguments.samples)
        word = "same bytes" if same else "OTHER BYTES"
        print(f"{name:24} {rate:8.1f} samples/s, {alone / spent:.2f} of one, start {start:.1f} s, {word}")
    print(f"merging: {1e3 * found['merge']:.2f} ms a shard, {found['bytes']} bytes a shard")
    if arguments.killed_samples:
        options = Options(representative_dataset=data, calibration_samples=arguments.killed_samples)
        expected = calibrate(module, data, samples=arguments.killed_samples).text()
    found["kills"] = _killed(arguments, options, module, expected)
    found["load"] = os.getloadavg()
    return found


def _costs(team: Team, module: Any, samples: int) -> dict[str, float]:
    """The cost of putting shards together: reading, checking and merging their results."""
    from tflir.data.recorded import fingerprint
    from tflir.jobs.plan import spans

    files = sorted(team.results.folder.glob("ranges-*"), key=lambda file: file.stat().st_mtime)[-len(spans(samples)) :]
    contents = [file.read_bytes().partition(b"\n")[2] for file in files]
    merging = Merging(fingerprint(module))
    began = time.perf_counter()
    for span, content in zip(spans(samples), contents, strict=True):
        merging.add(span, Part.decode(content, ""))
    spent = time.perf_counter() - began
    return {"merge": spent / len(files), "bytes": sum(map(len, contents)) // len(files), "shards": len(files)}


def _killed(arguments: argparse.Namespace, options: Options, module: Any, expected: bytes) -> int:
    """How often the bytes are the same with a worker killed at a random time."""
    import distributed

    rng = random.Random(arguments.seed)
    how: dict[str, Any] = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    same = 0
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **how) as cluster:
        usual = 0.0
        for turn in range(arguments.kills + 1):
            victim = rng.choice(_processes(cluster))
            timer = threading.Timer(rng.uniform(0, usual), os.kill, (victim, signal.SIGKILL))
            if turn:  # the first turn tells how long one takes
                timer.start()
            began = time.perf_counter()
            with Team(scheduler=cluster.scheduler_address) as team:
                good = team.calibrate(module, options, path=arguments.model).text() == expected
            if turn:
                timer.join()
                same += good
                print(
                    f"killed {victim} after {timer.interval:4.1f} s: {'same bytes' if good else 'OTHER BYTES'}",
                    flush=True,
                )
            else:
                usual = time.perf_counter() - began
    print(f"{same} of {arguments.kills} runs with a killed worker gave the same bytes")
    return same


def _processes(cluster: Any) -> list[int]:
    """The processes of the two workers; the one that was killed last may still be listed, and does not answer."""
    import distributed

    with distributed.Client(cluster, set_as_default=False) as client:
        while True:
            client.wait_for_workers(2, timeout=60)
            found = client.run(os.getpid, on_error="ignore")
            if len(found) == 2:
                return sorted(found.values())


def _data(model: str, count: int, folder: pathlib.Path) -> str:
    """Random samples, one file each, which any worker reads by number."""
    (entry,) = Runner(model).entries[:1]
    rng = np.random.default_rng(0)
    for number in range(count):
        np.savez(folder / f"{number:06}.npz", **random_sample(entry.inputs, rng))
    return str(folder)


if __name__ == "__main__":
    main()
