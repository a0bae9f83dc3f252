"""Nothing is lost: what goes in comes out, through the IR and through text."""

from __future__ import annotations

import gc
import io
import pathlib
import weakref
from collections.abc import Callable

import flatbuffers
import models_builder as build
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import NONE, Model, options
from object_tree import tree

import tflir
from tflir.backends.mlir import write_text
from tflir.files import load_bytes, to_bytes
from tflir.frontends.mlir import parse_text
from tflir.frontends.tflite.mapping import ModelFile
from tflir.frontends.tflite.model import ModelImport
from tflir.ir.control import decode_edges, encode_edges
from tflir.ir.verify import verify_module


def _types(kinds: list[str]) -> bytes:
    """A CUSTOM op over one tensor of each type."""
    model = Model()
    graph = model.graph()
    tensors = [graph.tensor(f"t{k}", (2, 3), getattr(schema.TensorType, k)) for k in kinds]
    graph.io(tensors, graph.op("CUSTOM", tensors, [graph.tensor("y", (2,))], custom="Any"))
    return model.to_bytes()


def every_type() -> bytes:
    return _types([k for k in vars(schema.TensorType) if not k.startswith("_") and k not in ("VARIANT", "RESOURCE")])


def odd_constants() -> bytes:
    """int4, int2, uint4, bfloat16, float8, complex, bool, strings, NaN with a payload, -0.0, nothing at all."""
    model = Model("constants")
    graph = model.graph()
    kinds = schema.TensorType
    text = b"".join([np.int32([2, 16, 18, 21]).tobytes()[:16], b"ab", b"\xffcd"])
    rows: list[tuple[str, int, tuple[int, ...], bytes]] = [
        ("i4", kinds.INT4, (5,), b"\x21\x43\x05"),
        ("i2", kinds.INT2, (5,), b"\x1b\x02"),
        ("u4", kinds.UINT4, (2, 2), b"\xf1\x8e"),
        ("bf16", kinds.BFLOAT16, (2,), b"\x80\x3f\xc0\x7f"),
        ("e4m3", kinds.FLOAT8_E4M3FN, (3,), b"\x01\x02\x7f"),
        ("e5m2", kinds.FLOAT8_E5M2, (3,), b"\x01\x02\x7d"),
        ("c64", kinds.COMPLEX64, (1,), np.complex64([1 + 2j]).tobytes()),
        ("b", kinds.BOOL, (3,), b"\x01\x00\x01"),
        ("s", kinds.STRING, (2,), text),
        ("nan", kinds.FLOAT32, (3,), np.uint32([0x7FC12345, 0x80000000, 0xFF800000]).tobytes()),
        ("f64", kinds.FLOAT64, (1,), np.float64([1 / 3]).tobytes()),
        ("u64", kinds.UINT64, (1,), np.uint64([2**64 - 1]).tobytes()),
        ("empty", kinds.FLOAT32, (0, 4), b""),
        ("big", kinds.INT16, (40, 40), np.arange(1600, dtype=np.int16).tobytes()),
    ]
    inputs = [graph.tensor(n, s, k, buffer=model.buffer(d) if d else 0) for n, k, s, d in rows]
    graph.io([], graph.op("CUSTOM", inputs, [graph.tensor("y")], custom="Odd"))
    return model.to_bytes()


