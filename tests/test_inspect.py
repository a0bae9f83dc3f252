"""`tflir inspect`: the facts, the page and the JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import models_builder as models
import numpy as np
import pytest

from tflir.cli import main
from tflir.commands.inspect import shape_text
from tflir.commands.terminal import human_size, percent, printable, shorten
from tflir.inspected_constants import count_zeros
from tflir.inspection import Inspection, inspect_file
from tflir.ir.constants import elements
from tflir.ir.types import element_type

EVERY_KIND = (
    *("fully_connected", "convolutions", "gather", "loop", "branch", "strings", "custom"),
    *("signatures", "stateful", "int8", "dynamic"),
)


@pytest.fixture(name="inspected")
def _inspected(tmp_path: Path) -> Any:
    """Writes a model's bytes and gives the facts of the file."""

    def run(data: bytes) -> Inspection:
        path = tmp_path / "model.tflite"
        path.write_bytes(data)
        return inspect_file(path)

    return run


@pytest.fixture(name="shown")
def _shown(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a model's bytes and gives what the command prints."""

    def run(data: bytes, *flags: str, columns: int = 80) -> str:
        path = tmp_path / "model.tflite"
        path.write_bytes(data)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["inspect", path.name, *flags]) == 0
        return capsys.readouterr().out

    return run


def test_facts_of_a_float_model(inspected: Any) -> None:
    data = models.fully_connected()
    found = inspected(data)
    assert (found.bytes, found.description, found.schema_version) == (len(data), "one fully connected layer", 3)
    assert found.min_runtime_version == "1.5.0"
    assert found.constant_bytes == 4 * 32 * 64 + 4 * 32
    assert found.quantization.scheme == "none"
    (kind,) = found.operators
    assert (kind.name, kind.count, kind.versions, kind.constant_bytes) == ("fully_connected", 1, [1], 8320)
    (group,) = found.types
    assert (group.type, group.constants, group.activations, group.bytes) == ("float32", 2, 2, 8320)
    (subgraph,) = found.subgraphs
    assert (subgraph.name, subgraph.operators) == ("main", 1)
    assert [(port.name, port.type, port.shape) for port in subgraph.inputs] == [("x", "float32", (1, 64))]
    (signature,) = found.signatures
    assert (signature.key, signature.subgraph, signature.outputs[0].name) == ("serving_default", "main", "y")
    assert [(entry.name, entry.bytes) for entry in found.metadata] == [("min_runtime_version", 16)]


def test_facts_of_an_int8_model(inspected: Any) -> None:
    found = inspected(models.int8())
    assert found.quantization.scheme == "int8"
    assert (found.quantization.per_axis, found.quantization.quantized_activations) == (2, 2)
    port = found.subgraphs[0].inputs[0]
    assert (port.type, port.scale, port.zero_point) == ("int8 per-tensor", 0.5, 3)
    assert {group.type: group.constants for group in found.types} == {
        "int8 per-channel": 1, "int32 per-channel": 1, "int8 per-tensor": 0,
    }  # fmt: skip


def test_hybrid_operators_are_dynamic_range(inspected: Any) -> None:
    model = models.Model()
    graph = model.graph()
    x, y = graph.tensor("x", (1, 64)), graph.tensor("y", (1, 32))
    w = graph.constant("w", np.ones((32, 64), np.int8), scales=[0.1])
    graph.io([x], graph.op("FULLY_CONNECTED", [x, w, models.NONE], [y], models.options("FullyConnectedOptions")))
    found = inspected(model.to_bytes())
    assert found.quantization.scheme == "dynamic range"
    assert (found.quantization.hybrid_operators, found.quantization.per_tensor) == (1, 1)


