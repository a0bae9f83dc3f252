"""Functions in segments: models that, one after the other, compute what the whole computes."""

from __future__ import annotations

from typing import Any

import models_builder as build
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from models_builder import random
from net_builder import RELU, Net, model_of
from test_random_graphs import SAMPLES, graph_of

from tflir.backends.litert.run import Runner, value_of
from tflir.files import load_bytes, to_bytes
from tflir.ir.functions import functions
from tflir.ir.names import name_of
from tflir.ir.segments import Segment, module_of, segments_of

Array = np.ndarray[Any, Any]


def _residual(net: Net, x: int) -> list[int]:
    first = net.dense("first", x, random(8, 8), random(8), act=RELU)
    second = net.dense("second", first, random(8, 8, seed=2))
    add = net.op("ADD", "add", [first, second], (1, 8), build.options("AddOptions"))
    last = net.dense("last", add, random(4, 8, seed=3), random(4, seed=4))
    return [last, first]


MODELS = {
    "residual": model_of(_residual, (1, 8)),
    "convolutions": build.convolutions(),
    "loop": build.loop(),
    "branch": build.branch(),
    "table": build.gather(),
}


def _cut_everywhere(data: bytes) -> tuple[Any, Any, list[Segment]]:
    module = load_bytes(data)
    function = next(functions(module))
    return module, function, segments_of(function, set(function.body.block.ops))


def _in_segments(data: bytes, sample: dict[str, Array]) -> tuple[list[Array], int]:
    """The outputs that segments give one after the other, and their number."""
    module, function, segments = _cut_everywhere(data)
    entry = Runner(data).entries[0]
    ports = {port.tensor: port for port in entry.inputs}
    values: dict[Any, Array] = {}
    for argument in function.body.block.args:
        port = ports[name_of(argument)]
        values[argument] = port.encode(value_of(port, sample))
    for segment in segments:
        if not segment.outputs:
            continue
        runner = Runner(to_bytes(module_of(segment, module)), delegate=False)
        ends = runner.entries[0]
        given = {port.name: values[value] for port, value in zip(ends.inputs, segment.inputs, strict=True)}
        values.update(zip(segment.outputs, runner.run(ends, given).values(), strict=True))
        for value in segment.last_reads:
            del values[value]
    returned = function.body.block.last_op.operands
    return [values[value] for value in returned], len(segments)


def _whole(data: bytes, sample: dict[str, Array]) -> list[Array]:
    runner = Runner(data, delegate=False)
    return list(runner.run(runner.entries[0], sample).values())


def _sample(data: bytes) -> dict[str, Array]:
    ports = Runner(data).entries[0].inputs
    return {port.name: random(*port.shape, seed=at).astype(port.dtype) for at, port in enumerate(ports)}


@pytest.mark.parametrize(("name", "least"), [("residual", 4), ("convolutions", 2), ("loop", 1), ("branch", 1)])
def test_segments_compute_what_the_model_computes(name: str, least: int) -> None:
    data = MODELS[name]
    sample = _sample(data)
    made, count = _in_segments(data, sample)
    assert count > least
    for mine, whole in zip(made, _whole(data, sample), strict=True):
        np.testing.assert_array_equal(mine, whole)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.integers(0, 1000), max_size=40))
def test_segments_of_random_graphs_compute_what_the_graph_computes(numbers: list[int]) -> None:
    data = graph_of(numbers)
    sample = {"x": SAMPLES[0][0]}
    made, _ = _in_segments(data, sample)
    for mine, whole in zip(made, _whole(data, sample), strict=True):
        np.testing.assert_allclose(mine, whole, rtol=1e-5, atol=1e-5)


def test_a_function_is_not_cut_where_a_variable_or_a_quantized_value_is_passed_on() -> None:
    def resource(net: Net, x: int) -> int:
        made = net.dense("before", x, random(8, 8))
        handle = net.graph.tensor("handle", (), build.schema.TensorType.RESOURCE)
        net.graph.op("VAR_HANDLE", [], [handle], build.options("VarHandleOptions", sharedName="v", container=""))
        net.graph.op("ASSIGN_VARIABLE", [handle, made], [], build.options("AssignVariableOptions"))
        inside = net.dense("inside", made, random(8, 8, seed=2))
        read = net.op("READ_VARIABLE", "read", [handle], (1, 8), build.options("ReadVariableOptions"))
        return net.op("ADD", "add", [inside, read], (1, 8), build.options("AddOptions"))

    _, _, segments = _cut_everywhere(model_of(resource, (1, 8)))
    assert [[op.name for op in segment.ops] for segment in segments] == [
        ["tfl.fully_connected"],
        ["tfl.var_handle", "tfl.assign_variable", "tfl.fully_connected", "tfl.read_variable"],
        ["tfl.add"],
        [],
    ]
    _, function, segments = _cut_everywhere(build.int8())
    assert len(segments) < 2 + sum(1 for _ in function.body.block.ops)


def test_values_are_forgotten_after_their_last_read() -> None:
    module, _, segments = _cut_everywhere(MODELS["residual"])
    names = [[name_of(value) for value in segment.last_reads] for segment in segments]
    assert names == [["x"], [], ["second"], ["add"], ["last", "first"]]
    assert [len(module_of(segment, module).ops) for segment in segments[:-1]] == [1, 1, 1, 1]
