"""Weights that a model computes from constants: a transposed table that a lookup and another layer read too."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Model, options, random
from net_builder import Net
from object_tree import tree
from recording import nearness, run

import tflir
from tflir.backends.litert.run import Runner
from tflir.cli import main

_ROWS, _COLUMNS = 64, 48


class _Tied:
    """A table, its rows by index, and layers that multiply by it and by what is made of it."""

    def __init__(self, *, half: bool = False) -> None:
        self.model = Model()
        self.graph = self.model.graph()
        self.net = Net(self.graph)
        self.table = self.net.constant("table", random(_ROWS, _COLUMNS), half=half)
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def lookup(self, builtin: str = "GATHER") -> None:
        which = self.graph.tensor("which", (4,), np.int32)
        gathers = builtin == "GATHER"
        operands = [self.table, which] if gathers else [which, self.table]
        how = options("GatherOptions") if gathers else None
        self.inputs.append(which)
        self.outputs.append(self.net.op(builtin, "rows", operands, (4, _COLUMNS), how))

    def layer(self, name: str, weights: int) -> None:
        rows, columns = self.net.shape(weights)
        x = self.graph.tensor(f"x_{name}", (1, columns))
        self.inputs.append(x)
        self.outputs.append(
            self.net.op("FULLY_CONNECTED", name, [x, weights, NONE], (1, rows), options("FullyConnectedOptions"))
        )

    def transposed(self) -> int:
        order = self.graph.constant("order", np.int32([1, 0]))
        how = options("TransposeOptions")
        return self.net.op("TRANSPOSE", "turned", [self.table, order], (_COLUMNS, _ROWS), how)

    def reshaped(self) -> int:
        return self.net.reshape("turned", self.table, (_COLUMNS, _ROWS))

    def half_of_rows(self) -> int:
        begin, size = (self.graph.constant(name, np.int32(of)) for name, of in (("b", [0, 0]), ("s", [32, _COLUMNS])))
        return self.net.op("SLICE", "turned", [self.table, begin, size], (32, _COLUMNS), options("SliceOptions"))

    def scaled_and_transposed(self) -> int:
        factor = self.graph.constant("factor", np.float32(0.5))
        return self.net.op("MUL", "scaled", [self.transposed(), factor], (_COLUMNS, _ROWS), options("MulOptions"))

    def bytes(self) -> bytes:
        self.graph.io(self.inputs, self.outputs)
        return self.model.to_bytes()


Make = Callable[[_Tied], int]
_MAKERS: list[Make] = [_Tied.transposed, _Tied.reshaped, _Tied.half_of_rows, _Tied.scaled_and_transposed]


def _tied(make: Make = _Tied.transposed, lookup: str = "GATHER", *, half: bool = False) -> bytes:
    tied = _Tied(half=half)
    tied.lookup(lookup)
    tied.layer("direct", tied.table)
    tied.layer("computed", make(tied))
    return tied.bytes()


def _operators(data: bytes) -> list[int]:
    return [op["code"] for op in tree(data)["graphs"][0]["operators"]]


def _weight_type(data: bytes, layer: str) -> int:
    """The type of the constant that a layer reads, be it stored as integers behind a dequantize; -1 if it has none."""
    graph = tree(data)["graphs"][0]
    makers = {name: op for op in graph["operators"] for name in op["outputs"]}
    layers = [op for op in graph["operators"] if op["code"] == schema.BuiltinOperator.FULLY_CONNECTED]
    weights = next(op for op in layers if layer in op["outputs"][0])["inputs"][1]
    if weights in makers and makers[weights]["code"] == schema.BuiltinOperator.DEQUANTIZE:
        weights = makers[weights]["inputs"][0]
    return -1 if weights in makers else graph["tensors"][weights]["type"]


def _samples(data: bytes, count: int = 6) -> list[list[Any]]:
    """Data for the inputs: indices, and normal values."""
    rng = np.random.default_rng(3)
    inputs = [tree(data)["graphs"][0]["tensors"][name] for name in tree(data)["graphs"][0]["inputs"]]
    return [
        [
            rng.integers(0, _ROWS, one["shape"]).astype(np.int32)
            if one["type"] == schema.TensorType.INT32
            else rng.standard_normal(one["shape"]).astype(np.float32)
            for one in inputs
        ]
        for _ in range(count)
    ]


_MODES: dict[str, dict[str, Any]] = {
    "dynamic range": {"mode": "dynamic-range"},
    "weight only": {"recipe": "weight_only_wi8_afp32"},
    "integer": {"mode": "int8"},
    "integer only": {"mode": "int8-only"},
    "16x8": {"mode": "int16x8"},
}


def _compiled(data: bytes, samples: list[list[Any]], mode: str) -> bytes:
    converter = tflir.Converter.from_bytes(data)
    for name, value in _MODES[mode].items():
        setattr(converter, name, value)
    if mode.startswith(("integer", "16")):
        converter.representative_dataset = lambda: iter(samples)
    return converter.convert()


@pytest.mark.parametrize("mode", list(_MODES))
@pytest.mark.parametrize("make", _MAKERS, ids=lambda make: make.__name__)
def test_weights_that_follow_from_a_shared_table_become_integers(make: Make, mode: str) -> None:
    data = _tied(make)
    samples = _samples(data)
    made = _compiled(data, samples, mode)
    assert _weight_type(made, "direct") == _weight_type(made, "computed") == schema.TensorType.INT8
    assert "16" in mode or len(made) < len(data)
    nearest = min(nearness(run(made, one, delegate=how), run(data, one)) for one in samples for how in (True, False))
    assert nearest > 30


@pytest.mark.parametrize("mode", ["dynamic range", "weight only"])
def test_other_lookups_and_tables_in_float16(mode: str) -> None:
    for data in (_tied(lookup="EMBEDDING_LOOKUP"), _tied(half=True)):
        assert _weight_type(_compiled(data, _samples(data), mode), "computed") == schema.TensorType.INT8


@pytest.mark.parametrize("mode", ["integer", "integer only"])
def test_weights_that_one_layer_computes_have_an_integer_form(mode: str) -> None:
    tied = _Tied()
    tied.layer("computed", tied.transposed())
    data = tied.bytes()
    assert _weight_type(_compiled(data, _samples(data), mode), "computed") == schema.TensorType.INT8


def _said(data: bytes, folder: pathlib.Path, capsys: pytest.CaptureFixture[str], *how: str) -> tuple[str, bytes]:
    path, out = folder / "m.tflite", folder / "o.tflite"
    path.write_bytes(data)
    assert main(["compile", str(path), "-o", str(out), *how]) == 0
    return capsys.readouterr().err, out.read_bytes()


def test_weights_stay_computed_if_their_table_stays_float(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tied = _Tied()
    x = tied.graph.tensor("x", (1, _COLUMNS))
    tied.inputs.append(x)
    shape = (_ROWS, _COLUMNS)
    how = options("SquaredDifferenceOptions")
    tied.outputs.append(tied.net.op("SQUARED_DIFFERENCE", "distance", [x, tied.table], shape, how))
    tied.layer("computed", tied.transposed())
    data = tied.bytes()
    said, made = _said(data, tmp_path, capsys, "--mode", "dynamic-range")
    assert "1 weight stays float, computed from constants at each run: another op reads the constants" in said
    assert len(made) <= len(data)


def test_what_is_left_out_or_float_by_recipe_is_not_computed(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "r.toml"
    rules.write_text("""
        [[rule]]
        weights = {bits = 8, granularity = "channel"}
        [[rule]]
        match = "computed"
        weights = "float"
    """)
    for how in (("--recipe", str(rules)), ("--mode", "dynamic-range", "--skip", "computed")):
        said, made = _said(_tied(), tmp_path, capsys, *how, "--force")
        assert "computed from constants" not in said
        assert _weight_type(made, "computed") in (-1, schema.TensorType.FLOAT32)


def test_tensorflow_s_numbers_keep_the_op() -> None:
    converter = tflir.Converter.from_bytes(_tied())
    converter.mode, converter.tf_compat = "dynamic-range", True
    assert schema.BuiltinOperator.TRANSPOSE in _operators(converter.convert())


def test_an_output_is_not_the_dequantize_of_a_constant() -> None:
    """LiteRT's default delegate does not write such an output."""
    tied = _Tied()
    turned = tied.transposed()
    tied.layer("computed", turned)
    tied.outputs.append(turned)
    data = tied.bytes()
    samples = _samples(data)
    made = _compiled(data, samples, "integer")
    for how in (True, False):
        assert nearness(run(made, samples[0], delegate=how), run(data, samples[0])) > 30


