"""Quantized models made float, and quantized anew: beside numpy, and beside what they were in LiteRT."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import Graph, Model, fully_connected, int8, options, random
from object_tree import tree
from recording import nearness, run

import tflir
from tflir.ir.blob import DeferredBlob

Array = npt.NDArray[Any]
F32 = np.float32
FLOAT32, UINT8, INT16, INT8 = (getattr(schema.TensorType, name) for name in ("FLOAT32", "UINT8", "INT16", "INT8"))


def _compile(data: bytes, requantize: str, **fields: Any) -> bytes:
    converter = tflir.Converter.from_bytes(data)
    converter.requantize = requantize
    for name, value in fields.items():
        setattr(converter, name, value)
    return converter.convert()


def _graph(data: bytes) -> dict[str, Any]:
    return tree(data)["graphs"][0]


def _scale(data: bytes, name: str) -> tuple[float, int]:
    held = _graph(data)["tensors"][name]["quantization"]
    return float(held["scale"][0]), int(held["zeroPoint"][0])


def _layer(kind: npt.DTypeLike, point: int, weight_point: int = 0, bias: npt.DTypeLike = np.int32) -> tuple[bytes, Any]:
    """A FULLY_CONNECTED whose result's type starts at 0, and what its numbers stand for."""
    model = Model()
    graph = model.graph()
    unsigned = np.dtype(kind) == np.uint8
    low = 0 if unsigned else -128
    x = graph.tensor("x", (2, 8), kind, scales=[0.02], zero_points=[point])
    w = np.random.default_rng(3).integers(low + 1, low + 256, (4, 8)).astype(np.uint8 if unsigned else np.int8)
    b = np.array([300, -200, 100, 0], bias)
    weights = graph.constant("w", w, scales=[0.01], zero_points=[weight_point])
    biases = graph.constant("b", b, scales=[0.0002], zero_points=[0])
    y = graph.tensor("y", (2, 4), kind, scales=[0.01], zero_points=[low if np.dtype(kind) != np.int16 else 0])
    graph.op("FULLY_CONNECTED", [x, weights, biases], [y], options("FullyConnectedOptions"), version=4)
    graph.io([x], [y])
    return model.to_bytes(), ((w.astype(np.float64) - weight_point) * 0.01, b * 0.0002)


@pytest.mark.parametrize(("kind", "point", "weight_point"), [(np.int8, 3, 0), (np.uint8, 128, 120)])
def test_a_layer_computes_with_the_numbers_that_its_integers_stood_for(
    kind: npt.DTypeLike, point: int, weight_point: int
) -> None:
    """y = max(x wᵀ + b, 0): the type of y starts at 0, so that the layer has a RELU as float."""
    data, (w, b) = _layer(kind, point, weight_point)
    made = _compile(data, "float32")
    x = random(2, 8)
    for delegate in (True, False):
        (y,) = run(made, [x], delegate=delegate)
        np.testing.assert_allclose(y, np.maximum(x @ w.T + b, 0), rtol=1e-4, atol=1e-5)
    tensors = _graph(made)["tensors"]
    assert {tensors[name]["type"] for name in ("x", "y", "w", "b")} == {FLOAT32}


def test_from_its_own_scales_a_model_has_the_same_scales_again() -> None:
    data = int8()
    made = _compile(data, "int8", inference_input_type="int8", inference_output_type="int8")
    for name in ("x", "y"):
        assert _scale(made, name) == pytest.approx(_scale(data, name))
    values = [np.random.default_rng(1).integers(-128, 128, (1, 64), np.int8)]
    apart = run(made, values)[0].astype(int) - run(data, values)[0]
    assert np.abs(apart).max() <= 1


def test_int8_becomes_16x8_and_back() -> None:
    data = int8()
    wide = _compile(data, "int16", inference_input_type="int16", inference_output_type="int16")
    graph = _graph(wide)
    assert graph["tensors"][graph["inputs"][0]]["type"] == INT16
    exact, again = _compile(data, "float32"), _compile(wide, "float32")
    x = [random(1, 64) * 20]
    assert nearness(run(_compile(data, "int16"), x), run(exact, x)) > 45
    assert nearness(run(again, x), run(exact, x)) > 40


def test_data_wins_over_the_scales_of_the_model() -> None:
    data = int8()
    samples = [[random(1, 64, seed=n)] for n in range(4)]
    made = _compile(data, "int8", representative_dataset=samples)
    most = max(float(np.abs(s[0]).max()) for s in samples)
    quantized = [name for name, t in _graph(made)["tensors"].items() if t["type"] == INT8 and "x" in name]
    assert quantized
    assert _scale(made, quantized[0])[0] <= 2 * most / 255 * 1.01


