"""What the verifier holds of shapes, element types and words, beside what LiteRT says of the same operator."""

from __future__ import annotations

from typing import Any

import models_builder as build
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given, settings
from hypothesis import strategies as st

from tflir.files import load_bytes, to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir.errors import Error
from tflir.ir.targets import TARGETS
from tflir.ir.tfl.constants import BuiltinOp
from tflir.ir.verify import verify_module

LAYER = 'fused_activation_function = "NONE", padding = "SAME", stride_h = 1 : i32, stride_w = 1 : i32'
CONV = f"{LAYER}, dilation_h_factor = 1 : i32, dilation_w_factor = 1 : i32"
FC = 'fused_activation_function = "NONE", keep_num_dims = false, weights_format = "DEFAULT"'
FUSED = 'fused_activation_function = "NONE"'
POOL = f"{LAYER}, filter_height = 2 : i32, filter_width = 2 : i32"

# op, operand types, result types, properties; the first of each pair is right, the second is refused with the words.
INT16 = "!quant.uniform<i16:f32,0.5>"
IMAGE, RESULT = "1x4x4x4xf32", "1x4x4x2xf32"
PAIRS = [
    ("conv_2d", f"{IMAGE}, 2x1x1x2xf32, 2xf32", RESULT, f"{IMAGE}, 2x1x1x3xf32, 2xf32", None, CONV, "of 3 input"),
    ("conv_2d", f"{IMAGE}, 2x1x1x4xf32, 2xf32", RESULT, f"{IMAGE}, 2x1x1x4xf32, 3xf32", None, CONV, "bias of 3"),
    ("conv_2d", "1x4x4x4xf32, 2x1x1x4xf32, 2xf32", "1x4x4x2xf32", None, "1x4x5x2xf32", CONV, "result has shape"),
    ("conv_2d", f"{IMAGE}, 2x1x1x4xf32, 2xf32", RESULT, f"{IMAGE}, 2x1x1x4xf64, 2xf32", None, CONV, "f64 beside"),
    ("depthwise_conv_2d", "1x4x4x2xf32, 1x3x3x4xf32, 4xf32", "1x4x4x4xf32", "1x4x4x2xf32, 1x3x3x3xf32, 3xf32", None,
     f"{CONV}, depth_multiplier = 2 : i32", "no multiple"),
    ("transpose_conv", "4xi32, 2x2x2x3xf32, 1x4x4x3xf32, 2xf32", "1x?x?x2xf32",
     "4xi32, 2x2x2x3xf32, 1x4x4x5xf32, 2xf32", None, LAYER, "for an input of 5"),
    ("batch_matmul", "2x3xf32, 3x4xf32", "2x4xf32", f"2x3x{INT16}, 3x4xf32", f"2x4x{INT16}", "", "of INT16"),
    ("abs", "2x3xi32", "2x3xi32", "2x3xi64", "2x3xi64", "", "no kernel of ABS"),
    ("floor", "2x3xf32", "2x3xf32", "2x3xi32", "2x3xi32", "", "no kernel of FLOOR"),
    ("softmax", "2x3xf32", "2x3xf32", "2x3xf64", "2x3xf64", "beta = 1.0 : f32", "no kernel of SOFTMAX"),
    ("less", "2x3xi16, 3xi16", "2x3xi1", "2x3xi8, 3xi8", None, "", "no kernel of LESS"),
    ("add", "2x3xi64, 3xi64", "2x3xi64", "2x3xi8, 3xi8", "2x3xi8", FUSED, "no kernel of ADD"),
    ("fully_connected", "2x4xf32, 3x4xf32, 3xf32", "2x3xf32", "2x4xf32, 3x9xf32, 3xf32", None, FC, "of 9 inputs"),
    ("fully_connected", "2x4xf32, 3x4xf32, 3xf32", "2x3xf32", None, "2x4xf32", FC, "result has shape"),
    ("batch_matmul", "2x3x4xf32, 1x4x5xf32", "2x3x5xf32", "2x3x4xf32, 1x3x5xf32", None, "", "length that is summed"),
    ("batch_matmul", "2x3x4xf32, 1x4x5xf32", "2x3x5xf32", "2x3x4xf32, 3x4x5xf32", None, "", "batches of shapes"),
    ("add", "2x3xf32, 3xf32", "2x3xf32", "2x3xf32, 2xf32", None, FUSED, "do not broadcast"),
    ("add", "2x3xf32, 3xf32", "2x3xf32", "2x3xf32, 3xi32", "2x3xf32", FUSED, "no kernel mixes"),
    ("mul", "2x3xf32, 3xf32", "2x3xf32", None, "3x2xf32", FUSED, "result has shape"),
    ("less", "2x3xf32, 3xf32", "2x3xi1", "2x3xf32, 3xi32", None, "", "no kernel mixes"),
    ("relu", "2x3xf32", "2x3xf32", None, "3x2xf32", "", "result has shape"),
    ("select", "2xi1, 2x3xf32, 2x3xf32", "2x3xf32", "3xi1, 2x3xf32, 2x3xf32", None, "", "condition of shape"),
    ("reshape", "2x3xf32, 2xi32", "3x2xf32", None, "3x3xf32", "", "6 elements in shape"),
    ("concatenation", "2x3xf32, 2x1xf32", "2x4xf32", "2x3xf32, 1x3xf32", None, f"{FUSED}, axis = 1 : i32", "beside"),
    ("concatenation", "2x3xf32, 2x1xf32", "2x4xf32", None, "2x5xf32", f"{FUSED}, axis = 1 : i32", "result has shape"),
    ("pack", "3xf32, 3xf32", "2x3xf32", "3xf32, 2xf32", None, "axis = 0 : i32, values_count = 2 : i32", "are packed"),
    ("gather", "4x3xf32, 2xi32", "2x3xf32", None, "3x3xf32", "axis = 0 : i32", "result has shape"),
    ("embedding_lookup", "2xi32, 4x3xf32", "2x3xf32", "2x2xi32, 4x3xf32", None, "", "has not 1 dimensions"),
    ("max_pool_2d", "1x4x4x3xf32", "1x4x4x3xf32", "4x4x3xf32", None, POOL, "has not 4 dimensions"),
    ("depth_to_space", "1x2x2x4xf32", "1x4x4x1xf32", "1x2x2x3xf32", None, "block_size = 2 : i32", "no multiple of 4"),
    ("pad", "2x3xf32, 2x2xi32", "?x?xf32", "2x3xf32, 1x2xi32", None, "", "padding of shape"),
]  # fmt: skip


