"""Damaged and hostile files: refused in one line, soon, in bounded memory."""

from __future__ import annotations

import pathlib
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import models_builder as build
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given, settings
from hypothesis import strategies as st
from models_builder import Model, options

import tflir
from tflir.files import load_bytes, to_bytes

_MODELS = [build.fully_connected(build.random(2, 4)), build.loop(), build.int8(), build.stateful(), build.signatures()]


def _compile(data: bytes) -> str:
    """'' where the bytes compile, else the error, which must be one line."""
    try:
        to_bytes(load_bytes(data))
    except tflir.Error as error:
        text = str(error)
        assert "\n" not in text
        assert len(text) < 600
        return text
    return ""


@pytest.mark.parametrize("data", _MODELS, ids=range(len(_MODELS)))
def test_every_truncation(data: bytes) -> None:
    for length in range(0, len(data), 7):
        assert _compile(data[:length])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_MODELS), st.data())
def test_flipped_bits_and_hostile_words(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(0, len(data) // 4 - 1)) * 4
        word = draw.draw(st.sampled_from([0, 1, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC, at]))
        damaged[at : at + 4] = struct.pack("<I", word)
    _compile(bytes(damaged))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "too few"),
        (b"TFL3", "too few"),
        (b"hello, I am a text file", "identifier"),
        (b"\x10\0\0\0TFL3" + b"\xff" * 20, "bad vtable"),
        (b"\x08\0\0\0TFL3" + bytes(20), "outside|vtable"),
    ],
)
def test_no_model_at_all(data: bytes, why: str) -> None:
    with pytest.raises(tflir.Error, match=why):
        load_bytes(data)


def _with(change: Callable[[Model, Any], None]) -> bytes:
    model = Model()
    graph = model.graph()
    x, w = graph.tensor("x", (1, 4)), graph.constant("w", np.float32([1, 2, 3, 4]))
    graph.io([x], graph.op("ADD", [x, w], [graph.tensor("y", (1, 4))], options("AddOptions")))
    change(model, graph)
    return model.to_bytes()


def _set(**fields: Any) -> Callable[[Model, Any], None]:
    """Sets `model.a.0.b = value`; double underscores are dots."""

    def change(model: Model, _: Any) -> None:
        for path, value in fields.items():
            target: Any = model.record
            *steps, last = path.split("__")
            for step in steps:
                target = target[int(step[1:])] if step[0] == "i" and step[1:].isdecimal() else getattr(target, step)
            setattr(target, last, value)

    return change


def _missing_external(model: Model, graph: Any) -> None:
    graph.record.tensors[1].buffer = 0
    graph.record.tensors[1].externalBuffer = 0x80000005


def _bad_signature(model: Model, graph: Any) -> None:
    model.signature("s", graph, {"x": 99}, {})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_set(version=2), "schema version 2"),
        (_set(subgraphs=[]), "no subgraph"),
        (_set(subgraphs__i0__outputs=[77]), "name tensor 77 of 3"),
        (_set(subgraphs__i0__inputs=[0, 0]), "input twice"),
        (_set(subgraphs__i0__operators__i0__inputs=[0, -2]), "inputs name tensor -2 of 3"),
        (_set(subgraphs__i0__inputs=[0, -7]), "subgraph inputs name tensor -7 of 3"),
        (_set(subgraphs__i0__operators__i0__opcodeIndex=9), "operator code 9 of 1"),
        (_set(subgraphs__i0__tensors__i0__type=99), "unknown type 99"),
        (_set(subgraphs__i0__tensors__i1__buffer=50), "names buffer 50 of 2"),
        (_set(subgraphs__i0__tensors__i1__shape=[5]), "of 20 bytes has a buffer of 16"),
        (_set(subgraphs__i0__tensors__i0__shape=[-3, 4]), "dimension of -3"),
        (_set(subgraphs__i0__tensors__i0__shape=[2**30, 2**30]), "more elements than any file holds"),
        (_set(subgraphs__i0__tensors__i1__isVariable=True), "has constant data"),
        (_set(subgraphs__i0__operators__i0__builtinOptionsType=200), "of kind 200"),
        (_set(buffers__i1__data=None, buffers__i1__offset=1 << 40, buffers__i1__size=16), "outside the file"),
        (_missing_external, "external buffer 2147483653, which the model does not list"),
        (_bad_signature, "is tensor 99"),
    ],
)
def test_what_a_valid_flatbuffer_can_get_wrong(change: Callable[[Model, Any], None], why: str) -> None:
    with pytest.raises(tflir.Error, match=why):
        load_bytes(_with(change))


def test_loops_that_call_what_is_not_there() -> None:
    model = Model()
    graph = model.graph()
    state = [graph.tensor("i", (), np.int32)]
    after = [graph.tensor("o", (), np.int32)]
    graph.op("WHILE", state, after, options("WhileOptions", condSubgraphIndex=5, bodySubgraphIndex=6))
    graph.io(state, after)
    with pytest.raises(tflir.Error, match="calls subgraph 5 of 1"):
        load_bytes(model.to_bytes())


def test_strings_out_of_order() -> None:
    model = Model()
    graph = model.graph()
    bad = np.int32([2, 16, 400, 5]).tobytes()
    s = graph.tensor("s", (2,), schema.TensorType.STRING, buffer=model.buffer(bad))
    graph.io([], graph.op("CUSTOM", [s], [graph.tensor("y")], custom="S"))
    with pytest.raises(tflir.Error, match="offsets are out of order"):
        load_bytes(model.to_bytes())


def test_a_field_of_a_newer_schema_is_not_dropped() -> None:
    """A vtable entry beyond the known slots: the value would be lost, so the file is refused."""
    data = bytearray(build.gather(build.random(4, 2)))
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    length, inline = struct.unpack_from("<HH", data, vtable)
    slots = struct.unpack_from(f"<{length // 2 - 2}H", data, vtable + 4)
    wide = struct.pack("<HH", 4 + 2 * 12, inline) + struct.pack("<12H", *slots, *[0] * (11 - len(slots)), slots[0])
    at = -(-len(data) // 4) * 4
    data = data.ljust(at, b"\0") + wide
    struct.pack_into("<i", data, root, root - at)
    with pytest.raises(tflir.Error, match="slot 11 that this tflir does not know"):
        load_bytes(bytes(data))


def test_memory_is_bounded_where_everything_refers_to_one_table() -> None:
    """A vector of 200,000 offsets that all lead to one tensor: far more than the file holds."""
    data = bytearray(build.gather(build.random(4, 2)))
    model = schema.Model.GetRootAs(bytes(data), 0)
    table = model.Subgraphs(0)._tab
    field = table.Pos + table.Offset(4)
    tensor = model.Subgraphs(0).Tensors(0)._tab.Pos
    at = -(-len(data) // 4) * 4
    data = data.ljust(at, b"\0")
    count = 200_000
    offsets = (tensor - (at + 4 + 4 * np.arange(count, dtype=np.int64))) % (1 << 32)
    data += struct.pack("<I", count) + offsets.astype("<u4").tobytes()
    struct.pack_into("<I", data, field, at - field)
    tracemalloc.start()
    assert _compile(bytes(data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * len(data)


def test_files_that_are_no_files(tmp_path: pathlib.Path) -> None:
    empty = tmp_path / "empty.tflite"
    empty.touch()
    for path, why in ((empty, "is empty"), (tmp_path, "is a directory"), (tmp_path / "none", "can't be read")):
        with pytest.raises(tflir.Error, match=why) as caught:
            tflir.load(path)
        assert caught.value.file == str(path)
