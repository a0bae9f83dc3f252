"""Loads and runs `.tflite` models in LiteRT, with its default delegate and one thread, and times them in turn.

interpreters.py MODEL INPUTS OUTPUTS      # .npy: a float32 sample a row; prints the milliseconds that loading takes

What may crash runs in a process of its own, which `check` starts.
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
"""Seconds of calls between two looks at the clock, about: long beside the clock's step, short beside a time slice."""
_LOADS = 5


@dataclass(frozen=True)
class Checked:
    """What came of a model in a process of its own."""

    outputs: Array | None
    load_ms: float = 0.0
    """Creating the interpreter and allocating tensors: CPU time, the least of several."""
    problem: str = ""
    """`fails to load` or `crash`; '' where it ran."""


def load(path: pathlib.Path) -> Any:
    """An interpreter that is ready to run."""
    made = Interpreter(model_path=str(path), num_threads=1)
    made.allocate_tensors()
    return made


def check(model: pathlib.Path, inputs: pathlib.Path) -> Checked:
    """Loads and runs a model on samples, in another process."""
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
    """Time of a run of each model: thread CPU time, the least of many short chunks.

    Models take turns, so that a slow phase of the machine hits all alike; each turn begins with runs that are not
    counted, which fill the caches again. `among` megabytes: as if each were a layer among others like it that take so
    much while dense; so many copies of each run one after the other that it finds its weights where those left them.
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
    """Interpreters of copies of a file: of one file they would share what they read as it is."""
    made = [folder / f"{path.stem}{number}.tflite" for number in range(count)]
    return [load(pathlib.Path(shutil.copyfile(path, copy))) for copy in made]


def _chunk(group: Sequence[Any], rounds: int) -> float:
    """Seconds in which each of a group runs once, over so many rounds."""
    calls = [one.invoke for one in group]
    began = time.thread_time()
    for _ in range(rounds):
        for invoke in calls:
            invoke()
    return (time.thread_time() - began) / rounds


def feed(interpreter: Any, sample: Array) -> None:
    """Sets the only input, quantized where it is of integers."""
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


def distance(outputs: Array, wanted: Array) -> float:
    """Norm of the difference beside that of what is wanted; NaN counts as far off."""
    if outputs.shape != wanted.shape or not np.isfinite(outputs).all():
        return float("inf")
    return float(np.linalg.norm(outputs - wanted) / np.linalg.norm(wanted))


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
