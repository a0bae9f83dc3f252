#!/usr/bin/env python3
"""Compares tflir with `cp` and litert-quantizer, and measures how it scales; see README.md.

benchmarks/run.py [--size MB] [--full] [--no-peer] [--runs N] [--only compile|bytes|ops]
"""

from __future__ import annotations

import argparse
import json
import pathlib
import platform
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from measure import Cost, measure_in_turn
from plot import line_chart

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / "results"
MODELS = HERE / ".models"
PEER = HERE / ".peer"
PEER_PACKAGE = "litert-quantizer==0.11.0"
TFLIR = [sys.executable, "-m", "tflir.cli", "compile", "--force", "--quiet"]
MODES = {"default": ["--optimize", "DEFAULT"], "float16": ["--optimize", "DEFAULT", "--supported-types", "float16"]}
OPERATORS = (1_000, 10_000, 100_000)
MEGABYTES = (1, 10, 100)
FULL_MEGABYTES = (386, 2400)
ALIKE = 0.05
"""The relative difference in size that outputs of the same work may have."""
_START, _COPY, _PEER, _OURS, _PLAIN = "start-up", "cp", "litert-quantizer", "tflir", "tflir, nothing to do"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100, help="megabytes of the model to compile (default: 100)")
    parser.add_argument("--full", action="store_true", help="386 MB and 2.4 GB as well: minutes, 10 GB of disk")
    parser.add_argument("--no-peer", action="store_true", help="leave litert-quantizer out")
    parser.add_argument("--runs", type=int, default=3, help="the median of so many is taken (default: 3)")
    parser.add_argument("--only", choices=["compile", "bytes", "ops"], help="one part only")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    MODELS.mkdir(exist_ok=True)
    parts = [given.only] if given.only else ["compile", "bytes", "ops"]
    sizes = [given.size, *(FULL_MEGABYTES if given.full else ())]
    peer = None if given.no_peer or "compile" not in parts else peer_python()
    if "compile" in parts:
        _save("compile.json", {f"{size} MB": compile_costs(size, given.runs, peer) for size in sizes})
    if "bytes" in parts:
        scale_bytes((*MEGABYTES, *(FULL_MEGABYTES if given.full else ())), given.runs)
    if "ops" in parts:
        scale_operators(given.runs)