def quantization_kinds() -> bytes:
    """Statistics without scales, scales with statistics, blockwise, multi-axis and custom details, a scale of 0."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (4, 4))
    graph.record.tensors[x].quantization = schema.QuantizationParametersT()
    graph.record.tensors[x].quantization.min, graph.record.tensors[x].quantization.max = [-1.5], [2.0]
    both = graph.tensor("both", (4, 4), np.int8, scales=[0.5], zero_points=[-3])
    graph.record.tensors[both].quantization.min = [-1.0]
    graph.record.tensors[both].quantization.max = [1.0]
    zero = graph.tensor("zero", (2, 4), np.int8, scales=[0.0, 1.0])
    long = graph.tensor("long", (2,), np.int64, scales=[0.25, 0.5])
    odd_axis = graph.tensor("odd_axis", (4, 4), np.int8, scales=[0.5], axis=1)
    scales = graph.constant("scales", np.float16([0.5, 0.25]))
    blocks = graph.tensor("blocks", (2, 32), schema.TensorType.INT4, buffer=model.buffer(bytes(32)))
    details = schema.BlockwiseQuantizationT()
    details.scales, details.zeroPoints, details.blockSize = scales, -1, 32
    axes = graph.tensor("axes", (2, 2), np.int8)
    multi = schema.MultiAxisQuantizationT()
    multi.scales, multi.zeroPoints, multi.quantizedDimensions = scales, -1, [0, 1]
    own = graph.tensor("own", (2, 2), np.int8)
    custom = schema.CustomQuantizationT()
    custom.custom = np.frombuffer(b"secret", np.uint8)
    for tensor, kind, detail in ((blocks, 2, details), (axes, 3, multi), (own, 1, custom)):
        quantization = schema.QuantizationParametersT()
        quantization.detailsType, quantization.details = kind, detail
        graph.record.tensors[tensor].quantization = quantization
    inputs = [x, both, zero, long, odd_axis, axes, own]
    graph.io(inputs, graph.op("CUSTOM", [*inputs, blocks], [graph.tensor("y")], custom="Q"))
    return model.to_bytes()


def model_fields() -> bytes:
    """Duplicate metadata, signatures of one subgraph, control edges, debug indices, odd names, unused tensors."""
    model = Model("")
    graph = model.graph("")
    x = graph.tensor('x "quoted" \\ ä\n', (-1, 4))
    graph.record.tensors[x].shape = [7, 4]
    sums = [graph.op("ADD", [x, x], [graph.tensor(f"sum{i}", (-1, 4))], options("AddOptions"))[0] for i in range(3)]
    graph.tensor("unused", (3,), np.int16)
    graph.constant("unused constant", np.float32([1, 2]))
    graph.io([x], [sums[2], sums[0], x])
    graph.record.debugMetadataIndex = 4
    graph.record.operators[1].debugMetadataIndex = 9
    graph.record.operators[2].builtinOptions.potScaleInt16 = False
    graph.record.operators[2].builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.SIGN_BIT
    for key in ("one", "two"):
        model.signature(key, graph, {"in": x}, {"a": sums[2], "b": sums[0]})
    for name, data in (("note", b"first"), ("note", b"second"), ("empty", b"\0"), ("big", bytes(range(256)) * 9)):
        model.metadata(name, data)
    model.metadata("model_control_dependencies", encode_edges([[(0, 2), (1, 2)], []]))
    other = model.graph("")
    a = other.tensor("a", ())
    other.record.tensors[a].hasRank = False
    other.io([a], other.op("ABS", [a], [other.tensor("b", ())], None))
    model.record.metadataBuffer = [model.record.metadata[1].buffer, model.buffer(b"no name"), model.buffer(b"nor this")]
    return model.to_bytes()


def operator_fields() -> bytes:
    """Custom options on both kinds of op, mutating inputs, absent trailing operands, old options, intermediates."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 4))
    w, b = graph.constant("w", build.random(2, 4)), graph.constant("b", build.random(2))
    two = graph.op(
        "FULLY_CONNECTED", [x, w], [graph.tensor("two", (1, 2))], options("FullyConnectedOptions"), version=6
    )
    three = graph.op("FULLY_CONNECTED", [x, w, NONE], [graph.tensor("three", (1, 2))], options("FullyConnectedOptions"))
    full = graph.op("FULLY_CONNECTED", [x, w, b], [graph.tensor("full", (1, 2))], None, version=12)
    spread = graph.op("RESHAPE", [x], [graph.tensor("spread", (2, 2))], options("ReshapeOptions", newShape=[2, 2]))
    squeezed = graph.op("SQUEEZE", [x], [graph.tensor("squeezed", (4,))], options("SqueezeOptions", squeezeDims=[0]))
    custom = graph.op("CUSTOM", [*two, NONE], [graph.tensor("custom", (1, 2))], custom="Mine", version=3)
    graph.record.operators[-1].customOptions = np.frombuffer(b"\x00\xff options", np.uint8)
    graph.record.operators[0].customOptions = np.frombuffer(b"on a builtin", np.uint8)
    graph.record.operators[1].mutatingVariableInputs = [False, True, False]
    graph.record.operators[2].intermediates = [
        graph.tensor("between", (), np.int16, scales=[0.5]), graph.tensor("between2", (), np.int8, scales=[0.25])
    ]  # fmt: skip
    future = graph.tensor("future", (1, 2))
    graph.op("CUSTOM", [x], [future], custom="x")
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = 250, 127, 4
    model.record.operatorCodes.append(code)
    graph.record.operators[-1].opcodeIndex = len(model.record.operatorCodes) - 1
    graph.io([x], [*three, *full, *spread, *squeezed, *custom, future])
    return model.to_bytes()