def test_a_hybrid_model_becomes_float_and_hybrid_again() -> None:
    weights = random(32, 64)
    converter = tflir.Converter.from_bytes(fully_connected(weights))
    converter.optimizations = [tflir.Optimize.DEFAULT]
    hybrid = converter.convert()
    floats = _compile(hybrid, "float32")
    assert all(tensor["type"] != INT8 for tensor in _graph(floats)["tensors"].values())
    again = _compile(hybrid, "int8")
    x = [random(1, 64, seed=5)]
    assert nearness(run(floats, x), run(fully_connected(weights), x)) > 35
    assert nearness(run(again, x), run(hybrid, x)) > 40
    with pytest.raises(tflir.Error, match="need their ranges") as refused:
        _compile(hybrid, "int16")
    assert refused.value.status == 2


def test_a_float_model_and_other_words_are_refused() -> None:
    with pytest.raises(tflir.Error, match="holds nothing quantized") as refused:
        _compile(fully_connected(random(4, 8)), "int8")
    assert refused.value.status == 2
    for fields in ({"requantize": "int4"}, {"requantize": "int8", "passes": "tfl-optimize"}):
        converter = tflir.Converter.from_bytes(int8())
        for name, value in fields.items():
            setattr(converter, name, value)
        with pytest.raises(tflir.Error) as wrong:
            converter.convert()
        assert wrong.value.status == 2


def _island(point: int) -> bytes:
    """A float RSQRT between integer parts, which is 0 at times and whose infinity the next type clips."""
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (1, 8), np.int8, scales=[0.1], zero_points=[-128])
    d = graph.tensor("d", (1, 8))
    graph.op("DEQUANTIZE", [x], [d], version=2)
    r = graph.tensor("r", (1, 8))
    graph.op("RSQRT", [d], [r])
    q = graph.tensor("q", (1, 8), np.int8, scales=[0.05], zero_points=[point])
    graph.op("QUANTIZE", [r], [q])
    y = graph.tensor("y", (1, 8), np.int8, scales=[0.05], zero_points=[-128])
    graph.op("MUL", [x, q], [y], options("MulOptions"), version=2)
    graph.io([x], [y])
    return model.to_bytes()


def test_infinities_within_are_clipped_as_the_quantized_model_did() -> None:
    made = _compile(_island(-128), "float32")
    x = np.array([[0, 0.1, 1, 4, 9, 16, 0, 2]], F32)
    for delegate in (True, False):
        (y,) = run(made, [x], delegate=delegate)
        np.testing.assert_allclose(y, np.sqrt(x), rtol=1e-3, atol=1e-6)


def test_inputs_and_outputs_keep_their_names() -> None:
    graph = _graph(_compile(_island(-128), "float32"))
    assert (graph["inputs"], graph["outputs"]) == (["x"], ["y"])


def _custom(graph: Graph) -> None:
    x = graph.tensor("x", (1, 4), np.uint8, scales=[0.5], zero_points=[8])
    y = graph.tensor("y", (1, 4), np.uint8, scales=[0.25], zero_points=[0])
    graph.op("CUSTOM", [x], [y], custom="Accelerated")
    graph.io([x], [y])


def test_custom_ops_keep_their_integers() -> None:
    model = Model()
    _custom(model.graph())
    graph = _graph(_compile(model.to_bytes(), "float32"))
    kinds = {name: tensor["type"] for name, tensor in graph["tensors"].items()}
    assert kinds["x"] == FLOAT32
    assert list(kinds.values()).count(UINT8) == 2


@pytest.mark.parametrize("size", [1, 3, 12, 40, 1000])
def test_pieces_of_deferred_constants_are_of_the_size_that_is_asked_for(size: int) -> None:
    whole = np.arange(100, dtype=np.uint8)
    blob = DeferredBlob(100, "test", lambda: iter(np.split(whole, [7, 7, 30, 31, 90])))
    pieces = [piece.copy() for piece in blob.chunks(size)]
    assert all(piece.nbytes == size for piece in pieces[:-1])
    assert np.array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("kind", ["CUSTOM", "CAST"])
