"""A table that some op needs as floats is stored once: integers beside it would add bytes and noise."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import Model, options, random
from object_tree import tree

import tflir
from tflir.cli import main

_ROWS, _COLUMNS = 64, 32


def _codebook(*, in_another_shape: bool, distances: bool = True) -> bytes:
    """The row of a table for each of four indices and, if wanted, the distances of a vector from all of its rows."""
    model = Model()
    graph = model.graph()
    shape = (1, _ROWS, _COLUMNS) if in_another_shape else (_ROWS, _COLUMNS)
    table = random(_ROWS, _COLUMNS)
    x, which = graph.tensor("x", (1, _COLUMNS)), graph.tensor("which", (4,), np.int32)
    rows = graph.constant("rows", table)
    gathered = graph.tensor("gathered", (4, _COLUMNS))
    graph.op("GATHER", [rows, which], [gathered], options("GatherOptions"), version=1)
    if not distances:
        graph.io([which], [gathered])
        return model.to_bytes()
    same = graph.constant("same", table.reshape(shape)) if in_another_shape else rows
    distance = graph.tensor("distance", shape)
    graph.op("SQUARED_DIFFERENCE", [x, same], [distance], options("SquaredDifferenceOptions"))
    graph.io([x, which], [gathered, distance])
    return model.to_bytes()


def _kind_of_table(data: bytes) -> int:
    graph = tree(data)["graphs"][0]
    return next(t["type"] for name, t in graph["tensors"].items() if name.startswith("rows"))


@pytest.mark.parametrize("in_another_shape", [False, True])
@pytest.mark.parametrize("how", [("--mode", "dynamic-range"), ("--recipe", "dynamic_wi4_afp32")])
def test_a_table_that_stays_float_gets_no_copy(
    how: tuple[str, str], in_another_shape: bool, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "m.tflite", tmp_path / "o.tflite"
    path.write_bytes(_codebook(in_another_shape=in_another_shape))
    assert main(["compile", str(path), "-o", str(out), *how]) == 0
    assert "another op reads the same elements as floats" in capsys.readouterr().err
    assert out.stat().st_size <= path.stat().st_size
    assert _kind_of_table(out.read_bytes()) == schema.TensorType.FLOAT32


def test_a_table_that_nothing_else_reads_becomes_integers() -> None:
    data = _codebook(in_another_shape=False, distances=False)
    converter = tflir.Converter.from_bytes(data)
    converter.mode = "dynamic-range"
    made = converter.convert()
    assert _kind_of_table(made) == schema.TensorType.INT8
    assert len(made) < len(data) / 2
