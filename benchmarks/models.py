"""Generates models of any size for measurements: always the same bytes, without downloads, each only once.

python benchmarks/models.py transformer 100      # megabytes of float32 weights
python benchmarks/models.py chain 100000         # operators
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from models_builder import Graph, Model, fully_connected, options  # noqa: E402 - is among the tests

FOLDER = HERE / ".models"
LARGEST_INSIDE = 1_900_000_000
"""With more bytes of weights, these are stored after the flatbuffer, which can't exceed 2 GB."""
_HEADS, _SEQUENCE = 8, 64
_ROWS = 1 << 20
"""Elements that are generated at a time."""


class _Weights:
    """Random weights, generated when they are written, so that the model may be larger than memory."""

    def __init__(self, seed: int, count: int, scale: float) -> None:
        self.seed = seed
        self.count = count
        self.scale = np.float32(scale)

    @property
    def nbytes(self) -> int:
        return 4 * self.count

    def parts(self) -> Iterator[npt.NDArray[np.float32]]:
        rng = np.random.default_rng(self.seed)
        for start in range(0, self.count, _ROWS):
            yield rng.standard_normal(min(_ROWS, self.count - start), np.float32) * self.scale

    def bytes(self) -> npt.NDArray[np.uint8]:
        return np.concatenate(list(self.parts())).view(np.uint8)


class _Transformer:
    """Token ids, an embedding, blocks of attention and two wide layers, and logits over the same embedding."""

    def __init__(self, width: int, layers: int, words: int) -> None:
        self.model = Model(f"transformer of {layers} layers, width {width}")
        self.graph: Graph = self.model.graph()
        self.width = width
        self.weights: dict[int, _Weights] = {}
        ids = self.graph.tensor("ids", (_SEQUENCE,), np.int32)
        table = self._weight("embedding", (words, width))
        x = self._op("EMBEDDING_LOOKUP", [ids, table], "embedded", (_SEQUENCE, width))
        for layer in range(layers):
            x = self._add(x, self._attention(self._norm(x, f"{layer}/norm1"), f"{layer}/attention"), f"{layer}/add1")
            x = self._add(x, self._wide(self._norm(x, f"{layer}/norm2"), f"{layer}/wide"), f"{layer}/add2")
        logits = self._op(
            "FULLY_CONNECTED", [x, table, -1], "logits", (_SEQUENCE, words), options("FullyConnectedOptions")
        )
        self.graph.io([ids], [logits])
        self.model.signature("serving_default", self.graph, {"ids": ids}, {"logits": logits})

    def _weight(self, name: str, shape: tuple[int, ...]) -> int:
        """A tensor whose data is generated when the model is written."""
        buffer = self.model.buffer(b"")
        count = int(np.prod(shape))
        self.weights[buffer] = _Weights(buffer, count, 1 / np.sqrt(shape[-1]))
        return self.graph.tensor(name, shape, buffer=buffer)

    def _op(self, builtin: str, inputs: list[int], name: str, shape: tuple[int, ...], table: Any = None) -> int:
        out = self.graph.tensor(name, shape)
        self.graph.op(builtin, inputs, [out], table)
        return out

    def _dense(self, x: int, inside: int, outside: int, name: str, activation: int = 0) -> int:
        operands = [x, self._weight(f"{name}/w", (outside, inside)), self._weight(f"{name}/b", (outside,))]
        table = options("FullyConnectedOptions", fusedActivationFunction=activation)
        return self._op("FULLY_CONNECTED", operands, name, (_SEQUENCE, outside), table)

    def _add(self, a: int, b: int, name: str) -> int:
        return self._op("ADD", [a, b], name, (_SEQUENCE, self.width), options("AddOptions"))

    def _norm(self, x: int, name: str) -> int:
        """Root-mean-square normalization: x / sqrt(mean(x²) + ε), times a gain."""
        graph, full, one = self.graph, (_SEQUENCE, self.width), (_SEQUENCE, 1)
        square = self._op("MUL", [x, x], f"{name}/square", full, options("MulOptions"))
        axes = graph.constant(f"{name}/axes", np.int32([1]))
        mean = self._op("MEAN", [square, axes], f"{name}/mean", one, options("ReducerOptions", keepDims=True))
        epsilon = graph.constant(f"{name}/epsilon", np.float32([1e-6]))
        safe = self._op("ADD", [mean, epsilon], f"{name}/safe", one, options("AddOptions"))
        scale = self._op("RSQRT", [safe], f"{name}/scale", one)
        scaled = self._op("MUL", [x, scale], f"{name}/scaled", full, options("MulOptions"))
        gain = self._weight(f"{name}/gain", (self.width,))
        return self._op("MUL", [scaled, gain], name, full, options("MulOptions"))

    def _heads(self, x: int, name: str) -> int:
        each = self.width // _HEADS
        split = self._reshape(x, (1, _SEQUENCE, _HEADS, each), f"{name}/split")
        return self._transpose(split, (1, _HEADS, _SEQUENCE, each), f"{name}/heads")

    def _reshape(self, x: int, shape: tuple[int, ...], name: str) -> int:
        wanted = self.graph.constant(f"{name}/shape", np.int32(shape))
        return self._op("RESHAPE", [x, wanted], name, shape, options("ReshapeOptions"))

    def _transpose(self, x: int, shape: tuple[int, ...], name: str) -> int:
        order = self.graph.constant(f"{name}/order", np.int32([0, 2, 1, 3]))
        return self._op("TRANSPOSE", [x, order], name, shape, options("TransposeOptions"))

    def _attention(self, x: int, name: str) -> int:
        each, square = self.width // _HEADS, (1, _HEADS, _SEQUENCE, _SEQUENCE)
        q, k, v = (self._heads(self._dense(x, self.width, self.width, f"{name}/{c}"), f"{name}/{c}") for c in "qkv")
        scores = self._op("BATCH_MATMUL", [q, k], f"{name}/scores", square, options("BatchMatMulOptions", adjY=True))
        weights = self._op("SOFTMAX", [scores], f"{name}/softmax", square, options("SoftmaxOptions", beta=each**-0.5))
        mixed_shape = (1, _HEADS, _SEQUENCE, each)
        mixed = self._op("BATCH_MATMUL", [weights, v], f"{name}/mixed", mixed_shape, options("BatchMatMulOptions"))
        joined = self._transpose(mixed, (1, _SEQUENCE, _HEADS, each), f"{name}/joined")
        return self._dense(self._reshape(joined, (_SEQUENCE, self.width), f"{name}/flat"), self.width, self.width, name)

    def _wide(self, x: int, name: str) -> int:
        return self._dense(
            self._dense(x, self.width, 4 * self.width, f"{name}/up", 1), 4 * self.width, self.width, name
        )