def program(op: str, operands: str, results: str, properties: str) -> str:
    """One operator of these types, on line 2."""
    values = operands.split(", ")
    arguments = ", ".join(f"%a{n}: tensor<{kind}>" for n, kind in enumerate(values))
    names = ", ".join(f"%a{n}" for n in range(len(values)))
    kinds = ", ".join(f"tensor<{kind}>" for kind in values)
    return (
        f"func.func @main({arguments}) -> tensor<{results}> {{\n"
        f'  %y = "tfl.{op}"({names}) <{{{properties}}}> : ({kinds}) -> tensor<{results}>\n'
        f"  func.return %y : tensor<{results}>\n}}\n"
    )


def refused(text: str) -> str:
    with pytest.raises(Error) as caught:
        parse_text(text.encode(), "a.mlir")
    return str(caught.value)


@pytest.mark.parametrize(("op", "right", "result", "wrong", "other", "properties", "words"), PAIRS)
def test_shapes_and_elements_that_no_kernel_takes(
    op: str, right: str, result: str, wrong: str | None, other: str | None, properties: str, words: str
) -> None:
    parse_text(program(op, right, result, properties).encode(), "a.mlir")
    said = refused(program(op, wrong or right, other or result, properties))
    assert said.startswith("a.mlir:2:3: "), said
    assert words in said


@pytest.mark.parametrize("unknown", ["?x?xf32", "*xf32"])
def test_what_is_not_known_fits(unknown: str) -> None:
    parse_text(program("add", f"{unknown}, 3xf32", unknown, FUSED).encode(), "a.mlir")
    parse_text(program("fully_connected", f"{unknown}, 3x4xf32, 3xf32", unknown, FC).encode(), "a.mlir")


