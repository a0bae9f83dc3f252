"""Types of inputs and outputs: what is asked for and can't be is an error that names the tensor; names survive."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert import schema_py_generated as schema
from models_builder import Model, random
from net_builder import Net, model_of
from object_tree import tree
from recording import run
from sparse_models import X16

import tflir
from tflir.files import to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.names import op_names
from tflir.options import Options

_SHAPE = (2, 8)
_KINDS = {"float32": 0, "int8": 9, "uint8": 3, "int16": 7, "int32": 2}
_FLOAT_OK = [X16, "TFLITE_BUILTINS"]


def _net(net: Net, x: int) -> int:
    one = net.dense("one", x, random(16, 8), random(16, seed=1), act=1)
    return net.dense("y", one, random(4, 16, seed=2), random(4, seed=3))


def _sine(net: Net, x: int) -> tuple[int, int]:
    """An input that a float op reads too, and an output that one makes."""
    return net.dense("y", x, random(4, 8), random(4)), net.op("SIN", "z", [x], _SHAPE)


def _samples() -> Any:
    return ([random(*_SHAPE, seed=n)] for n in range(4))


def _converted(data: bytes, kinds: tuple[str | None, str | None] = (None, None), **settings: Any) -> bytes:
    """Compiles with types of input and output; None: not given."""
    converter = tflir.Converter.from_bytes(data)
    given = [f"inference_{side}_type" for side, kind in zip(("input", "output"), kinds, strict=True) if kind]
    converter.use(Options(beside=frozenset(given)))
    for name, kind in zip(given, filter(None, kinds), strict=True):
        setattr(converter, name, kind)
    for name, value in settings.items():
        setattr(converter, name, value)
    return converter.convert()


def _integer(data: bytes, *kinds: str | None, **more: Any) -> bytes:
    wanted: Any = kinds or (None, None)
    return _converted(data, wanted, optimizations=["DEFAULT"], representative_dataset=_samples, **more)


def _ports(data: bytes) -> list[tuple[str, int]]:
    graph = tree(data)["graphs"][0]
    return [(name, graph["tensors"][name]["type"]) for name in (*graph["inputs"], *graph["outputs"])]


def _scale(data: bytes, name: str) -> tuple[float, int]:
    held = tree(data)["graphs"][0]["tensors"][name]["quantization"]
    return float(held["scale"][0]), int(held["zeroPoint"][0])


def _answer(data: bytes, values: npt.NDArray[np.float32]) -> npt.NDArray[Any]:
    """What a model answers, as numbers, whatever its types are."""
    (x, kind), (y, made) = _ports(data)
    if kind:
        scale, zero = _scale(data, x)
        numbers = {"int8": np.int8, "uint8": np.uint8, "int16": np.int16}
        dtype = numbers[next(word for word, code in _KINDS.items() if code == kind)]
        limits = np.iinfo(dtype)
        given: Any = np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(dtype)
    else:
        given = values
    (answer,) = run(data, [given])
    if not made:
        return answer
    scale, zero = _scale(data, y)
    return (answer.astype(np.float64) - zero) * scale


@pytest.mark.parametrize("first", [("int8", "int8"), ("uint8", "int8"), (None, "uint8"), (None, None)])
@pytest.mark.parametrize("then", ["int8", "uint8", "float32"])
@pytest.mark.parametrize("optimizations", [[], ["DEFAULT"], ["EXPERIMENTAL_SPARSITY"]], ids=str)
def test_an_integer_model_changes_between_types(first: Any, then: str, optimizations: list[str]) -> None:
    before = _integer(model_of(_net, _SHAPE), *first)
    after = _converted(before, (then, then), optimizations=optimizations)
    assert _ports(after) == [("x", _KINDS[then]), ("y", _KINDS[then])]
    values = random(*_SHAPE, seed=9)
    assert np.abs(_answer(after, values) - _answer(before, values)).max() <= 1e-6


def test_int8_and_uint8_have_one_scale_and_zero_points_128_apart() -> None:
    before = _integer(model_of(_net, _SHAPE), "int8", "int8")
    after = _converted(before, ("uint8", "uint8"))
    for name in ("x", "y"):
        (scale, zero), (other, shifted) = _scale(before, name), _scale(after, name)
        assert (other, shifted) == (scale, zero + 128)
    assert _ports(_converted(after, ("int8", "int8"))) == _ports(before)


@pytest.mark.parametrize("signature", [False, True])
@pytest.mark.parametrize("kind", ["int8", "uint8", "int16"])
def test_names_survive_integer_inputs_and_outputs(kind: str, signature: bool) -> None:
    model = Model()
    graph = model.graph()
    x = graph.tensor("serving_x", _SHAPE)
    y = _net(Net(graph), x)
    graph.io([x], [y])
    if signature:
        model.signature("serve", graph, {"in": x}, {"out": y})
    spec = tflir.TargetSpec(_FLOAT_OK if kind == "int16" else ["TFLITE_BUILTINS"])  # type: ignore[arg-type]
    made = _integer(model.to_bytes(), kind, kind, target_spec=spec)
    assert _ports(made) == [("serving_x", _KINDS[kind]), ("y", _KINDS[kind])]


def test_an_input_that_a_float_op_reads_too_is_dequantized_for_it() -> None:
    made = _integer(model_of(_sine, _SHAPE), "int8", None, skip=["SIN"])
    assert _ports(made) == [("x", _KINDS["int8"]), ("y", 0), ("z", 0)]
    schema_ops = [op["code"] for op in tree(made)["graphs"][0]["operators"]]
    assert schema.BuiltinOperator.SIN in schema_ops


@pytest.mark.parametrize(
    ("kinds", "why"),
    [((None, "int16"), "output 'z' can't be int16"), (("int16", None), "input 'x' can't be int16")],
)
def test_a_type_that_can_not_be_is_said_where_ops_may_stay_float(
    kinds: tuple[str | None, str | None], why: str
) -> None:
    def net(net: Net, x: int) -> tuple[int, int]:
        return (net.op("SIN", "z", [x], _SHAPE), net.op("COS", "y", [x], _SHAPE))

    build = net if kinds[0] else _sine
    converter = tflir.Converter.from_bytes(model_of(build, _SHAPE))
    converter.optimizations, converter.representative_dataset = [tflir.Optimize.DEFAULT], _samples
    converter.target_spec, converter.skip = tflir.TargetSpec(_FLOAT_OK), ["SIN"]  # type: ignore[arg-type]
    converter.inference_input_type, converter.inference_output_type = (kind or "float32" for kind in kinds)
    made = dict(_ports(converter.convert()))
    assert any(line.startswith(f"warning: {why}") for line in converter.remarks)
    assert made[why.split("'")[1]] == schema.TensorType.FLOAT32


_FLOAT_NET = """
func.func @main(%x: tensor<4xf32> loc("x")) -> tensor<4xf32> {
  %y = "tfl.sin"(%x) : (tensor<4xf32>) -> tensor<4xf32> loc("y")
  func.return %y : tensor<4xf32>
}
"""


@pytest.mark.parametrize(("side", "name"), [("input", "x"), ("output", "y")])
@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_what_has_no_scale_is_an_error_where_its_type_was_asked_for(side: str, name: str, kind: str) -> None:
    module = parse_text(_FLOAT_NET.encode(), "float.mlir")
    with pytest.raises(tflir.Error, match=f"{side} '{name}' can't be {kind}: it has no scale") as caught:
        tflir.run_passes(module, f"tfl-modify-io-nodes{{{side}-type={kind} strict=true}}")
    assert caught.value.status == 3


def test_a_float_model_has_no_integer_inputs_without_ranges() -> None:
    for optimizations in ([], ["DEFAULT"]):
        with pytest.raises(tflir.Error, match="inputs can't be int8") as caught:
            _converted(model_of(_net, _SHAPE), ("int8", None), optimizations=optimizations)
        assert caught.value.status == 2


@pytest.mark.parametrize(
    ("held", "kind", "name"),
    [
        ("i8:f32, 0.5", "float32", "y_int8"),
        ("u8:f32, 0.5:128", "float32", "y_uint8"),
        ("i16:f32, 0.5", "float32", "y_int16"),
        ("i8:f32, 0.5", "uint8", "y_int8"),
        ("u8:f32, 0.5:128", "int8", "y_uint8"),
    ],
)
def test_what_an_output_was_made_of_is_named_after_its_type(held: str, kind: str, name: str) -> None:
    element = f"tensor<4x!quant.uniform<{held}>>"
    text = f"""func.func @main(%x: {element} loc("x")) -> {element} {{
  %s = "tfl.pseudo_const"() <{{value = dense<0> : tensor<1xi32>}}> : () -> tensor<1xi32>
  %y = "tfl.reverse_v2"(%x, %s) : ({element}, tensor<1xi32>) -> {element} loc("y")
  func.return %y : {element}
}}"""
    module = tflir.loads(text)
    tflir.run_passes(module, f"tfl-modify-io-nodes{{output-type={kind}}}")
    found = [op_names(op) for op in module.walk() if op.name == "tfl.reverse_v2"]
    assert found == [[name]]


def test_a_refusal_spells_types_as_the_options_do() -> None:
    element = "tensor<4x!quant.uniform<i16:f32, 0.5>>"
    text = f"""func.func @main(%x: {element}) -> {element} {{
  %y = "tfl.abs"(%x) : ({element}) -> {element}
  func.return %y : {element}
}}"""
    with pytest.raises(tflir.Error, match="can't be int8: it is int16"):
        tflir.run_passes(tflir.loads(text), "tfl-modify-io-nodes{input-type=int8 strict=true}")


@pytest.mark.parametrize("side", ["input", "output"])
def test_integers_that_no_kernel_converts_keep_their_type(side: str) -> None:
    wide, narrow = ("!quant.uniform<i32:f32, 0.25>", "!quant.uniform<i16:f32, 0.5>")
    source, made = (wide, narrow) if side == "input" else (narrow, wide)
    text = f"""func.func @main(%x: tensor<4x{source}> loc("x")) -> tensor<4x{made}> {{
  %y = "tfl.quantize"(%x) <{{qtype = tensor<4x{made}>}}> : (tensor<4x{source}>) -> tensor<4x{made}> loc("y")
  func.return %y : tensor<4x{made}>
}}"""
    name = "x" if side == "input" else "y"
    with pytest.raises(tflir.Error, match=f"{side} '{name}' can't be float32: it is int32") as caught:
        tflir.run_passes(tflir.loads(text), f"tfl-modify-io-nodes{{{side}-type=float32 strict=true}}")
    assert caught.value.status == 3
    module = tflir.loads(text)
    tflir.run_passes(module, f"tfl-modify-io-nodes{{{side}-type=float32}}")
    after = to_bytes(module)
    assert {kind for _, kind in _ports(after)} == {_KINDS["int32"], _KINDS["int16"]}
    run(after, [np.zeros(4, np.int32 if side == "input" else np.int16)])