def composite() -> bytes:
    """A StableHLO composite, a StableHLO while and CALL_ONCE: subgraphs by index in three kinds of options."""
    model = Model()
    graph, body, first = model.graph(), model.graph("impl"), model.graph("init")
    x = graph.tensor("x", (1, 4))
    graph.op("CALL_ONCE", [], [], options("CallOnceOptions", initSubgraphIndex=2))
    how = options("StableHLOCompositeOptions", name="odml.norm", decompositionSubgraphIndex=1, version=2)
    how.compositeAttributes = np.frombuffer(b"flexbuffer", np.uint8)
    graph.io([x], graph.op("STABLEHLO_COMPOSITE", [x], [graph.tensor("y", (1, 4))], how))
    x = body.tensor("x", (1, 4))
    body.io([x], body.op("ADD", [x, x], [body.tensor("y", (1, 4))], options("AddOptions")))
    handle = first.tensor("handle", (), schema.TensorType.RESOURCE)
    first.op("VAR_HANDLE", [], [handle], options("VarHandleOptions", container="", sharedName="v"))
    first.op("ASSIGN_VARIABLE", [handle, first.constant("start", np.float32([1, 2]))], [])
    return model.to_bytes()


def external() -> bytes:
    """A constant that lies in another file."""
    model = Model()
    graph = model.graph()
    x, w = graph.tensor("x", (1, 4)), graph.tensor("w", (1, 4))
    group, buffer = schema.ExternalBufferGroupT(), schema.ExternalBufferT()
    group.name = "weights.bin"
    buffer.id, buffer.group, buffer.offset, buffer.length, buffer.packing = 0x80000001, 0, 64, 16, "unpacked"
    model.record.externalBufferGroups, model.record.externalBuffers = [group], [buffer]
    graph.record.tensors[w].externalBuffer = 0x80000001
    graph.io([x], graph.op("ADD", [x, w], [graph.tensor("y", (1, 4))], options("AddOptions")))
    return model.to_bytes()


def sparse() -> bytes:
    """A FULLY_CONNECTED on a sparse weight, with index vectors of all three widths."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 4))
    w = graph.tensor("w", (2, 4), buffer=model.buffer(np.float32([1, 2, 3]).tobytes()))
    encoding = schema.SparsityParametersT()
    encoding.traversalOrder, encoding.blockMap = [0, 1], []
    dense, csr = schema.DimensionMetadataT(), schema.DimensionMetadataT()
    dense.denseSize, csr.format = 2, schema.DimensionType.SPARSE_CSR
    csr.arraySegmentsType, csr.arraySegments = 1, schema.Int32VectorT()
    csr.arraySegments.values = [0, 1, 3]
    csr.arrayIndicesType, csr.arrayIndices = 3, schema.Uint8VectorT()
    csr.arrayIndices.values = np.uint8([2, 0, 3])
    encoding.dimMetadata = [dense, csr]
    graph.record.tensors[w].sparsity = encoding
    table = options("FullyConnectedOptions")
    graph.io([x], graph.op("FULLY_CONNECTED", [x, w, NONE], [graph.tensor("y", (1, 2))], table, version=8))
    return model.to_bytes()


MODELS: list[Callable[[], bytes]] = [
    build.fully_connected, build.convolutions, build.gather, build.loop, build.branch, build.strings, build.custom,
    build.signatures, build.stateful, build.int8, build.dynamic, every_type, odd_constants, quantization_kinds,
    model_fields, operator_fields, composite, external, sparse,
]  # fmt: skip


def _normal(found: dict) -> dict:
    """Versions may rise, defaults of an absent vector may be empty, regenerated metadata is checked elsewhere."""
    found["metadata"] = [pair for pair in found["metadata"] if pair[0] != "min_runtime_version"]
    for graph in found["graphs"]:
        for op in graph["operators"]:
            op.pop("version")
            op["intermediates"] = op["intermediates"] or None
            op["mutating"] = op["mutating"] or None
        for tensor in graph["tensors"].values():
            tensor["sparsity"] = tensor["sparsity"] and {k: v or None for k, v in tensor["sparsity"].items()}
            if not tensor["signature"]:
                tensor["signature"] = None
    return found


def _without_widths(found: dict) -> dict:
    """MLIR's text does not say how wide the stored indices of a sparse tensor are."""
    for graph in found["graphs"]:
        for tensor in graph["tensors"].values():
            for dimension in (tensor["sparsity"] or {}).get("dimMetadata") or []:
                dimension.pop("arraySegmentsType")
                dimension.pop("arrayIndicesType")
    return found


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_through_the_ir(make: Callable[[], bytes]) -> None:
    data = make()
    module = load_bytes(data)
    verify_module(module)
    out = to_bytes(module)
    assert _normal(tree(out)) == _normal(tree(data))
    assert to_bytes(load_bytes(data)) == out, "the same input gives the same bytes"
    assert to_bytes(load_bytes(out)) == out, "a second trip changes nothing"


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_through_text(make: Callable[[], bytes]) -> None:
    data = make()
    out = io.BytesIO()
    write_text(load_bytes(data), out)
    module = parse_text(out.getvalue(), "m.mlir")
    verify_module(module)
    found, expected = (_without_widths(_normal(tree(d))) for d in (to_bytes(module), data))
    assert found == expected
    again = io.BytesIO()
    write_text(module, again)
    assert again.getvalue() == out.getvalue()


