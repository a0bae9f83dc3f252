"""What a file asks for is bounded by its size: aliases, splats, sparse and shared constants, nesting."""
# ruff: noqa: E501 - MLIR text is wide

from __future__ import annotations

import pathlib
import time
import tracemalloc
from collections.abc import Generator

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import Model, options, random
from xdsl.dialects.builtin import ModuleOp

import tflir
from tflir.cli import main
from tflir.files import load_bytes, to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.constants import as_numpy
from tflir.ir.limits import within_limits
from tflir.ir.tfl.constants import BuiltinOp, ConstOp, SparseConstOp
from tflir.pass_manager import run_pass
from tflir.passes.base import PassReport, TflPass

_MEGABYTES = 64


@pytest.fixture(autouse=True)
def _bounded() -> Generator[None]:
    """Whatever a test here does, it does in little time and memory."""
    start = time.process_time()
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < _MEGABYTES << 20
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 10


def _function(body: str = "", result: str = "tensor<1xf32>", value: str = "%x", before: str = "") -> str:
    return (
        f"{before}func.func @main(%x: tensor<1xf32>) -> {result} {{\n  {body}\n  func.return {value} : {result}\n}}\n"
    )


def _constant(literal: str, kind: str, before: str = "") -> str:
    held = literal if literal.startswith("#") else f"{literal} : tensor<{kind}>"
    op = f'%c = "tfl.pseudo_const"() <{{value = {held}}}> : () -> tensor<{kind}> loc("c")'
    return _function(op, f"tensor<{kind}>", "%c", before)


def _why(text: str) -> str:
    """The one line with which a text is refused."""
    with pytest.raises(tflir.Error) as refused:
        parse_text(text.encode(), "t.mlir")
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith("t.mlir:")
    return line


def _tenfold(first: str, one: str, levels: int = 9) -> str:
    """Aliases each of which names the one before ten times."""
    lines = [f"#a0 = {first}"]
    lines += [f"#a{n} = {one.format(', '.join([f'#a{n - 1}'] * 10))}" for n in range(1, levels + 1)]
    return "\n".join(lines) + "\n"


_NAMED = '%y = "tfl.abs"(%x) : (tensor<1xf32>) -> tensor<1xf32> loc(#a9)'
_TYPED = '%y = "tfl.abs"(%x) {t = !a9} : (tensor<1xf32>) -> tensor<1xf32>'


@pytest.mark.parametrize(
    "text",
    [
        _function(before=_tenfold('"a"', "[{}]")) + "module attributes {a = #a9} {}",
        _function(_NAMED, before=_tenfold('loc("a")', "loc(fused[{}])")),
        _function(_TYPED, before=_tenfold("tuple<f32>", "tuple<{}>").replace("#", "!")),
        "\n".join(reversed(_tenfold('"a"', "[{}]").splitlines())) + "\nmodule attributes {a = #a9} {}",
    ],
    ids=["attributes", "locations", "types", "used before they are defined"],
)
def test_aliases_of_aliases(text: str) -> None:
    assert "aliases of aliases" in _why(text)


def test_aliases_that_people_write_are_read() -> None:
    chain = "".join(f"#a{n} = loc(callsite(#b at #a{n - 1}))\n" for n in range(1, 10))
    text = _function(_NAMED, before='#b = loc("b")\n#a0 = loc("a")\n' + chain)
    assert "tfl.abs" in str(parse_text(text.encode(), "t.mlir"))