def test_words_of_options() -> None:
    said = refused(program("add", "3xf32, 3xf32", "3xf32", 'fused_activation_function = "RELU7"'))
    assert "did you mean" in said
    wrong = CONV.replace('"SAME"', '"FULL"')
    assert "padding can't be 'FULL'" in refused(
        program("conv_2d", "1x4x4x4xf32, 2x1x1x4xf32, 2xf32", "1x4x4x2xf32", wrong)
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("2x!quant.uniform<i8:f32:0, {0.5,0.5,0.5}>", "3 scales where its shape wants 2"),
        ("2x!quant.uniform<i8:f32:1, {0.5,0.5}>", "axis 1 of 1 dimensions"),
        ("2x4x!quant.uniform<i8:f32:{0:1,1:2}, {{0.5},{0.5}}>", "2x1 scales where its shape wants 2x2"),
    ],
)
def test_scales_are_those_of_the_shape(kind: str, words: str) -> None:
    text = program("relu", "KIND", "KIND", "").replace("KIND", kind)
    assert words in refused(text)


def test_an_operator_of_a_file_that_no_kernel_takes_stays_as_it_is() -> None:
    data = binary((1, 2), (2, 3), ("CONCATENATION", "ConcatenationOptions"))
    module = load_bytes(data)
    verify_module(module)
    assert any(isinstance(op, BuiltinOp) for op in module.walk())
    assert not loads(data)
    assert not loads(to_bytes(module))


def _with_constant(op: str, operands: str, constant: str, result: str, properties: str, first: bool = False) -> str:
    """One operator on line 3, of arguments and an int32 vector that comes first or last."""
    values = operands.split(", ")
    names, kinds = [f"%a{n}" for n in range(len(values))], [f"tensor<{kind}>" for kind in values]
    arguments = ", ".join(f"{name}: {kind}" for name, kind in zip(names, kinds, strict=True))
    vector = f"tensor<{constant.count(',') + 1}xi32>"
    names.insert(0 if first else len(names), "%c")
    kinds.insert(0 if first else len(kinds), vector)
    return (
        f"func.func @main({arguments}) -> tensor<{result}> {{\n"
        f'  %c = "tfl.pseudo_const"() <{{value = dense<[{constant}]> : {vector}}}> : () -> {vector}\n'
        f'  %y = "tfl.{op}"({", ".join(names)}) <{{{properties}}}> : ({", ".join(kinds)}) -> tensor<{result}>\n'
        f"  func.return %y : tensor<{result}>\n}}\n"
    )


def test_a_transposed_convolution_makes_what_its_input_has() -> None:
    def text(height: int) -> str:
        layer = LAYER.replace("stride_h = 1", "stride_h = 2").replace("stride_w = 1", "stride_w = 2")
        operands, shape = "2x2x2x3xf32, 1x4x4x3xf32, 2xf32", f"1, {height}, 8, 2"
        return _with_constant("transpose_conv", operands, shape, f"1x{height}x8x2xf32", layer, first=True)

    for height in (7, 8):
        parse_text(text(height).encode(), "a.mlir")
        assert loads(to_bytes(parse_text(text(height).encode(), "a.mlir")))
    for height in (6, 9):
        said = refused(text(height))
        assert said.startswith("a.mlir:3:3: ")
        assert "takes an input of" in said


@pytest.mark.parametrize(
    ("op", "right", "wrong", "why"),
    [
        ("tile", "2, 3", "2, -1", "multiples [2, -1] are not valid"),
        ("broadcast_to", "4, 3", "-4, 3", "shape [-4, 3] is not a valid shape"),
        ("reshape", "3, -1", "-3, -1", "is not a valid shape"),
    ],
)
def test_numbers_of_times_are_not_negative(op: str, right: str, wrong: str, why: str) -> None:
    parse_text(_with_constant(op, "1x3xf32", right, "?x?xf32", "").encode(), "a.mlir")
    assert why in refused(_with_constant(op, "1x3xf32", wrong, "?x?xf32", ""))


@pytest.mark.parametrize("word", ["TANH", "SIGN_BIT"])
def test_activations_that_rows_are_not_fused_with(word: str) -> None:
    fused = FC.replace('"NONE"', f'"{word}"')
    assert word in refused(program("fully_connected", "2x4xf32, 3x4xf32, 3xf32", "2x3xf32", fused))


@given(
    st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=3),
    st.tuples(st.sampled_from([1, 2, 3]), st.sampled_from([1, 2, 3, 4])),
)
@settings(max_examples=40, deadline=None)
def test_a_fully_connected_layer_verifies_where_it_runs(shape: list[int], weights: tuple[int, int]) -> None:
    if np.prod(shape) % weights[1]:
        return  # the runtime drops what is left over, which no one means
    data = layer(shape, weights)
    assert is_typed(data) == loads(data)