def test_constants_behind_a_dequantize_belong_to_what_uses_them(inspected: Any) -> None:
    model = models.Model()
    graph = model.graph()
    x, y, wide = graph.tensor("x", (1, 64)), graph.tensor("y", (1, 32)), graph.tensor("wide", (32, 64))
    w = graph.constant("w", np.ones((32, 64), np.float16))
    graph.op("DEQUANTIZE", [w], [wide], models.options("DequantizeOptions"), version=3)
    graph.io([x], graph.op("FULLY_CONNECTED", [x, wide, models.NONE], [y], models.options("FullyConnectedOptions")))
    found = inspected(model.to_bytes())
    assert found.quantization.scheme == "float16 weights"
    assert {kind.name: kind.constant_bytes for kind in found.operators} == {"fully_connected": 4096, "dequantize": 0}


def test_shared_bytes_count_once(inspected: Any) -> None:
    model = models.Model()
    graph = model.graph()
    buffer = model.buffer(models.random(64, 32).tobytes())
    one, other = (graph.tensor(name, (64, 32), buffer=buffer) for name in ("one", "other"))
    out = graph.tensor("sum", (64, 32))
    graph.io([], graph.op("ADD", [one, other], [out], models.options("AddOptions")))
    found = inspected(model.to_bytes())
    assert found.constant_bytes == 64 * 32 * 4
    assert found.types[0].constants == 2


def test_custom_and_flex_operators(inspected: Any, shown: Any) -> None:
    (kind,) = inspected(models.custom("FlexErf")).operators
    assert (kind.name, kind.custom, kind.flex) == ("FlexErf", True, True)
    (kind,) = inspected(models.custom()).operators
    assert (kind.custom, kind.flex) == (True, False)
    assert "needs Flex" in shown(models.custom("FlexErf"))


def test_control_flow_and_variables(inspected: Any) -> None:
    assert [graph.operators for graph in inspected(models.loop()).subgraphs] == [1, 1, 2]
    assert [graph.name for graph in inspected(models.branch()).subgraphs] == ["main", "then", "else"]
    assert inspected(models.stateful()).variables == 1


def test_subgraphs_and_signatures_without_inputs_and_outputs(shown: Any) -> None:
    model = models.Model()
    for name in ("first", "second"):
        model.signature(f"to_{name}", model.graph(name), {}, {})
    lines = [" ".join(line.split()) for line in shown(model.to_bytes()).splitlines()]
    assert {"first 0", "second 0", "to_first first", "to_second second"} <= set(lines)


def test_metadata_without_names(inspected: Any, shown: Any) -> None:
    model = models.Model()
    model.graph()
    model.metadata("named", b"abc")
    model.record.metadataBuffer = [model.record.metadata[0].buffer, model.buffer(bytes(300))]
    assert [(entry.name, entry.bytes) for entry in inspected(model.to_bytes()).metadata] == [("named", 3), ("", 300)]
    assert "(no name)" in shown(model.to_bytes())


def test_zeros_of_large_constants(inspected: Any) -> None:
    table = models.random(64, 32)
    table[:16] = 0
    table[16, 0] = -0.0
    (constant,) = inspected(models.gather(table)).constants
    assert (constant.name, constant.shape, constant.bytes, constant.sparse) == ("table", (64, 32), 8192, False)
    assert constant.zeros == 16 * 32 + 1
    assert constant.zero_share == pytest.approx(513 / 2048)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float64, np.int8, np.int64, ml_dtypes.bfloat16, ml_dtypes.float8_e5m2]
)
def test_zeros_are_counted_in_every_type(dtype: Any) -> None:
    values = np.arange(-3, 1000, dtype=np.float32).clip(-3, 3).astype(dtype)
    name = {"float8_e5m2": "FLOAT8_E5M2"}.get(values.dtype.name, values.dtype.name.upper())
    assert count_zeros(elements(values, element_type(name))) == 1


@pytest.mark.parametrize(("name", "low"), [("INT4", -8), ("UINT4", 0), ("INT2", -2)])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 4096])
def test_zeros_are_counted_in_packed_types(name: str, low: int, count: int) -> None:
    values = (np.arange(count) % 4 + (low if low > -8 else -2)).astype(np.int8)
    value = elements(values, element_type(name))
    for zero in (0, 1):
        assert count_zeros(value, zero) == int((values == zero).sum())