def test_versions_never_fall() -> None:
    for make in MODELS:
        data = make()
        before, after = tree(data), tree(to_bytes(load_bytes(data)))
        for one, other in zip(before["graphs"], after["graphs"], strict=True):
            for old, new in zip(one["operators"], other["operators"], strict=True):
                assert new["version"] >= old["version"]


def test_large_custom_options_and_offset_buffers_come_inside() -> None:
    """Bytes that lie after the root table are brought in when the model is small."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 4))
    w = graph.constant("w", np.float32([1, 2, 3, 4]))
    y = graph.op("ADD", [x, w], [graph.tensor("y", (1, 4))], options("AddOptions"))
    graph.io([x], graph.op("CUSTOM", y, [graph.tensor("z", (1, 4))], custom="Big"))
    buffer = model.record.buffers[graph.record.tensors[w].buffer]
    expected = tree(model.to_bytes())
    expected["graphs"][0]["operators"][1]["bytes"] = b"after the root table"
    buffer.data, buffer.offset, buffer.size = None, 1 << 12, 16
    graph.record.operators[1].largeCustomOptionsOffset = (1 << 12) + 16
    graph.record.operators[1].largeCustomOptionsSize = 20
    data = model.to_bytes().ljust(1 << 12, b"\0") + np.float32([1, 2, 3, 4]).tobytes() + b"after the root table"
    assert _normal(tree(to_bytes(load_bytes(data)))) == _normal(expected)


def test_every_buffer_starts_at_a_multiple_of_16(tmp_path: pathlib.Path) -> None:
    data = to_bytes(load_bytes(odd_constants()))
    base = np.frombuffer(data, np.uint8)
    model = schema.Model.GetRootAs(data, 0)
    for index in range(model.BuffersLength()):
        values = model.Buffers(index).DataAsNumpy()
        if isinstance(values, np.ndarray):
            assert (values.__array_interface__["data"][0] - base.__array_interface__["data"][0]) % 16 == 0


def test_equal_constants_share_a_buffer() -> None:
    model = Model()
    graph = model.graph()
    twins = [graph.constant(f"w{i}", np.arange(100, dtype=np.float32)) for i in range(2)]
    graph.io([], graph.op("ADD", twins, [graph.tensor("y", (100,))], options("AddOptions")))
    out = schema.ModelT.InitFromPackedBuf(to_bytes(load_bytes(model.to_bytes())), 0)
    assert out.subgraphs[0].tensors[0].buffer == out.subgraphs[0].tensors[1].buffer


def test_models_past_two_gigabytes_keep_their_buffers_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tflir.backends.tflite.writer.LARGEST_ROOT", 1000)
    data = to_bytes(load_bytes(build.fully_connected()))
    model = schema.ModelT.InitFromPackedBuf(data, 0)
    assert all(b.offset % 16 == 0 for b in model.buffers if b.size)
    assert {m.name for m in model.metadata} == {b"min_runtime_version", b"buffer_location"}
    found, expected = tree(data), tree(build.fully_connected())
    assert found["graphs"] == expected["graphs"]
    back = tree(to_bytes(load_bytes(data)))
    assert back["graphs"] == expected["graphs"]


def test_control_edges_survive_and_are_renumbered() -> None:
    edges = [[(0, 2), (1, 300)], [], [(5, 4)]]
    assert decode_edges(encode_edges(edges)) == edges
    assert encode_edges([[(0, 1)]]) == bytes([1, 1, 1, 0, 2])
    assert decode_edges(b"\x02\x00") is None
    assert decode_edges(b"") is None
    assert decode_edges(bytes([1, 1, 9, 0])) is None


def test_min_runtime_version_follows_the_ops() -> None:
    out = tree(to_bytes(load_bytes(build.fully_connected())))
    assert dict(out["metadata"])["min_runtime_version"] == b"1.5.0".ljust(16, b"\0")
    converter = tflir.Converter.from_bytes(build.fully_connected())
    converter.optimizations = [tflir.Optimize.DEFAULT]
    quantized = tree(converter.convert())
    assert quantized["graphs"][0]["operators"][0]["version"] == 12
    assert dict(quantized["metadata"])["min_runtime_version"] != b"1.5.0".ljust(16, b"\0")


def test_builders_of_these_models_are_valid_flatbuffers() -> None:
    for make in MODELS:
        data = make()
        assert data[4:8] == b"TFL3"
        assert flatbuffers.encode.Get(flatbuffers.packer.uoffset, data, 0) < len(data)


def test_an_import_is_released_with_its_file() -> None:
    importer = ModelImport(ModelFile(memoryview(build.loop())))
    importer.build()
    held = weakref.ref(importer)
    del importer
    gc.collect()
    assert held() is None
