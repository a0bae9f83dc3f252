"""Compares the time of the reference interpreter with that of LiteRT's reference kernels.

```
python benchmarks/reference_interpreter.py [MODEL…]      # without models: generated single layers, and the example
```

Both are loaded once; the time is the median of the runs. `live` is the peak memory of the interpreter's values, and the
bytes of all values together: a value is freed after its last use.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter as Runtime
from ai_edge_litert.interpreter import OpResolverType
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation

import tflir
from tflir.backends.interpreter import Session
from tflir.backends.litert.quiet import quiet

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from models_builder import Model, options, random  # noqa: E402 - lies beside the tests

_RUNS = 5


class _Live(Interpreter.Listener):
    """Counts the bytes of the values that are alive after each op, and of all values."""

    def __init__(self) -> None:
        self.most = self.made = 0
        self._alive: dict[int, int] = {}

    def did_interpret_op(self, op: Operation, results: tuple[Any, ...]) -> None:
        for value in (_memory(result) for result in results):
            if value is None:
                continue
            key = id(value)
            if key not in self._alive:
                self._alive[key] = value.nbytes
                self.made += value.nbytes
                weakref.finalize(value, self._alive.pop, key, None)
        self.most = max(self.most, sum(self._alive.values()))


def _memory(value: Any) -> Any:
    """The array that owns the memory of a result; None if it is a view of the model's bytes."""
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray):
        value = value.base
    return value if isinstance(value, np.ndarray) and value.base is None else None


def main() -> None:
    """Reads the arguments and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    models = parser.parse_args().models
    print(f"{'model':34} {'ours ms':>9} {'LiteRT ms':>10} {'ratio':>7} {'live MB':>8} {'all MB':>8}")
    for name, data in ((str(path), path.read_bytes()) for path in models) if models else _made():
        _print(name, data)


def _print(name: str, data: bytes) -> None:
    live = _Live()
    session, observed = Session(tflir.loads(data)), Session(tflir.loads(data), listeners=(live,))
    with quiet():
        runtime = Runtime(model_content=data, experimental_op_resolver_type=OpResolverType.BUILTIN_REF, num_threads=1)
        runtime.allocate_tensors()
    rng = np.random.default_rng(1)
    inputs = []
    for detail in runtime.get_input_details():
        inputs.append(rng.standard_normal(detail["shape"]).astype(detail["dtype"]))
        runtime.set_tensor(detail["index"], inputs[-1])
    ours, theirs = _median(lambda: session.run(inputs)), _median(runtime.invoke)
    observed.run(inputs)
    print(
        f"{name[-34:]:34} {ours:9.2f} {theirs:10.2f} {ours / theirs:7.2f} {live.most / 1e6:8.2f} {live.made / 1e6:8.2f}"
    )


def _median(run: Callable[[], Any]) -> float:
    """The median time of a run in milliseconds, after a warm-up run."""
    run()
    times: list[float] = []
    for _ in range(_RUNS):
        begin = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def _made() -> Iterator[tuple[str, bytes]]:
    yield (
        "conv 3x3, 56x56x64",
        _layer("CONV_2D", (1, 56, 56, 64), (64, 3, 3, 64), "Conv2DOptions", strideH=1, strideW=1),
    )
    yield (
        "conv 1x1, 28x28x256",
        _layer("CONV_2D", (1, 28, 28, 256), (256, 1, 1, 256), "Conv2DOptions", strideH=1, strideW=1),
    )
    yield (
        "depthwise 3x3, 112x112x64",
        _layer(
            "DEPTHWISE_CONV_2D",
            (1, 112, 112, 64),
            (1, 3, 3, 64),
            "DepthwiseConv2DOptions",
            strideH=1,
            strideW=1,
            depthMultiplier=1,
        ),
    )
    yield (
        "fully connected 1024x1024, batch 8",
        _layer("FULLY_CONNECTED", (8, 1024), (1024, 1024), "FullyConnectedOptions"),
    )
    yield "2000 adds of 8 elements", _chain(2000)
    example = HERE.parent / "examples" / "digits_cnn" / "model.tflite"
    yield "examples/digits_cnn", example.read_bytes()


def _layer(builtin: str, inputs: tuple[int, ...], weights: tuple[int, ...], table: str, **fields: int) -> bytes:
    """One layer with a bias; the windows of a convolution are padded to keep the size."""
    model = Model()
    graph = model.graph()
    outputs = weights[-1] if builtin == "DEPTHWISE_CONV_2D" else weights[0]
    x, y = graph.tensor("x", inputs), graph.tensor("y", (*inputs[:-1], outputs))
    held = [graph.constant("w", random(*weights)), graph.constant("b", random(outputs))]
    graph.op(builtin, [x, *held], [y], options(table, **fields))
    graph.io([x], [y])
    return model.to_bytes()


def _chain(count: int) -> bytes:
    model = Model()
    graph = model.graph()
    x = at = graph.tensor("x", (1, 8))
    zero = graph.constant("zero", np.zeros((1, 8), np.float32))
    for number in range(count):
        (at,) = graph.op("ADD", [at, zero], [graph.tensor(f"v{number}", (1, 8))], options("AddOptions"))
    graph.io([x], [at])
    return model.to_bytes()


if __name__ == "__main__":
    main()
