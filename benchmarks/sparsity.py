#!/usr/bin/env python3
"""Size and speed of layers with zeros: dense, by tflir and by TensorFlow; speed of the encoder; see README.md.

benchmarks/sparsity.py [--peer PYTHON] [--sizes N …] [--target balanced|size|latency] [--among MB]
                       [--only models|encoder] [--table]

PYTHON is the path of a Python with TensorFlow: python3 -m venv /tmp/tf && /tmp/tf/bin/pip install tensorflow==2.21.*
"""

from __future__ import annotations

import argparse
import itertools
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import sparsity_encoder
import sparsity_print
import sparsity_table
from interpreters import Checked, check, distance, microseconds
from sparsity_models import MODES, PATTERNS, Layer, chosen, converter_of

from tflir.flags import Optimize

HERE = pathlib.Path(__file__).resolve().parent
SIZES = (256, 512, 1024, 2048)
ZEROS = (0.5, 0.7, 0.8, 0.9)
FAR_OFF = {"float32": 1e-4, "dynamic range": 0.03, "int8": 0.03}
"""An output with a larger distance is wrong; it is large for hybrid layers, whose kernels quantize inputs
differently."""
_DENSE, _OURS, _PEER = "dense", "tflir", "TensorFlow"
_SLOWER = 1.05


class Peer:
    """TensorFlow in a child process, which is started again if it dies."""

    def __init__(self, python: str) -> None:
        self._command = [python, str(HERE / "sparsity_peer.py")]
        self._start()

    def _start(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(self._command, text=True, **pipes)
        self.version = self._answer() or sys.exit(f"TensorFlow does not start: {' '.join(self._command)}")

    def _answer(self) -> str:
        """The next line of its output; '' if it ended."""
        lines = (line.removeprefix("peer: ").strip() for line in self._process.stdout if line.startswith("peer: "))
        return next(lines, "")

    def convert(self, layer: pathlib.Path, mode: str, out: pathlib.Path) -> str:
        """Lets it convert a layer to a model; returns what went wrong, or ''."""
        self._process.stdin.write(f"{layer}\t{mode}\t{out}\n")
        self._process.stdin.flush()
        line = self._answer()
        if not line:
            self._start()
        return "" if line == "ok" else line or "crash"

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", metavar="PYTHON", help="a Python with TensorFlow; left out without")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="layers of N x N")
    parser.add_argument("--zeros", type=float, nargs="+", default=ZEROS, metavar="SHARE", help="0.5 and the like")
    parser.add_argument("--patterns", nargs="+", default=[*PATTERNS], choices=PATTERNS)
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--target", default="balanced", choices=["balanced", "size", "latency"])
    parser.add_argument("--seconds", type=float, default=0.4, help="each model runs so long (default: 0.4)")
    parser.add_argument("--among", type=float, default=0, metavar="MB", help="as a layer in a model of so many MB")
    parser.add_argument("--megabytes", type=int, default=64, help="of the encoder's constant (default: 64)")
    parser.add_argument("--only", choices=["models", "encoder"], help="one part only")
    parser.add_argument("--no-save", action="store_true", help="leave results/ as it is")
    parser.add_argument("--table", action="store_true", help="measure what ir/targets/sparse_times.py holds instead")
    given = parser.parse_args()
    if given.table:
        sparsity_table.run(sparsity_table.Timing(given.seconds, given.among))
        return
    facts: dict[str, Any] = sparsity_print.machine() | {"target": given.target, "among": given.among}
    if given.only != "encoder":
        facts["models"] = compare(given, facts)
        sparsity_print.models(facts)
    if given.only != "models":
        facts["encoder"] = sparsity_encoder.run(given.megabytes)
        sparsity_print.encoder(facts)
    if not given.no_save:
        sparsity_print.save(facts, HERE / "results", "sparsity_among" if given.among else "sparsity")


def compare(given: argparse.Namespace, facts: dict[str, Any]) -> list[dict[str, Any]]:
    """Measures every layer in every mode; returns a row for each."""
    peer = Peer(given.peer) if given.peer else None
    facts["tensorflow"] = peer.version if peer else None
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        cases = itertools.product(given.sizes, given.modes, given.patterns, given.zeros)
        for n, mode, pattern, zeros in cases:
            row = {"n": n, "mode": mode, "pattern": pattern, "zeros": zeros}
            row |= measured(Layer.of(n, zeros, pattern), mode, given, peer, pathlib.Path(folder))
            rows.append(row)
            print(sparsity_print.line(row), file=sys.stderr, flush=True)
    if peer:
        peer.end()
    return rows


def measured(
    layer: Layer, mode: str, given: argparse.Namespace, peer: Peer | None, folder: pathlib.Path
) -> dict[str, Any]:
    """The costs of the models of a layer: bytes, microseconds, milliseconds to load, or what is wrong with one."""
    inputs = folder / "inputs.npy"
    np.save(inputs, layer.samples)
    results: dict[str, Any] = {}
    models: dict[str, pathlib.Path] = {}
    for name, path, facts in made(layer, mode, given, peer, folder):
        results[name] = facts
        if path is not None:
            models[name] = path
    checks = {name: check(path, inputs) for name, path in models.items()}
    expected = checks[_DENSE].outputs
    if expected is None:
        sys.exit(f"the dense model {checks[_DENSE].problem}")
    for name, one in checks.items():
        results[name] |= {"bytes": models[name].stat().st_size} | judged(one, expected, FAR_OFF[mode])
    sound = {name: path for name, path in models.items() if not results[name]["problem"]}
    for name, time in timed(sound, layer.samples[0], given.seconds, given.among).items():
        results[name]["us"] = round(time, 3)
    return results


def made(
    layer: Layer, mode: str, given: argparse.Namespace, peer: Peer | None, folder: pathlib.Path
) -> Iterator[tuple[str, pathlib.Path | None, dict[str, Any]]]:
    """The models to compare, each with its name, its file, and facts about it."""
    for name in (_DENSE, _OURS):
        converter = converter_of(layer.model(), mode, layer.samples)
        if name == _OURS:
            converter.optimizations = [*converter.optimizations, Optimize.EXPERIMENTAL_SPARSITY]
            converter.sparsity_target = given.target
        path = folder / f"{name}.tflite"
        path.write_bytes(converter.convert())
        yield name, path, dict(zip(("how", "encoding"), chosen(converter), strict=True))
    if peer is not None:
        arrays, path = folder / "layer.npz", folder / f"{_PEER}.tflite"
        np.savez(arrays, weights=layer.weights, bias=layer.bias, samples=layer.samples)
        problem = peer.convert(arrays, mode, path)
        yield _PEER, None if problem else path, {"problem": problem}


def judged(checked: Checked, expected: np.ndarray, limit: float) -> dict[str, Any]:
    if checked.outputs is None:
        return {"problem": checked.problem}
    off = distance(checked.outputs, expected)
    return {"load_ms": round(checked.load_ms, 3), "off": off, "problem": "wrong" if off > limit else ""}


def timed(models: dict[str, pathlib.Path], sample: np.ndarray, seconds: float, among: float) -> dict[str, float]:
    """Microseconds of a run of each; measured again if tflir's model seems slower than another."""
    times = microseconds(models, sample, seconds, among)
    if any(times.get(_OURS, 0) > _SLOWER * time for time in times.values()):
        again = microseconds(models, sample, 2 * seconds, among)
        times = {name: min(time, again[name]) for name, time in times.items()}
    return times


if __name__ == "__main__":
    main()