@pytest.mark.parametrize(
    "text",
    [
        "module attributes {a = " + "[" * 3000 + "]" * 3000 + "} {}",
        "module attributes {a = " + "{a = " * 3000 + "1" + "}" * 3000 + "} {}",
        "module {" * 3000 + "}" * 3000,
        _function('%y = "tfl.abs"(%x) : (tensor<1xf32>) -> tensor<1xf32> loc(' + "fused[" * 3000 + '"a"' + "]" * 3000 + ")"),
        _function('%y = "tfl.abs"(%x) {t = ' + "tuple<" * 3000 + "f32" + ">" * 3000 + "} : (tensor<1xf32>) -> tensor<1xf32>"),
        _constant("dense<" + "[" * 3000 + "]" * 3000 + ">", "1xf32"),
        _function() + "{-# a: {" + "a: {" * 3000,
        _function() + "{-# a: {" + "a: {" * 3000 + "}" * 3001 + "#-}",
        _function() + '{-# "external_resources": {' + '"a": {' * 3000 + "}" * 3001 + "#-}",
    ],
)  # fmt: skip
def test_nesting(text: str) -> None:
    assert "nested" in _why(text)


@pytest.mark.parametrize(
    ("literal", "kind"),
    [
        ("dense<0.0>", "100000x1000000xf32"),
        ("dense<1>", "60000x1000000xi8"),
        ("dense<1>", "4000000000xi4"),
        ('dense<"0x01">', "4000000000xi4"),
        ("dense<1>", "4000000000xi2"),
        ("dense<3>", "4000000000xui4"),
        ("dense<true>", "4000000000xi1"),
        ('dense<"a">', "400000000x!tf_type.string"),
        ('dense<"">', "400000000x!tf_type.string"),
        ("dense<1>", "4000000000xi3"),
        ("dense<1>", "400000000xindex"),
        ("dense<(1.0,2.0)>", "400000000xcomplex<f32>"),
    ],
)
def test_one_value_for_gigabytes(literal: str, kind: str) -> None:
    assert _why(_constant(literal, kind)).startswith("t.mlir:2:")


def test_one_value_for_gigabytes_elsewhere() -> None:
    splat = "dense<1> : tensor<400000000000xui8>"
    assert "more than" in _why(f'module attributes {{tfl.metadata = [["a", {splat}]]}} {{}}')
    shared = _constant("#s", "60000000xf32", "#s = dense<1.0> : tensor<60000000xf32>\n")
    op = shared.splitlines()[2]
    assert "more than" in _why(shared.replace(op, "\n".join(op.replace("%c", f"%c{n}") for n in range(8)) + op))


