"""Well-formed files whose tables lie: each is compiled or refused in one line, soon and in bounded memory."""

from __future__ import annotations

import contextlib
import io
import resource
import time
from collections.abc import Generator

import flatbuffers
import models_builder as build
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from models_builder import options
from net_builder import RELU, Net, model_of
from sparse_models import holed
from table_changes import changed

import tflir
from tflir.backends.mlir import write_text
from tflir.files import load_bytes, to_bytes
from tflir.frontends.mlir import parse_text

_SECONDS = 10.0
_MEMORY = 1 << 30
"""Bytes of address space that one model may take beyond what the process has."""


def _net(net: Net, x: int) -> list[int]:
    a = net.conv("conv", x, holed((4, 1, 1, 4), 0.5), act=RELU)
    b = net.depthwise("depth", a, build.random(1, 1, 1, 4), np.zeros(4, np.float32))
    c = net.op("ADD", "sum", [a, b], (1, 4, 4, 4), options("AddOptions"))
    d = net.reshape("flat", c, (1, 64))
    return [net.dense("last", d, holed((8, 64), 0.9), np.zeros(8, np.float32))]


def _sparse() -> bytes:
    converter = tflir.Converter.from_bytes(model_of(lambda net, x: net.dense("d", x, holed((64, 64), 0.95)), (1, 64)))
    converter.optimizations = [tflir.Optimize.EXPERIMENTAL_SPARSITY]
    return converter.convert()


_MODELS = [
    model_of(_net, (1, 4, 4, 4)),
    _sparse(),
    build.loop(),
    build.branch(),
    build.int8(),
    build.signatures(),
    build.stateful(),
    build.strings(),
    build.gather(),
    build.dynamic(),
]
_PIPELINES = ("", "DEFAULT", "EXPERIMENTAL_SPARSITY", "DEFAULT,EXPERIMENTAL_SPARSITY", "float16", "text")


@contextlib.contextmanager
def _bounded() -> Generator[None]:
    """What is done inside has so much memory, and takes no longer than it may."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as held:
        size = int(held.read().split()[0]) * resource.getpagesize()
    start = time.process_time()
    resource.setrlimit(resource.RLIMIT_AS, (size + _MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.process_time() - start < _SECONDS


def _compile(data: bytes, how: str) -> bytes:
    if how == "text":
        return _reread(data)
    converter = tflir.Converter.from_bytes(data)
    if how == "float16":
        converter.optimizations, converter.target_spec.supported_types = [tflir.Optimize.DEFAULT], ["float16"]
    else:
        converter.optimizations = [tflir.Optimize[name] for name in how.split(",") if name]
    return converter.convert()


def _reread(data: bytes) -> bytes:
    """The model by way of its text, which must be read again once it was written."""
    out = io.BytesIO()
    write_text(load_bytes(data), out)
    try:
        return to_bytes(parse_text(out.getvalue(), "own.mlir"))
    except tflir.Error as error:
        raise AssertionError(f"its own text is not read again: {error}") from error


def _refused(data: bytes, how: str) -> str:
    """'' where the model compiles to one that is read again, else why it does not."""
    try:
        with _bounded():
            made = _compile(data, how)
    except tflir.Error as error:
        text = str(error)
        assert "\n" not in text
        assert text.isprintable()
        assert "is a bug in" not in text
        assert "more memory than there is" not in text
        return text
    load_bytes(made)
    return ""


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=250, deadline=None)
@given(st.sampled_from(_MODELS), st.sampled_from(_PIPELINES), st.integers(1, 4), st.randoms(use_true_random=False))
def test_changed_tables(data: bytes, how: str, count: int, random: object) -> None:
    made = changed(data, random.randrange, count)  # pyright: ignore[reportAttributeAccessIssue]
    if made is not None:
        _refused(made, how)


def test_a_resource_in_an_empty_buffer_has_no_data() -> None:
    """It is refused, not written as a model without the buffer, which would be refused then."""
    model = build.Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 4))
    feature = graph.tensor("feature", (2, 4), schema.TensorType.RESOURCE, buffer=model.buffer(b"1234"))
    model.record.buffers[-1].offset = 2  # of data that lies elsewhere in the file: 0 bytes
    graph.io([x], graph.op("ADD", [x, feature], [graph.tensor("y", (2, 4))], options("AddOptions")))
    assert "'feature' of type RESOURCE" in _refused(model.to_bytes(), "")


@pytest.mark.parametrize("kind", ["inputs", "customOptions", "scale", "name"])
def test_a_long_vector_counts_each_time_that_a_table_points_at_it(kind: str) -> None:
    data = _pointing_at_one(kind, 6000, 12000)
    assert len(data) < 150_000
    assert "far more than the file holds" in _refused(data, "")


def _pointing_at_one(kind: str, count: int, length: int) -> bytes:
    builder = flatbuffers.Builder(1 << 18)

    def vector(items: list[int], put: str, size: int) -> int:
        builder.StartVector(size, len(items), size)
        for item in reversed(items):
            getattr(builder, put)(item)
        return builder.EndVector()

    def integers(items: list[int]) -> int:
        return vector(items, "PrependInt32", 4)

    def table(name: str, **fields: object) -> int:
        getattr(schema, f"{name}Start")(builder)
        for field, value in fields.items():
            getattr(schema, f"{name}Add{field}")(builder, value)
        return getattr(schema, f"{name}End")(builder)

    def tables(items: list[int]) -> int:
        return vector(items, "PrependUOffsetTRelative", 4)

    one, none, shape = integers([0]), integers([]), integers([1])
    tensors = [table("Tensor", Shape=shape)]
    operators: list[int] = []
    if kind == "inputs":
        operators = [table("Operator", Inputs=integers([0] * length), Outputs=none)] * count
    elif kind == "customOptions":
        options = builder.CreateByteVector(bytes(length))
        operators = [table("Operator", Inputs=one, Outputs=none, CustomOptions=options)] * count
    elif kind == "scale":
        scales = table("QuantizationParameters", Scale=vector([1] * length, "PrependFloat32", 4))
        tensors += [table("Tensor", Shape=shape, Quantization=scales)] * count
    else:
        name = builder.CreateString("n" * length)
        tensors += [table("Tensor", Shape=shape, Name=name)] * count
    graph = table("SubGraph", Tensors=tables(tensors), Inputs=one, Outputs=one, Operators=tables(operators))
    code = table("OperatorCode", DeprecatedBuiltinCode=32, BuiltinCode=32, CustomCode=builder.CreateString("Foo"))
    lists = {"Subgraphs": tables([graph]), "OperatorCodes": tables([code]), "Buffers": tables([table("Buffer")])}
    builder.Finish(table("Model", Version=3, **lists), b"TFL3")
    return bytes(builder.Output())