def test_the_zero_point_stands_for_zero(inspected: Any) -> None:
    model = models.Model()
    graph = model.graph()
    x, y = graph.tensor("x", (64, 32)), graph.tensor("y", (64, 32))
    w = graph.constant("w", np.full((64, 32), 128, np.uint8), scales=[0.1], zero_points=[128])
    wide = graph.op("DEQUANTIZE", [w], [graph.tensor("wide", (64, 32))], models.options("DequantizeOptions"))
    graph.io([x], graph.op("ADD", [x, *wide], [y], models.options("AddOptions")))
    found = inspected(model.to_bytes())
    assert found.constants[0].zero_share == 1
    assert found.quantization.scheme == "weight-only"


def test_json_has_all_of_it(shown: Any) -> None:
    found = json.loads(shown(models.fully_connected(), "--json"))
    assert list(found) == [
        "version", "file", "bytes", "description", "schema_version", "min_runtime_version", "constant_bytes",
        "metadata_bytes", "quantization", "subgraphs", "signatures", "operators", "types", "constants", "variables",
        "metadata", "associated_files", "placed_bytes",
    ]  # fmt: skip
    assert found["constants"][0]["shape"] == [32, 64]
    assert list(found["operators"][0]) == ["name", "custom", "flex", "count", "versions", "constant_bytes"]


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize("name", EVERY_KIND)
def test_the_page_fits(shown: Any, name: str, columns: int) -> None:
    page = shown(getattr(models, name)(), columns=columns)
    assert max(map(len, page.splitlines())) <= columns
    assert "\x1b" not in page
    for title in ("file ", "size ", "Subgraph", "Operators: ", "Tensors"):
        assert title in page


def test_the_page_of_a_dynamic_model(shown: Any) -> None:
    assert "?x4" in shown(models.dynamic())


def test_long_lists_are_cut_unless_asked_for(shown: Any) -> None:
    model = models.Model()
    graph = model.graph()
    inputs = [graph.tensor(f"in{i}", (1,)) for i in range(40)]
    graph.io(inputs, graph.op("ADD_N", inputs, [graph.tensor("sum", (1,))], models.options("AddNOptions")))
    data = model.to_bytes()
    assert "… 28 more" in shown(data)
    assert "in39" in shown(data, "-v")


def test_names_that_would_move_the_cursor_are_harmless(shown: Any) -> None:
    model = models.Model("evil\x1b[2J")
    graph = model.graph()
    x, y = graph.tensor("x\x1b[31m\n", (1,)), graph.tensor("y", (1,))
    graph.io([x], graph.op("RELU", [x], [y]))
    page = shown(model.to_bytes())
    assert "\x1b" not in page
    assert "x?[31m?" in page


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "no.tflite"
    path.write_text("no model")
    assert main(["inspect", str(path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_words() -> None:
    assert [human_size(n) for n in (0, 999, 1000, 386_205_304, 2_400_000_000)] == [
        "0 B", "999 B", "1.0 kB", "386.2 MB", "2.40 GB",
    ]  # fmt: skip
    assert [percent(part, 10_000) for part in (0, 1, 5000, 9999, 10_000)] == ["0", "<0.1%", "50.0%", ">99.9%", "100.0%"]
    assert percent(1, 0) == ""
    assert shorten("block3/expanded/weights", 12) == "bloc…weights"
    assert printable("a\tb\ud800") == "a?b?"
    assert [shape_text(shape) for shape in (None, (), (-1, 3))] == ["*", "scalar", "?x3"]


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_columns_are_whole_on_narrow_terminals(
    columns: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bars go first; then lines are longer than the terminal is wide."""
    monkeypatch.setenv("COLUMNS", str(columns))
    (tmp_path / "model.tflite").write_bytes(models.fully_connected())
    assert main(["inspect", str(tmp_path / "model.tflite")]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert any(line.startswith("fully_connected ") for line in lines)
    types = lines[lines.index("Tensors") + 1 :]
    assert types[0].split()[:2] == ["type", "activations"]
    assert types[2].startswith("float32 ")