def test_a_constant_that_is_stored_twice_explains_a_larger_file(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tied = _Tied()
    turned = tied.transposed()
    tied.layer("computed", turned)
    tied.outputs.append(tied.net.op("EXP", "e", [turned], (_COLUMNS, _ROWS), options("ExpOptions")))
    said, _ = _said(tied.bytes(), tmp_path, capsys, "--mode", "dynamic-range")
    assert "constants that several ops read are stored in each form in which these read them" in said


def test_a_search_takes_weights_that_are_computed_for_layers(tmp_path: pathlib.Path) -> None:
    data = _tied()
    (tmp_path / "m.tflite").write_bytes(data)
    names = [port.name for port in Runner(data).entries[0].inputs]
    samples = zip(*_samples(data, 16), strict=True)
    np.savez(tmp_path / "d.npz", **{name: np.stack(held) for name, held in zip(names, samples, strict=True)})
    given = ["--representative-dataset", str(tmp_path / "d.npz")]
    out, rules, again = (tmp_path / name for name in ("o.tflite", "r.toml", "a.tflite"))
    model = str(tmp_path / "m.tflite")
    assert main(["search", model, "-o", str(out), "--bound", "snr>=20", "--rules-out", str(rules), *given]) == 0
    assert _weight_type(out.read_bytes(), "computed") in (schema.TensorType.INT8, schema.TensorType.INT4)
    assert main(["compile", model, "-o", str(again), "--recipe", str(rules), *given]) == 0
    assert again.read_bytes() == out.read_bytes()


def test_tensorflow_s_int16_of_a_table_that_is_weights_and_a_value_too() -> None:
    tied = _Tied(half=True)
    tied.layer("direct", tied.table)
    tied.layer("computed", tied.transposed())
    data = tied.bytes()
    samples = _samples(data)
    converter = tflir.Converter.from_bytes(data)
    converter.mode, converter.tf_compat = "int16x8", True
    converter.representative_dataset = lambda: iter(samples)
    assert nearness(run(converter.convert(), samples[0])[:1], run(data, samples[0])[:1]) > 30
