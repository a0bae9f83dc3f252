"""Loads and runs `.tflite` models in LiteRT, with its default delegate and one thread, and times them in turn.

interpreters.py MODEL INPUTS OUTPUTS      # .npy with a float32 sample in each row; prints the load time in milliseconds

`check` runs a model in a child process, since the runtime may crash.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from tflir.backends.litert.quiet import quiet

Array = npt.NDArray[Any]
CHUNK = 1e-3
"""About how many seconds of calls run between two readings of the clock: much more than the clock's resolution, less
than a time slice."""
_LOADS = 5


@dataclass(frozen=True)
class Checked:
    """The result of running a model in a child process."""

    outputs: Array | None
    load_ms: float = 0.0
    """CPU time to create the interpreter and allocate tensors, the minimum of several runs."""
    problem: str = ""
    """`fails to load` or `crash`; '' if it ran."""


def load(path: pathlib.Path) -> Any:
    """An interpreter that is ready to run."""
    interpreter = Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    return interpreter


def check(model: pathlib.Path, inputs: pathlib.Path) -> Checked:
    """Loads and runs a model on samples, in a child process."""
    out = model.with_suffix(".npy")
    out.unlink(missing_ok=True)
    command = [sys.executable, __file__, str(model), str(inputs), str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        return Checked(np.load(out), float(done.stdout))
    failed = done.returncode > 0 and "RuntimeError" in done.stderr
    return Checked(None, 0, "fails to load" if failed else "crash")


def microseconds(
    models: Mapping[str, pathlib.Path], sample: Array, seconds: float = 0.5, among: float = 0
) -> dict[str, float]:
    """Time of a run of each model: thread CPU time, the minimum over many short chunks.

    Models take turns, so that a slow phase of the machine affects all of them; each turn begins with runs that are not
    counted, which warm up the caches. `among` megabytes simulates a layer inside a model whose dense weights take that
    much: copies of the layer with that total size run one after the other, so that its weights leave the caches.
    """
    copies = max(1, round(among * 1e6 / max(path.stat().st_size for path in models.values())))
    with quiet(), tempfile.TemporaryDirectory() as folder:
        ready = {name: _copies(path, copies, pathlib.Path(folder)) for name, path in models.items()}
        for each in (one for group in ready.values() for one in group):
            feed(each, sample)
            each.invoke()
        rounds = {name: max(1, round(CHUNK / _chunk(group, 3))) for name, group in ready.items()}
        least = dict.fromkeys(ready, float("inf"))
        end = time.perf_counter() + seconds * len(ready)
        while time.perf_counter() < end:
            for name, group in ready.items():
                _chunk(group, 1)
                least[name] = min(least[name], _chunk(group, rounds[name]))
    return {name: 1e6 * least[name] / copies for name in models}


def _copies(path: pathlib.Path, count: int, folder: pathlib.Path) -> list[Any]:
    """Interpreters of copies of a file: interpreters of the same file would share the mapped weights."""
    paths = [folder / f"{path.stem}{number}.tflite" for number in range(count)]
    return [load(pathlib.Path(shutil.copyfile(path, copy))) for copy in paths]


def _chunk(group: Sequence[Any], rounds: int) -> float:
    """Seconds for a run of every member of a group, averaged over `rounds`."""
    calls = [interpreter.invoke for interpreter in group]
    began = time.thread_time()
    for _ in range(rounds):
        for invoke in calls:
            invoke()
    return (time.thread_time() - began) / rounds


def feed(interpreter: Any, sample: Array) -> None:
    """Sets the only input, quantized if it is an integer tensor."""
    port = interpreter.get_input_details()[0]
    value = np.broadcast_to(sample, port["shape"])
    if port["dtype"] != np.float32:
        scale, zero = port["quantization"]
        limits = np.iinfo(port["dtype"])
        value = np.clip(np.rint(value / scale) + zero, limits.min, limits.max)
    interpreter.set_tensor(port["index"], value.astype(port["dtype"]))


def result(interpreter: Any) -> Array:
    """The only output, as floats."""
    port = interpreter.get_output_details()[0]
    value = interpreter.get_tensor(port["index"])
    if port["dtype"] == np.float32:
        return value
    scale, zero = port["quantization"]
    return (value.astype(np.float32) - zero) * np.float32(scale)


def distance(outputs: Array, expected: Array) -> float:
    """Norm of the difference, relative to the norm of the expected outputs; NaN counts as a large distance."""
    if outputs.shape != expected.shape or not np.isfinite(outputs).all():
        return float("inf")
    return float(np.linalg.norm(outputs - expected) / np.linalg.norm(expected))


def main(arguments: Sequence[str]) -> None:
    model, inputs, out = map(pathlib.Path, arguments)
    least = float("inf")
    for _ in range(_LOADS):
        began = time.thread_time()
        interpreter = load(model)
        least = min(least, time.thread_time() - began)
    made = []
    for sample in np.load(inputs):
        feed(interpreter, sample)
        interpreter.invoke()
        made.append(result(interpreter).reshape(-1).copy())
    np.save(out, np.stack(made))
    print(1e3 * least)


if __name__ == "__main__":
    main(sys.argv[1:])