def model_path(kind: str, size: int = 0) -> pathlib.Path:
    """The path of the model of this kind and size, which is generated if it does not exist.

    A child process generates it: processes inherit the peak memory of their parent, so this one must remain small.
    """
    command = [sys.executable, str(HERE / "models.py"), kind, str(size)]
    return pathlib.Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def peer_python() -> str:
    """The Python of litert-quantizer's environment, which is created if it does not exist."""
    python = PEER / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    ready = PEER / ".ready"
    if not ready.exists():
        print(f"installing {PEER_PACKAGE} in {PEER} …", flush=True)
        venv.create(PEER, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", PEER_PACKAGE], check=True)
        ready.touch()
    return str(python)


def compile_costs(megabytes: int, runs: int, peer: str | None) -> dict[str, Any]:
    """Costs of each mode on the transformer of this size, and for comparison of `cp`, start-up and litert-quantizer."""
    model = model_path("transformer", megabytes)
    results: dict[str, Any] = {}
    for mode, flags in MODES.items():
        with tempfile.TemporaryDirectory(dir=MODELS) as folder:
            out = pathlib.Path(folder) / "out.tflite"
            small = str(model_path("small"))
            commands = {
                _OURS: [*TFLIR, str(model), "-o", str(out), *flags],
                _START: [*TFLIR, small, "-o", str(out), *flags],
                _COPY: ["cp", str(model), str(out)],
            }
            if peer is not None:
                commands[_PEER] = [peer, str(HERE / "peer.py"), str(model), str(out), mode]
            costs = measure_in_turn(commands, runs, out)
        results[mode] = {name: asdict(cost) for name, cost in costs.items()}
        _print_costs(f"{megabytes} MB, {mode}, median of {runs}", costs)
    return results


def _print_costs(title: str, costs: Mapping[str, Cost]) -> None:
    print(f"\n{title}\n{'':22}{'cpu':>9}{'wall':>9}{'peak':>10}{'output':>12}")
    for name, cost in costs.items():
        times = f"{cost.cpu:7.2f} s{cost.wall:7.2f} s"
        print(f"  {name:20}{times}{cost.peak_mb:7.0f} MB{cost.output_mb:9.1f} MB")
    ours, start, copy = costs[_OURS], costs[_START], costs[_COPY]
    beyond = ours.wall - start.wall
    print(
        f"  beyond start-up: cpu {ours.cpu - start.cpu:.2f} s, wall {beyond:.2f} s, {beyond / copy.wall:.2f} times cp"
    )
    if _PEER in costs:
        peer = costs[_PEER]
        ratios = (ours.cpu / peer.cpu, ours.wall / peer.wall, ours.peak_mb / peer.peak_mb)
        print("  of litert-quantizer's: cpu {:.2f}, wall {:.2f}, peak {:.2f}".format(*ratios))
        if abs(ours.output_mb / peer.output_mb - 1) > ALIKE:
            print("  (not the same work: the outputs differ in size)")
    sys.stdout.flush()


def scale_bytes(sizes: tuple[int, ...], runs: int) -> None:
    """Seconds by megabytes, as a table and a chart."""
    lines: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(dir=MODELS) as folder:
        out = pathlib.Path(folder) / "out.tflite"
        for size in sizes:
            model = model_path("transformer", size)
            commands = {f"tflir, {mode}": [*TFLIR, str(model), "-o", str(out), *flags] for mode, flags in MODES.items()}
            commands[_PLAIN] = [*TFLIR, str(model), "-o", str(out)]
            commands[_COPY] = ["cp", str(model), str(out)]
            for name, cost in measure_in_turn(commands, runs, out).items():
                lines.setdefault(name, []).append((size, cost.wall))
    print("\nseconds (wall) over megabytes, start-up included")
    _print_lines(lines, "MB")
    _save("bytes.json", lines)
    (RESULTS / "bytes.svg").write_text(line_chart("Compiling a float32 transformer", "MB", "seconds", lines))


def scale_operators(runs: int) -> None:
    """Milliseconds per operator by number of operators, as a table and a chart; the minimum of the runs."""
    lines: dict[str, list[tuple[float, float]]] = {}
    small = model_path("chain", OPERATORS[0])
    for count in OPERATORS:
        command = [sys.executable, str(HERE / "stages.py"), str(model_path("chain", count)), str(small)]
        timings = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(runs)]
        best = min(timings, key=lambda stages: sum(stages.values()))
        for stage, seconds in {**best, "together": sum(best.values())}.items():
            lines.setdefault(stage, []).append((count, 1000 * seconds / count))
    print("\nmilliseconds an operator over operators")
    _print_lines(lines, "ops")
    _save("ops.json", lines)
    title = "A chain of small operators"
    (RESULTS / "ops.svg").write_text(line_chart(title, "operators", "milliseconds an operator", lines))


def _print_lines(lines: Mapping[str, list[tuple[float, float]]], unit: str) -> None:
    columns = [f"{x:,.0f} {unit}" for x, _ in next(iter(lines.values()))]
    print(f"{'':24}" + "".join(f"{column:>14}" for column in columns))
    for name, points in lines.items():
        print(f"  {name:22}" + "".join(f"{y:14.3f}" for _, y in points))
    sys.stdout.flush()


def _save(name: str, facts: Mapping[str, Any]) -> None:
    machine = {"python": platform.python_version(), "system": platform.platform(), "processor": platform.machine()}
    (RESULTS / name).write_text(json.dumps({"machine": machine, **facts}, indent=1) + "\n")


if __name__ == "__main__":
    main()