def transformer(megabytes: int) -> pathlib.Path:
    """A float32 transformer with about this many megabytes of weights."""
    width = 1024 if megabytes >= 60 else 256 if megabytes >= 4 else 64
    layer, row = 4 * (12 * width * width), 4 * width
    layers = max(1, int((megabytes * 1e6 - 256 * row) // layer))
    words = max(256, int((megabytes * 1e6 - layers * layer) // row))
    path = FOLDER / f"transformer{megabytes}.tflite"
    if not path.exists():
        made = _Transformer(width, layers, words)
        with _whole(path) as out:
            _write(made.model, made.weights, out)
        os.replace(out.name, path)
    return path


def _whole(path: pathlib.Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_suffix(".part").open("wb")


def _write(model: Model, weights: dict[int, _Weights], out: BinaryIO) -> None:
    """Writes the model, with its weights inside the flatbuffer if they fit, else after it."""
    buffers = model.record.buffers
    if sum(weight.nbytes for weight in weights.values()) < LARGEST_INSIDE:
        for index, weight in weights.items():
            buffers[index].data = weight.bytes()
        out.write(model.to_bytes())
        return
    for index, weight in weights.items():
        buffers[index].data, buffers[index].offset, buffers[index].size = None, 1, weight.nbytes
    at = -(-len(model.to_bytes()) // 16) * 16
    for index, weight in weights.items():
        buffers[index].offset = at
        at = -(-(at + weight.nbytes) // 16) * 16
    out.write(model.to_bytes())
    for index, weight in weights.items():
        out.seek(buffers[index].offset)
        for part in weight.parts():
            out.write(part.data)


def small() -> pathlib.Path:
    """One operator, just large enough to be quantized, to measure the start-up time."""
    path = FOLDER / "small.tflite"
    if not path.exists():
        with _whole(path) as out:
            out.write(fully_connected())
        os.replace(out.name, path)
    return path


def chain(operators: int) -> pathlib.Path:
    """A chain of this many small operators: FULLY_CONNECTED, RELU, ADD and RESHAPE in turn."""
    path = FOLDER / f"chain{operators}.tflite"
    if not path.exists():
        with _whole(path) as out:
            out.write(_chain(operators).to_bytes())
        os.replace(out.name, path)
    return path


def _chain(operators: int) -> Model:
    model = Model(f"chain of {operators} operators")
    graph = model.graph()
    rng = np.random.default_rng(5)
    first = x = graph.tensor("x", (1, 8))
    one, shape = graph.constant("one", np.float32([1])), graph.constant("shape", np.int32([1, 8]))
    for i in range(operators):
        name = f"op{i}"
        y = graph.tensor(name, (1, 8))
        if i % 4 == 0:
            weights = graph.constant(f"{name}/w", rng.standard_normal((8, 8)).astype(np.float32) * np.float32(0.3))
            graph.op("FULLY_CONNECTED", [x, weights, -1], [y], options("FullyConnectedOptions"))
        elif i % 4 == 1:
            graph.op("RELU", [x], [y])
        elif i % 4 == 2:
            graph.op("ADD", [x, one], [y], options("AddOptions"))
        else:
            graph.op("RESHAPE", [x, shape], [y], options("ReshapeOptions"))
        x = y
    graph.io([first], [x])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["transformer", "chain", "small"])
    parser.add_argument("size", type=int, nargs="?", default=0)
    arguments = parser.parse_args()
    makers = {"transformer": transformer, "chain": chain, "small": lambda _: small()}
    print(makers[arguments.kind](arguments.size))


if __name__ == "__main__":
    main()