@given(
    st.lists(st.sampled_from([1, 2, 3]), max_size=3),
    st.lists(st.sampled_from([1, 2, 3]), max_size=3),
    st.sampled_from([("ADD", "AddOptions"), ("MAXIMUM", "MaximumMinimumOptions"), ("DIV", "DivOptions")]),
)
@settings(max_examples=60, deadline=None)
def test_elementwise_ops_verify_where_they_run(one: list[int], other: list[int], op: tuple[str, str]) -> None:
    data = binary(one, other, op)
    assert is_typed(data) == loads(data)


@given(
    st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3),
    st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3),
    st.integers(-4, 3),
)
@settings(max_examples=60, deadline=None)
def test_concatenations_verify_where_they_run(one: list[int], other: list[int], axis: int) -> None:
    data = binary(one, other, ("CONCATENATION", "ConcatenationOptions"), axis=axis)
    assert is_typed(data) == loads(data)


def layer(shape: Any, weights: tuple[int, int]) -> bytes:
    """A FULLY_CONNECTED whose result has no shape of its own."""
    model = build.Model()
    graph = model.graph()
    x, w = graph.tensor("x", shape), graph.constant("w", np.ones(weights, np.float32))
    graph.op("FULLY_CONNECTED", [x, w], [y := unranked(graph)], build.options("FullyConnectedOptions"))
    graph.io([x], [y])
    return model.to_bytes()


def binary(one: Any, other: Any, op: tuple[str, str], **fields: Any) -> bytes:
    """An operator of two inputs whose result has no shape of its own."""
    model = build.Model()
    graph = model.graph()
    x, z = graph.tensor("x", one), graph.tensor("z", other)
    graph.op(op[0], [x, z], [y := unranked(graph)], build.options(op[1], **fields))
    graph.io([x, z], [y])
    return model.to_bytes()


def unranked(graph: build.Graph) -> int:
    made = graph.tensor("y")
    graph.record.tensors[made].hasRank = False
    return made


def is_typed(data: bytes) -> bool:
    """Whether the operator is one that the verifier takes."""
    module = load_bytes(data)
    verify_module(module)
    return not any(isinstance(op, BuiltinOp) for op in module.walk())


def loads(data: bytes) -> bool:
    resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    try:
        Interpreter(model_content=data, experimental_op_resolver_type=resolver, num_threads=1).allocate_tensors()
    except (RuntimeError, ValueError):
        return False
    return True


def test_a_depthwise_convolution_without_a_bias_loads() -> None:
    properties = f"{CONV}, depth_multiplier = 1 : i32"
    text = program("depthwise_conv_2d", "1x4x4x2xf32, 1x1x1x2xf32, 2xf32", "1x4x4x2xf32", properties)
    text = text.replace(", %a2: tensor<2xf32>", "").replace("tensor<2xf32>)", "none)").replace("%a2)", "%n)")
    text = text.replace("{\n", '{\n  %n = "tfl.no_value"() <{value}> : () -> none\n', 1)
    assert loads(to_bytes(parse_text(text.encode(), "a.mlir")))


@pytest.mark.parametrize("source", ["f32", "f16", "bf16", "i2", "i4", "u4", "i8", "u8", "i16", "u16", "i32"])
def test_conversions_between_element_types_are_those_that_load(source: str) -> None:
    floats = ("f32", "f16", "bf16")
    made = ["f32"] if source not in floats else []
    made += [kind for kind in ("i2", "i4", "u4", "i8", "u8", "i16", "u16", "i32") if source == "f32" or kind != source]
    kinds = {kind: kind if kind in floats else f"!quant.uniform<{kind}:f32, 0.5>" for kind in (source, *made)}
    for result in made:
        x, y = f"tensor<4x{kinds[source]}>", f"tensor<4x{kinds[result]}>"
        op = f'"tfl.dequantize"(%x) : ({x})' if result == "f32" else f'"tfl.quantize"(%x) <{{qtype = {y}}}> : ({x})'
        text = f"func.func @main(%x: {x}) -> {y} {{\n  %y = {op} -> {y}\n  func.return %y : {y}\n}}"
        module = parse_text(text.encode(), "a.mlir")
        (found,) = (each for each in module.walk() if each.name.startswith("tfl."))
        assert TARGETS.get("litert").verdict(found).taken == loads(to_bytes(module)), result
