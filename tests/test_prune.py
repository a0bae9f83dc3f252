"""`tfl-prune`: how many weights go, and which, beside a slow reference; what stays as it is; what is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import models_builder as build
import numpy as np
import numpy.typing as npt
import pytest
from models_builder import Model, options, random
from recording import run, to_bytes
from xdsl.dialects.builtin import ModuleOp

from tflir.cli import main
from tflir.files import load_bytes
from tflir.ir import names
from tflir.ir.constants import as_numpy
from tflir.ir.errors import Error
from tflir.pass_manager import parse_pipeline, run_passes
from tflir.passes.base import PassReport
from tflir.passes.sparsity.prune import PrunePass

Array = npt.NDArray[Any]
Index = tuple[int, ...]


def _prune(data: bytes, **how: Any) -> tuple[ModuleOp, PassReport]:
    module = load_bytes(data)
    report = PrunePass(**{"min_elements": 1, **how}).run(module)
    module.verify()
    return module, report


def _constant(module: ModuleOp, name: str) -> Array:
    (op,) = [op for op in module.walk() if "const" in op.name and names.op_names(op) == [name]]
    return as_numpy(op.properties["value"])


def _of_dense(weights: Array, **how: Any) -> Array:
    """The weights of a FULLY_CONNECTED after the pass."""
    return _constant(_prune(build.fully_connected(weights), **how)[0], "w")


# The reference: every unit as a list of indices, exact scores, and a sort.


def _blocks(rows: int, columns: int) -> Callable[[Index], Iterator[list[Index]]]:
    def units(shape: Index) -> Iterator[list[Index]]:
        starts = (range(0, shape[0], rows), *map(range, shape[1:-1]), range(0, shape[-1], columns))
        for first, *middle, last in itertools.product(*starts):
            yield [(r, *middle, c) for r in range(first, first + rows) for c in range(last, last + columns)]

    return units


def _channels(axis: int) -> Callable[[Index], Iterator[list[Index]]]:
    def units(shape: Index) -> Iterator[list[Index]]:
        for channel in range(shape[axis]):
            yield [index for index in np.ndindex(*shape) if index[axis] == channel]

    return units


def _slow(values: Array, units: Iterator[list[Index]], count: int, magnitudes: Array | None = None) -> Array:
    """`values` with the `count` least of `units` set to 0."""
    size = values if magnitudes is None else magnitudes
    scored = [(sum(Fraction(float(size[i])) ** 2 for i in unit), at, unit) for at, unit in enumerate(units)]
    out = values.copy()
    for _, _, unit in sorted(scored, key=lambda each: each[:2])[:count]:
        for index in unit:
            out[index] = 0
    return out


@pytest.mark.parametrize("sparsity", [0.0, 0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize(
    ("structure", "rows", "columns"), [("unstructured", 1, 1), ("1x4", 1, 4), ("1x16", 1, 16), ("4x2", 4, 2)]
)
def test_the_least_units_go(structure: str, rows: int, columns: int, sparsity: float) -> None:
    weights = random(8, 48)
    found = _of_dense(weights, sparsity=sparsity, structure=structure)
    count = round(sparsity * (weights.size // (rows * columns)))
    assert np.count_nonzero(found == 0) == count * rows * columns
    np.testing.assert_array_equal(found, _slow(weights, _blocks(rows, columns)(weights.shape), count))


def _conv(builtin: str, filters: Array) -> bytes:
    """One CONV_2D or TRANSPOSE_CONV."""
    model = Model()
    graph = model.graph()
    x, w = graph.tensor("x", (1, 8, 8, filters.shape[3])), graph.constant("w", filters)
    y = graph.tensor("y", shape := (1, 8, 8, filters.shape[0]))
    if builtin == "CONV_2D":
        operands, table = [x, w, graph.constant("b", random(filters.shape[0]))], "Conv2DOptions"
    else:
        operands, table = [graph.constant("shape", np.int32(shape)), w, x], "TransposeConvOptions"
    graph.io([x], graph.op(builtin, operands, [y], options(table, padding=0, strideH=1, strideW=1)))
    return model.to_bytes()


@pytest.mark.parametrize("builtin", ["CONV_2D", "TRANSPOSE_CONV"])
@pytest.mark.parametrize(("structure", "count"), [("unstructured", 230), ("1x4", 58), ("1x2", 115), ("channel", 6)])
def test_convolutions_in_every_structure(builtin: str, structure: str, count: int) -> None:
    filters = random(8, 3, 3, 4)
    found = _constant(_prune(_conv(builtin, filters), structure=structure)[0], "w")
    units = _channels(0) if structure == "channel" else _blocks(1, int(structure[2:]) if "x" in structure else 1)
    np.testing.assert_array_equal(found, _slow(filters, units(filters.shape), count))


@pytest.mark.parametrize(("structure", "count"), [("unstructured", 922), ("1x4", 230), ("channel", 26)])
def test_depthwise_channels_are_the_last_axis(structure: str, count: int) -> None:
    data = build.convolutions()
    module, report = _prune(data, structure=structure, only=("depthwise/w",))
    before = random(1, 6, 6, 32)
    units = _channels(3) if structure == "channel" else _blocks(1, 4 if structure == "1x4" else 1)
    np.testing.assert_array_equal(_constant(module, "depthwise/w"), _slow(before, units(before.shape), count))
    np.testing.assert_array_equal(_constant(module, "conv/w"), random(32, 3, 3, 4))
    assert report.declined == {"not among those asked for": 1}


@pytest.mark.parametrize(("n", "m"), [(2, 4), (1, 4), (4, 8), (1, 3), (15, 16)])
def test_n_of_m_keeps_the_greatest(n: int, m: int) -> None:
    weights = np.random.default_rng(5).integers(-3, 4, (8, 48)).astype(np.float32)  # many ties
    found = _of_dense(weights, structure=f"{n}:{m}")
    for row, out in zip(weights.tolist(), found.tolist(), strict=True):
        for start in range(0, len(row), m):
            group = row[start : start + m]
            kept = sorted(range(m), key=lambda i, group=group: (-abs(group[i]), -i))[:n]
            assert out[start : start + m] == [v if i in kept else 0 for i, v in enumerate(group)]


def test_of_equal_units_the_first_go() -> None:
    np.testing.assert_array_equal(_of_dense(np.ones((2, 4), np.float32), sparsity=0.5), [[0] * 4, [1] * 4])
    weights = np.float32([[1, 2, 2, 1], [3, 0, 1, 0], [0, 1, 0, 3]])  # squares: 5 5, 9 1, 1 9
    expected = np.float32([[0, 0, 2, 1], [3, 0, 0, 0], [0, 0, 0, 3]])
    np.testing.assert_array_equal(_of_dense(weights, sparsity=0.5, structure="1x2"), expected)
    np.testing.assert_array_equal(
        _of_dense(np.ones((4, 2), np.float32), sparsity=0.5, structure="channel")[:, 0], [0, 0, 1, 1]
    )


def test_scores_neither_overflow_nor_vanish() -> None:
    weights = np.float32([[3e38, 3e38, 2e38, 2e38], [1e-40, 0, 2e-40, 0]])
    expected = [[3e38, 3e38, 0, 0], [0, 0, 0, 0]]
    np.testing.assert_array_equal(_of_dense(weights, sparsity=0.75, structure="1x2"), np.float32(expected))
    expected = [[3e38, 3e38, 2e38, 2e38], [0, 0, 2e-40, 0]]
    np.testing.assert_array_equal(_of_dense(weights, sparsity=0.25, structure="1x2")[1], np.float32(expected[1]))


def test_large_weights_in_several_chunks() -> None:
    weights = random(600, 1024)
    found = _of_dense(weights, structure="2x8", sparsity=0.9)
    scores = np.square(weights.astype(np.float64)).reshape(300, 2, 128, 8).sum((1, 3))
    gone = (found.reshape(300, 2, 128, 8) == 0).all((1, 3))
    assert gone.sum() == round(0.9 * scores.size)
    assert scores[gone].max() <= scores[~gone].min()


def test_what_stays_is_the_same_and_so_are_names() -> None:
    data = build.fully_connected(weights := random(32, 64))
    module, report = _prune(data)
    found = _constant(module, "w")
    kept = found != 0
    np.testing.assert_array_equal(found.view(np.uint32)[kept], weights.view(np.uint32)[kept])
    assert not np.signbit(found[~kept]).any()
    assert report.counts == {"weights pruned": 1}
    (row,) = report.details
    zeros = row.pop("zeros")
    assert zeros == pytest.approx(round(0.8 * 2048) / 2048)
    nbytes = weights.nbytes
    kinds = {"from": "float32", "to": "float32 unstructured"}
    assert row == {"tensor": "w", **kinds, "bytes_before": nbytes, "bytes_after": nbytes}
    np.testing.assert_array_equal(_constant(load_bytes(to_bytes(module)), "w"), found)


def test_what_is_sparse_already_is_left() -> None:
    weights = random(32, 64)
    weights[:, ::2] = -0.0
    module, report = _prune(build.fully_connected(weights), sparsity=0.5)
    assert report.declined == {"as sparse already": 1}
    assert not report.changed
    assert np.signbit(_constant(module, "w")[:, ::2]).all()


def test_the_runtime_computes_with_the_pruned_weights() -> None:
    weights, x = random(32, 64), random(1, 64, seed=3)
    module, _ = _prune(build.fully_connected(weights), structure="1x4")
    (found,) = run(to_bytes(module), [x])
    np.testing.assert_allclose(found, x @ _constant(module, "w").T + random(32, seed=1), rtol=1e-4, atol=1e-4)


def _dequantized(weights: Array, **how: Any) -> bytes:
    """A FULLY_CONNECTED whose weights come out of a DEQUANTIZE."""
    model = Model()
    graph = model.graph()
    x, stored = graph.tensor("x", (1, weights.shape[1])), graph.constant("w", weights, **how)
    w = graph.tensor("w32", weights.shape)
    graph.op("DEQUANTIZE", [stored], [w])
    y = graph.tensor("y", (1, weights.shape[0]))
    graph.io([x], graph.op("FULLY_CONNECTED", [x, w, build.NONE], [y], options("FullyConnectedOptions")))
    return model.to_bytes()


def test_float16_behind_a_dequantize() -> None:
    weights = random(8, 32).astype(np.float16)
    module, report = _prune(_dequantized(weights), structure="1x4")
    found = _constant(module, "w")
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, _slow(weights, _blocks(1, 4)(weights.shape), round(0.8 * 64)))
    assert report.details[0]["from"] == "float16"
    np.testing.assert_array_equal(_constant(load_bytes(to_bytes(module)), "w"), found)


@pytest.mark.parametrize("structure", ["unstructured", "1x4", "channel"])
def test_int8_counts_with_the_scale_of_its_channel(structure: str) -> None:
    values = np.random.default_rng(2).integers(-128, 128, (8, 32), np.int8)
    scales = np.float32(np.linspace(0.1, 2, 8))
    magnitudes = np.abs(values.astype(np.float32)) * scales[:, None]
    units = _channels(0) if structure == "channel" else _blocks(1, 4 if structure == "1x4" else 1)
    every = list(units(values.shape))
    expected = _slow(values, iter(every), round(0.6 * len(every)), magnitudes)
    data = _dequantized(values, scales=scales)
    np.testing.assert_array_equal(_constant(_prune(data, structure=structure, sparsity=0.6)[0], "w"), expected)


def test_an_integer_model_runs() -> None:
    module, report = _prune(build.int8(), structure="1x16")
    assert report.counts == {"weights pruned": 1}
    assert np.count_nonzero(_constant(module, "w") == 0) >= 0.8 * 2048 - 16
    run(to_bytes(module), [np.ones((1, 64), np.int8)])


def test_what_is_0_stays_0_as_integers() -> None:
    module = load_bytes(build.fully_connected())
    integers = "tfl-prepare-quantize-dynamic-range,tfl-quantize,tfl-post-quantize"
    run_passes(module, f"tfl-prune{{structure=1x16 sparsity=0.75}},{integers}")
    found = _constant(module, "w")
    assert found.dtype == np.int8
    assert (found.reshape(32, 4, 16) == 0).all(2).sum() == 96


def test_int8_with_a_zero_point_stays() -> None:
    _, report = _prune(_dequantized(np.ones((8, 32), np.int8), scales=[0.5], zero_points=[3]))
    assert report.declined == {"a zero point is not 0": 1}


def _shared(*, with_gather: bool) -> bytes:
    """A table that two FULLY_CONNECTED read, and a GATHER beside them if asked for."""
    model = Model()
    graph = model.graph()
    x, table = graph.tensor("x", (1, 32)), graph.constant("table", random(64, 32))
    outputs = []
    for name in ("y", "z"):
        y = graph.tensor(name, (1, 64))
        outputs += graph.op("FULLY_CONNECTED", [x, table, build.NONE], [y], options("FullyConnectedOptions"))
    if with_gather:
        ids = graph.constant("ids", np.int32([3, 1]))
        outputs += graph.op("GATHER", [table, ids], [graph.tensor("rows", (2, 32))], options("GatherOptions"))
    graph.io([x], outputs)
    return model.to_bytes()


def test_a_constant_that_two_ops_read_is_pruned_once() -> None:
    module, report = _prune(_shared(with_gather=False))
    assert report.counts == {"weights pruned": 1}
    table = random(64, 32)
    np.testing.assert_array_equal(
        _constant(module, "table"), _slow(table, _blocks(1, 1)(table.shape), round(0.8 * table.size))
    )


def test_a_tied_embedding_stays() -> None:
    module, report = _prune(_shared(with_gather=True))
    assert report.declined == {"also read by tfl.gather": 1}
    assert report.examples == {"also read by tfl.gather": "tfl.pseudo_const 'table'"}
    np.testing.assert_array_equal(_constant(module, "table"), random(64, 32))


@pytest.mark.parametrize(
    ("weights", "how", "why"),
    [
        (random(4, 6), {"structure": "1x4"}, "blocks of 1x4 do not divide its last axis of 6"),
        (random(6, 4), {"structure": "4x1"}, "blocks of 4x1 do not divide its first axis of 6"),
        (random(4, 6), {"structure": "2:4"}, "groups of 4 do not divide its last axis of 6"),
        (random(1, 64), {"structure": "channel"}, "nothing would be left of its 1 units"),
        (random(31, 33), {"min_elements": 1024}, "fewer than 1024 elements"),
        (np.float32([[1, np.nan], [2, 3]]), {}, "the constant holds NaN or infinity"),
        (np.float32([[1, -np.inf], [2, 3]]), {"structure": "1:2"}, "the constant holds NaN or infinity"),
    ],
)
def test_declined(weights: Array, how: dict[str, Any], why: str) -> None:
    module, report = _prune(build.fully_connected(weights), **how)
    assert report.declined == {why: 1}
    assert not report.changed
    np.testing.assert_array_equal(_constant(module, "w"), weights)


def test_biases_are_no_weights() -> None:
    _, report = _prune(build.convolutions())
    assert report.counts == {"weights pruned": 2}
    assert not report.declined


@pytest.mark.parametrize(("names_", "pruned"), [(("conv/w",), 1), (("^conv", "depthwise"), 2), (("/w$",), 2)])
def test_only(names_: tuple[str, ...], pruned: int) -> None:
    assert _prune(build.convolutions(), only=names_)[1].counts == {"weights pruned": pruned}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("sparsity=1", "sparsity 1 is out of range: give 0 <= sparsity < 1"),
        ("sparsity=-0.5", "sparsity -0.5 is out of range: give 0 <= sparsity < 1"),
        ("structure=3x5", "'3x5' is no structure: use unstructured, channel"),
        ("structure=1x128", "'1x128' is no structure"),
        ("structure=4:4", "'4:4' is no structure"),
        ("structure=0:4", "'0:4' is no structure"),
        ("structure=blocks", "'blocks' is no structure"),
        ("sparsity=0.8 structure=2:4", "structure 2:4 means a sparsity of 0.5, not 0.8: leave sparsity out"),
        ("only=nothing", "'nothing' names no weight of the model"),
        ("only=*", "'*' is no regular expression"),
        ("only=ww", "'ww' names no weight of the model"),
    ],
)
def test_refused_options(given: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(build.fully_connected())
    assert main(["compile", str(path), "-p", f"tfl-prune{{{given}}}", "-o", str(tmp_path / "out.tflite")]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "tfl-prune: " in captured.err
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "out.tflite").exists()


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "model.tflite", tmp_path / "out.tflite"
    path.write_bytes(build.fully_connected())
    assert main(["compile", str(path), "-p", "tfl-prune{sparsity=0.8 structure=1x4}", "-o", str(out), "-v"]) == 0
    assert "tfl-prune: 1 weights pruned" in capsys.readouterr().err
    assert np.count_nonzero(_constant(load_bytes(out.read_bytes()), "w") == 0) == round(0.8 * 512) * 4


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{structure=2:4}", PrunePass(structure="2:4")),
        ('{structure="2:4" sparsity=0.5}', PrunePass(structure="2:4", sparsity=0.5)),
        ("{sparsity=0 structure=channel}", PrunePass(sparsity=0, structure="channel")),
        ("{structure=1:3 sparsity=0.667}", PrunePass(structure="1:3", sparsity=0.667)),
        (r"{only=a/w:0,conv\d+/.*,plain}", PrunePass(only=("a/w:0", r"conv\d+/.*", "plain"))),
        ('{only="a b=1:2,{3}",c:0 structure=1x4}', PrunePass(only=("a b=1:2,{3}", "c:0"), structure="1x4")),
        ("{only=[ab]:0}", PrunePass(only=("[ab]:0",))),
    ],
)
def test_spelling(given: str, expected: PrunePass) -> None:
    assert parse_pipeline(f"tfl-prune{given},tfl-quantize")[0] == expected


def test_a_pass_prints_as_it_reads() -> None:
    one = PrunePass(sparsity=0.75, structure="1:4", only=("a", "b"))
    assert parse_pipeline(str(one)) == [one]


def test_what_another_tool_reads_gets_no_quotes() -> None:
    (one,) = parse_pipeline("mlir-opt[cse{x=2:4}]")
    assert "2:4" in str(one)
    assert '"2:4"' not in str(one)


def test_python_says_what_is_wrong_at_once() -> None:
    with pytest.raises(Error, match="sparsity nan is out of range"):
        PrunePass(sparsity=float("nan"))
