"""Random graphs through every mode: each is compiled, runs with the default delegate and without, and is near enough.

A graph is a list of numbers that hypothesis draws; each op takes what it reads from the values that are there. What
quantizes badly together (shared weights, results read inside and outside, zeros) comes up by chance.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models_builder import Graph, Model, options
from net_builder import Net
from recording import run
from test_masks import F32, MODES, Array, answers, compiled

SHAPE = (1, 4, 4, 4)
SAMPLES = [[np.random.default_rng(seed).uniform(-1, 1, SHAPE).astype(F32)] for seed in range(6)]
BOUNDS = {"int8": 10, "int8 inputs and outputs": 8, "per tensor": 6, "16x8": 25}
"""dB over all samples."""


class Draw:
    """Choices out of a list of numbers, zeros where it ends."""

    def __init__(self, numbers: list[int]) -> None:
        self._numbers = iter(numbers)

    def of(self, among: list[Any]) -> Any:
        return among[next(self._numbers, 0) % len(among)]


class Build:
    """A graph in the making: the float values of one shape that there are, and the constants."""

    def __init__(self, draw: Draw) -> None:
        self.model = Model()
        self.net = Net(self.model.graph())
        self.draw = draw
        self.x = self.graph.tensor("x", SHAPE)
        self.values = [self.x]
        self.constants: dict[tuple[int, ...], list[int]] = {}

    @property
    def graph(self) -> Graph:
        return self.net.graph

    def value(self) -> int:
        return self.draw.of(self.values)

    def constant(self, *shape: int) -> int:
        """A new constant, partly or wholly zero, or one that is there."""
        held = self.constants.setdefault(shape, [])
        kind = self.draw.of(["new", "shared", "zero rows", "zero", "small", "large"])
        if kind == "shared" and held:
            return self.draw.of(held)
        numbers = np.random.default_rng(len(self.graph.record.tensors)).normal(size=shape).astype(F32)
        if kind == "zero rows" and shape:
            numbers[: max(1, shape[0] // 2)] = 0
        factor = {"zero": 0, "small": 1e-3, "large": 30}.get(kind, 1)
        held.append(self.graph.constant(f"c{len(self.graph.record.tensors)}", (numbers * factor).astype(F32)))
        return held[-1]

    def op(self, builtin: str, inputs: list[int], table: Any = None, shape: tuple[int, ...] = SHAPE) -> int:
        return self.net.op(builtin, f"t{len(self.graph.record.tensors)}", inputs, shape, table)


def _unary(build: Build) -> int:
    kind = build.draw.of(
        ["RELU", "RELU6", "LOGISTIC", "TANH", "ABS", "HARD_SWISH", "SIN", "LEAKY_RELU", "EXP", "SOFTMAX"]
    )
    tables = {"LEAKY_RELU": options("LeakyReluOptions", alpha=0.2), "SOFTMAX": options("SoftmaxOptions", beta=1.0)}
    value = build.op("TANH", [build.value()]) if kind == "EXP" else build.value()
    return build.op(kind, [value], tables.get(kind))


def _binary(build: Build) -> int:
    kind, act = (
        build.draw.of(["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE"]),
        build.draw.of([0, 1, 3]),
    )
    other = build.value() if build.draw.of([True, False]) else build.constant(*build.draw.of([SHAPE, (4,), ()]))
    tables = {"ADD": "AddOptions", "SUB": "SubOptions", "MUL": "MulOptions"}
    table = options(tables[kind], fusedActivationFunction=act) if kind in tables else None
    return build.op(kind, [build.value(), other], table)


def _convolution(build: Build) -> int:
    how = options("Conv2DOptions", padding=0, strideH=1, strideW=1, fusedActivationFunction=build.draw.of([0, 1, 3]))
    return build.op("CONV_2D", [build.value(), build.constant(4, 1, 1, 4), build.constant(4)], how)


def _depthwise(build: Build) -> int:
    how = options(
        "DepthwiseConv2DOptions", strideH=1, strideW=1, depthMultiplier=1, fusedActivationFunction=build.draw.of([0, 1])
    )
    return build.op("DEPTHWISE_CONV_2D", [build.value(), build.constant(1, 3, 3, 4), build.constant(4)], how)


def _dense(build: Build) -> int:
    how = options("FullyConnectedOptions", keepNumDims=True)
    return build.op(
        "FULLY_CONNECTED", [build.value(), build.constant(4, 4), build.draw.of([-1, build.constant(4)])], how
    )


def _product(build: Build) -> int:
    right = build.draw.of([build.constant(4, 4), build.value()])
    return build.op("BATCH_MATMUL", [build.value(), right], options("BatchMatMulOptions"))


def _moved(build: Build) -> int:
    order = build.graph.constant(f"o{len(build.graph.record.tensors)}", np.int32([0, 2, 1, 3]))
    return build.op("TRANSPOSE", [build.value(), order])


def _joined(build: Build) -> int:
    both = build.op(
        "CONCATENATION", [build.value(), build.value()], options("ConcatenationOptions", axis=3), (1, 4, 4, 8)
    )
    start, size = (
        build.graph.constant(f"k{len(build.graph.record.tensors)}", np.int32(v)) for v in ([0, 0, 0, 2], SHAPE)
    )
    return build.op("SLICE", [both, start, size], None)


def _reduced(build: Build) -> int:
    axes = build.graph.constant(f"a{len(build.graph.record.tensors)}", np.int32([1, 2]))
    how = options("ReducerOptions", keepDims=True)
    less = build.op(build.draw.of(["MEAN", "SUM", "REDUCE_MAX"]), [build.value(), axes], how, (1, 1, 1, 4))
    return build.op("ADD", [build.value(), less], options("AddOptions"))


OPS: list[Callable[[Build], int]] = [
    _unary, _binary, _convolution, _depthwise, _dense, _product, _moved, _joined, _reduced, _binary,
]  # fmt: skip


def graph_of(numbers: list[int]) -> bytes:
    draw = Draw(numbers)
    build = Build(draw)
    for _ in range(1 + draw.of(list(range(7)))):
        build.values.append(draw.of(OPS)(build))
    outputs = [build.values[-1]]
    if len(build.values) > 2 and draw.of([True, False]):
        outputs.append(build.values[1])
    build.graph.io([build.x], outputs)
    return build.model.to_bytes()


def in_child(work: Callable[[], Any]) -> Any:
    """What `work` gives in a process of its own, so that one that is ended fails this test alone."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(work(), pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert text, f"the runtime ended the process with {status}"
    return pickle.loads(text)