@pytest.mark.parametrize(
    ("kind", "value"), [("i4", 7), ("i4", -1), ("i2", 1), ("ui4", 9), ("i1", 1), ("i8", -3), ("f16", 0.5)]
)
def test_one_value_stays_one_value(kind: str, value: float) -> None:
    """As many elements as would take the memory that a test here has; the value is what was written."""
    count = 100_000_001
    literal = "true" if kind == "i1" else str(value)
    module = parse_text(_constant(f"dense<{literal}>", f"{count}x{kind}").encode(), "t.mlir")
    held = _op(module, ConstOp).value
    assert f"dense<{literal}" in str(tflir_text(module)) or kind == "f16"
    few = parse_text(_constant(f"dense<{literal}>", f"200001x{kind}").encode(), "t.mlir")
    assert held.blob.nbytes == -(-count * {"i4": 4, "ui4": 4, "i2": 2}.get(kind, 8 * (2 if kind == "f16" else 1)) // 8)
    assert set(as_numpy(_op(few, ConstOp).value).tolist()) == {value}


def tflir_text(module: ModuleOp) -> str:
    from tflir.backends.mlir import module_text

    return module_text(module)


def _op(module: ModuleOp, kind: type) -> object:
    return next(op for op in module.walk() if isinstance(op, kind))


def test_types_of_thousands_of_dimensions() -> None:
    assert "dimensions" in _why(_function(f'%y = "tfl.abs"(%x) : (tensor<{"1x" * 50000}f32>) -> tensor<1xf32>'))


# Tables.


def _sparse(
    shape: tuple[int, ...], levels: list[tuple[int, list[int], list[int]]], data: bytes, **more: object
) -> bytes:
    """A model of one sparse float32 weight; a level is its dense size, or (0, segments, indices)."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", shape)
    kind = more.get("kind", schema.TensorType.FLOAT32)
    w = graph.tensor("w", shape, kind, buffer=model.buffer(data) if data else 0)
    made = graph.record.tensors[w].sparsity = schema.SparsityParametersT()
    made.traversalOrder, made.blockMap = more.get("order", list(range(len(levels)))), more.get("blocks", [])
    made.dimMetadata = []
    for size, segments, indices in levels:
        level = schema.DimensionMetadataT()
        level.format, level.denseSize = int(bool(segments)), size
        if segments:
            level.arraySegmentsType = level.arrayIndicesType = schema.SparseIndexVector.Int32Vector
            level.arraySegments, level.arrayIndices = schema.Int32VectorT(), schema.Int32VectorT()
            level.arraySegments.values, level.arrayIndices.values = segments, indices
        made.dimMetadata.append(level)
    d = graph.tensor("d", shape, kind)
    graph.op("DENSIFY", [w], [d])
    y = graph.tensor("y", shape)
    if kind == schema.TensorType.FLOAT32:
        graph.op("ADD", [x, d], [y], options("AddOptions"))
    else:
        graph.op("CUSTOM", [x, d], [y], custom="Foo")
    graph.io([x], [y])
    return model.to_bytes()


_TWO = random(2).tobytes()


def test_a_sparse_weight_that_fits_is_read() -> None:
    module = load_bytes(_sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, 0])], _TWO))
    tflir.run_passes(module, "tfl-densify-fold")
    dense = as_numpy(_op(module, ConstOp).value)
    assert dense[0, 3] == random(2)[0]
    assert dense[1, 0] == random(2)[1]
    assert np.count_nonzero(dense) == 2


@pytest.mark.parametrize(
    "data",
    [
        _sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, 4])], _TWO),
        _sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, -1])], _TWO),
        _sparse((2, 4), [(2, [], []), (0, [0, 2, 1], [3])], _TWO),
        _sparse((2, 4), [(2, [], []), (0, [0, 1], [3])], _TWO),
        _sparse((2, 4), [(3, [], []), (0, [0, 1, 2, 2], [3, 0])], _TWO),
        _sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, 0])], random(3).tobytes()),
        _sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, 0])], b""),
        _sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, 0])], _TWO, order=[0, 0]),
        _sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, 0])], _TWO, order=[0, 1000]),
        _sparse((2, 4), [(2, [], []), (0, [0, 1, 2], [3, 0])], _TWO, blocks=[1]),
        _sparse((2, 4), [(-2, [], []), (-1, [], [])], _TWO),
        _sparse((2, 4), [], _TWO),
        _sparse((), [], random(1).tobytes()),
    ],
)
def test_sparse_encodings_that_do_not_fit(data: bytes) -> None:
    with pytest.raises(tflir.Error, match="sparse tensor 'w'"):
        load_bytes(data)


def test_sparse_weights_of_small_integers() -> None:
    """Three stored values of int4 are two bytes."""
    data = _sparse((2, 4), [(2, [], []), (0, [0, 1, 3], [3, 0, 2])], b"\x21\x03", kind=schema.TensorType.INT4)
    module = load_bytes(data)
    assert as_numpy(_op(module, SparseConstOp).compressed_data).tolist() == [1, 2, 3]
    assert to_bytes(parse_text(tflir_text(module).encode(), "t.mlir"))
    tflir.run_passes(module, "tfl-densify-fold")
    assert as_numpy(_op(module, ConstOp).value).tolist() == [[0, 0, 0, 1], [2, 0, 3, 0]]


@pytest.mark.parametrize("size", [1 << 14, 1 << 20])
def test_a_stored_value_of_gigabytes_stays_sparse(size: int) -> None:
    data = _sparse((size, 1 << 14), [(0, [0, 1], [5]), (0, [0, 1], [7])], random(1).tobytes())
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT, tflir.Optimize.EXPERIMENTAL_SPARSITY]
    assert len(converter.convert()) < 4096


@pytest.mark.parametrize("builtin", ["ABS", "CUSTOM"])
def test_values_of_any_number_of_channels(builtin: str) -> None:
    """A shape of activations is a number that the file need not hold anything for."""
    model = Model()
    graph = model.graph()
    x = last = graph.tensor("x", (1, (1 << 31) - 1))
    for n in range(20):
        (last,) = graph.op(builtin, [last], [graph.tensor(f"y{n}", (1, (1 << 31) - 1))], custom="Foo")
    graph.io([x], [last])
    module = load_bytes(model.to_bytes())
    (report,) = tflir.run_passes(module, "tfl-remove-dead-channels")
    assert "channels" in next(iter(report.declined))


def test_a_buffer_that_thousands_of_tensors_share() -> None:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 1000))
    buffer = model.buffer(random(500, 1000).tobytes())
    for n in range(300):
        weight = graph.tensor(f"w{n}", (500, 1000), buffer=buffer)
        y = graph.tensor(f"y{n}", (1, 500))
        graph.op("FULLY_CONNECTED", [x, weight, -1], [y], options("FullyConnectedOptions"))
    graph.io([x], [y])
    with pytest.raises(tflir.Error, match="constants of more than"):
        load_bytes(model.to_bytes())


def test_a_constant_whose_signature_is_of_another_size() -> None:
    model = Model()
    graph = model.graph()
    x, c = graph.tensor("x", (1,)), graph.constant("c", np.float32([1]))
    graph.record.tensors[c].shapeSignature = [1000]
    graph.io([x], graph.op("ADD", [x, c], [graph.tensor("y", (1,))], options("AddOptions")))
    with pytest.raises(tflir.Error, match="constant 'c' of shape"):
        load_bytes(model.to_bytes())


@pytest.mark.parametrize(
    ("builtin", "table", "field", "operands"),
    [
        ("ADD", "AddOptions", "fusedActivationFunction", 2),
        ("MIRROR_PAD", "MirrorPadOptions", "mode", 2),
        ("CAST", "CastOptions", "inDataType", 1),
    ],
)
def test_a_word_that_the_schema_lacks_is_kept(builtin: str, table: str, field: str, operands: int) -> None:
    """By `tfl.builtin`, in the text too; no pass touches the operator."""
    model = Model()
    graph = model.graph()
    x, pads = graph.tensor("x", (1, 4)), graph.constant("p", np.int32([[0, 0], [1, 1]]))
    other = x if builtin == "ADD" else pads
    how = options(table, **{field: 77})
    graph.io([x], graph.op(builtin, [x, other][:operands], [graph.tensor("y", (1, 4))], how))
    module = load_bytes(model.to_bytes())
    assert _op(module, BuiltinOp)
    again = to_bytes(parse_text(tflir_text(module).encode(), "t.mlir"))
    kept = schema.ModelT.InitFromPackedBuf(again, 0).subgraphs[0].operators[0].builtinOptions
    assert getattr(kept, field) == 77


# What Python raises.


class _Failing(TflPass):
    name = "failing"

    def __init__(self, error: type[BaseException]) -> None:
        object.__setattr__(self, "error", error)

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        raise self.error  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_want_of_memory_or_stack_is_no_bug(error: type[BaseException]) -> None:
    with pytest.raises(tflir.Error) as raised, within_limits("import"):
        raise error
    assert str(raised.value).startswith("import: the model ")
    with pytest.raises(tflir.Error) as raised:
        run_pass(_Failing(error), ModuleOp([]))
    assert str(raised.value).startswith("failing: the model ")
    assert "bug" not in str(raised.value)


def test_the_command_line_says_so_in_one_line(tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "t.mlir", tmp_path / "o.tflite"
    path.write_text(_constant("dense<1>", "60000x1000000xi8"))
    assert main(["compile", str(path), "-o", str(out), "-p", "tfl-optimize"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {path}:2:")
    assert not out.exists()