def test_what_reads_float_after_integers_reads_float_still(kind: str) -> None:
    model = Model()
    graph = model.graph()
    x = graph.tensor("x", (4,), np.int8, scales=[0.5], zero_points=[3])
    negative = graph.tensor("n", (4,), np.int8, scales=[0.25], zero_points=[0])
    graph.op("NEG", [x], [negative], version=2)
    wide, y = graph.tensor("wide", (4,)), graph.tensor("y", (4,), np.float32 if kind == "CUSTOM" else np.int32)
    graph.op("DEQUANTIZE", [negative], [wide], version=2)
    how = options("CastOptions", inDataType=FLOAT32, outDataType=schema.TensorType.INT32) if kind == "CAST" else None
    graph.op(kind, [wide], [y], how, custom="Head" if kind == "CUSTOM" else "")
    graph.io([x], [y])
    made = _graph(_compile(model.to_bytes(), "float32"))
    read = made["operators"][-1]["inputs"][0]
    assert made["tensors"][read]["type"] == FLOAT32


def test_a_requantization_right_behind_another_clips_as_float_too() -> None:
    model = Model()
    graph = model.graph()
    x, y = graph.tensor("x", (5,)), graph.tensor("y", (5,))
    wide, narrow, back = (graph.tensor(f"q{n}", (5,), np.int8, scales=[s]) for n, s in enumerate((0.1, 0.01, 0.05)))
    for source, made in ((x, wide), (wide, narrow), (narrow, back)):
        graph.op("QUANTIZE", [source], [made], version=2)
    graph.op("DEQUANTIZE", [back], [y], version=2)
    graph.io([x], [y])
    made = _compile(model.to_bytes(), "float32")
    (out,) = run(made, [np.array([-9, -1, 0.5, 1, 9], F32)])
    np.testing.assert_allclose(out, [-1.28, -1, 0.5, 1, 1.27], atol=1e-6)


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
@pytest.mark.parametrize("requantize", ["float32", "int8"])
def test_an_op_that_gives_plain_integers_a_scale_keeps_them(kind: npt.DTypeLike, requantize: str) -> None:
    model = Model()
    graph = model.graph()
    x, moved = (
        graph.tensor("x", (1, 4, 4, 2), kind),
        graph.tensor("m", (1, 2, 2, 8), kind, scales=[0.25], zero_points=[0]),
    )
    graph.op("SPACE_TO_DEPTH", [x], [moved], options("SpaceToDepthOptions", blockSize=2))
    y = graph.tensor("y", (1, 2, 2, 8), kind, scales=[0.25], zero_points=[0])
    graph.io([x], graph.op("ADD", [moved, moved], [y], options("AddOptions")))
    given = np.random.default_rng(1).integers(0, 50, (1, 4, 4, 2)).astype(kind)
    made = _compile(model.to_bytes(), requantize)
    assert _graph(made)["tensors"]["x"]["type"] == _graph(model.to_bytes())["tensors"]["x"]["type"]
    (before,), (after,) = run(model.to_bytes(), [given]), run(made, [given])
    assert np.abs(after - before * F32(0.25)).max() <= (0 if requantize == "float32" else 0.25)


def test_uint8_of_a_custom_op_is_read_as_int8() -> None:
    model = Model()
    graph = model.graph()
    x, made = (graph.tensor(name, (1, 8), np.uint8, scales=[0.25], zero_points=[3]) for name in ("x", "made"))
    graph.op("CUSTOM", [x], [made], custom="Foo")
    y = graph.tensor("y", (1, 8), np.uint8, scales=[0.5], zero_points=[5])
    graph.io([x], graph.op("ADD", [made, made], [y], options("AddOptions")))
    tensors = _graph(_compile(model.to_bytes(), "int8", mode="int8"))["tensors"]
    assert tensors["made"]["type"] == UINT8
    assert INT8 in {tensor["type"] for tensor in tensors.values()}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {},
            "inputs and outputs that were integers are float32 now: --inference-input-type and --inference-output-type",
        ),
        (
            {"inference_input_type": "uint8"},
            "outputs that were integers are float32 now: --inference-output-type would",
        ),
        ({"inference_input_type": "int8", "inference_output_type": "int8"}, None),
    ],
)
def test_that_a_model_is_called_with_floats_now_is_said(how: dict[str, str], said: str | None) -> None:
    converter = tflir.Converter.from_bytes(int8())
    converter.requantize = "int8"
    for name, word in how.items():
        setattr(converter, name, word)
    converter.convert()
    found = [remark for remark in converter.remarks if "float32 now" in remark]
    assert len(found) == (said is not None)
    assert said is None or found[0].startswith(said)