def distances(wanted: list[list[Array]], got: list[list[Array]]) -> list[float]:
    """For each output, over all samples, in dB; an output of zeros must stay near them."""
    found: list[float] = []
    for index in range(len(wanted[0])):
        x, y = (np.concatenate([one[index].ravel() for one in side]).astype(np.float64) for side in (wanted, got))
        noise, signal = float(((x - y) ** 2).sum()), float((x**2).sum())
        if signal < 1e-9 * x.size:
            found.append(99.0 if np.abs(y).max() <= 0.05 else -99.0)
        else:
            found.append(99.0 if noise == 0 else 10 * float(np.log10(signal / noise)))
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs the models in children of its own")
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 1000), max_size=40), st.sampled_from(list(BOUNDS)))
def test_random_graphs_run_quantized(numbers: list[int], mode: str) -> None:
    assert mode in MODES
    data = graph_of(numbers)
    wanted = in_child(lambda: [run(data, values, delegate=False) for values in SAMPLES])
    if not all(np.isfinite(one).all() and np.abs(one).max() < 1e6 for sample in wanted for one in sample):
        return
    made = compiled(data, SAMPLES, mode)
    assert compiled(data, SAMPLES, mode) == made
    for delegate in (False, True):
        got = in_child(lambda delegate=delegate: [answers(made, values, delegate=delegate) for values in SAMPLES])
        assert min(distances(wanted, got)) > BOUNDS[mode], (mode, delegate)
