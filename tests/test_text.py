"""MLIR text: what is written reads back to the same, and what can't be read says where and why."""
# ruff: noqa: E501 - MLIR text is wide

from __future__ import annotations

import io
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xdsl.dialects.builtin import DenseArrayBase, DenseResourceAttr, FloatAttr, FusedLoc, NameLoc, StringAttr, f32
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute

from tflir.backends.mlir import module_text, write_text
from tflir.backends.mlir.printer import UNMODELLED, quoted
from tflir.backends.tflite.model import export_model
from tflir.frontends.mlir import parse_text
from tflir.frontends.mlir.parser import literal_text
from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, strings
from tflir.ir.errors import Error
from tflir.ir.tfl import dialect
from tflir.ir.tfl.attributes import SparsityParameterAttr
from tflir.ir.tfl.constants import ConstOp

FUNCTION = """func.func @main(%x: tensor<1x4xf32> loc("x")) -> tensor<1x4xf32> {{
  {body}
  func.return %x : tensor<1x4xf32>
}}
"""
BIG = "tensor<64xf32>"


def parse(text: str, name: str = "t.mlir", verify: bool = True):
    return parse_text(text.encode("utf-8", "surrogateescape"), name, verify=verify)


def text_of(module, **how) -> bytes:
    out = io.BytesIO()
    write_text(module, out, **how)
    return out.getvalue()


def again(module):
    return parse_text(text_of(module), "again.mlir")


def body(line: str) -> str:
    return FUNCTION.format(body=line)


def first(module, kind):
    return next(op for op in module.walk() if isinstance(op, kind))


def constant(value: str, result: str) -> ArrayElementsAttr:
    module = parse(body(f'%c = "tfl.pseudo_const"() <{{value = {value}}}> : () -> {result}'))
    found = first(again(module), ConstOp).value
    assert found == first(module, ConstOp).value
    assert isinstance(found, ArrayElementsAttr)
    return found


def error_of(text: str) -> Error:
    with pytest.raises(Error) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
    return caught.value


# Strings and names.


@given(st.binary())
def test_any_bytes_survive_as_a_string(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    literal = quoted(text)
    assert literal.isprintable()
    assert literal_text(literal) == text


@pytest.mark.parametrize(
    "name", ["", "a/b;c", 'say "hi"', "back\\slash", "line\nend\r\t\0", "größe 大", "\udcff\udc80", "{-#"]
)
def test_names_survive(name: str) -> None:
    module = parse(body('%0 = "tfl.relu"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>'))
    relu = next(op for op in module.walk() if op.name == "tfl.relu")
    relu.location = names.named(name)
    function = first(module, FuncOp)
    function.args[0].location = names.named(name)
    function.attributes["tfl.note"] = StringAttr(name)
    copy = again(module)
    assert names.op_names(next(op for op in copy.walk() if op.name == "tfl.relu")) == [name]
    assert names.name_of(first(copy, FuncOp).args[0]) == name
    assert first(copy, FuncOp).attributes["tfl.note"] == StringAttr(name)


def test_an_empty_name_is_not_no_name() -> None:
    line = '%0 = "tfl.relu"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32> loc({})'
    empty, none = (parse(body(line.format(what))) for what in ('""', "unknown"))
    for module, wanted in ((empty, ""), (none, None)):
        op = next(op for op in again(module).walk() if op.name == "tfl.relu")
        assert names.op_names(op) == [wanted]


def test_symbols_with_any_characters() -> None:
    module = parse('func.func @"a/b \\C3\\BC\\FF"() { func.return }')
    assert first(module, FuncOp).sym_name.data == "a/b ü\udcff"
    assert first(again(module), FuncOp).sym_name == first(module, FuncOp).sym_name


# Constants.


def test_int4_stays_packed() -> None:
    value = constant("dense<[1, -8, 7]> : tensor<3xi4>", "tensor<3xi4>")
    assert value.blob.nbytes == 2
    assert as_numpy(value).tolist() == [1, -8, 7]


def test_strings() -> None:
    value = constant('dense<["a", "", "\\FF\\00"]> : tensor<3x!tf_type.string>', "tensor<3x!tf_type.string>")
    assert strings(value) == [b"a", b"", b"\xff\0"]


def test_numbers_that_are_no_decimals() -> None:
    value = as_numpy(constant("dense<[0x7FC00000, 0xFF800000, -0.0, 1.0e+10]> : tensor<4xf32>", "tensor<4xf32>"))
    assert math.isnan(value[0])
    assert value[1] == -np.inf
    assert math.copysign(1, value[2]) == -1
    assert value[3] == np.float32(1e10)


@pytest.mark.parametrize(
    ("literal", "kind", "wanted"),
    [
        ("dense<true> : tensor<3xi1>", "3xi1", [True] * 3),
        ('dense<"0x05"> : tensor<3xi1>', "3xi1", [True, False, True]),
        ("dense<[255, -1]> : tensor<2xi8>", "2xi8", [-1, -1]),
        ("dense<[255, 0]> : tensor<2xui8>", "2xui8", [255, 0]),
        ('dense<"0x0000803F00000040"> : tensor<2xf32>', "2xf32", [1.0, 2.0]),
        ("dense<1.5> : tensor<2x2xf16>", "2x2xf16", [[1.5, 1.5], [1.5, 1.5]]),
        ("dense<(1.0,-2.0)> : tensor<1xcomplex<f32>>", "1xcomplex<f32>", [1 - 2j]),
        ("dense<> : tensor<0x3xi32>", "0x3xi32", []),
        ("dense<-9223372036854775808> : tensor<i64>", "i64", -(2**63)),
    ],
)
def test_literals(literal: str, kind: str, wanted: object) -> None:
    assert as_numpy(constant(literal, f"tensor<{kind}>")).tolist() == wanted


def test_a_large_splat_is_not_held() -> None:
    tracemalloc.start()
    try:
        value = constant("dense<2.0> : tensor<8192x4096xf32>", "tensor<8192x4096xf32>")
        assert value.blob.nbytes == 1 << 27
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


def resource(number: int) -> bytes:
    data = np.arange(number, number + 64, dtype=np.float32).tobytes().hex()
    line = f'%c = "tfl.pseudo_const"() <{{value = dense_resource<w> : {BIG}}}> : () -> {BIG}'
    section = f'{{-#\n  dialect_resources: {{ builtin: {{ w: "0x10000000{data}" }} }}\n#-}}\n'
    return (body(line) + section).encode()


def test_files_with_equal_keys_keep_their_own_bytes() -> None:
    modules = [parse_text(resource(number), f"{number}.mlir") for number in (1, 2)]
    for number, module in enumerate(modules, 1):
        assert as_numpy(first(module, ConstOp).value)[0] == number
        assert text_of(module, locations=False).count(b"0x10000000") == 1


def test_resources_have_quoted_keys_comments_and_other_sections() -> None:
    text = body(f'%c = "tfl.pseudo_const"() <{{value = dense_resource<"a/b\\22"> : {BIG}}}> : () -> {BIG}')
    section = (
        '{-# // why not\n external_resources: { mlir_reproducer: { verify_each: true, threads: "x" } },\n'
        f' dialect_resources: {{ builtin: {{ "a/b\\22": "0x04000000{"00" * 256}", other: "0x04000000" }} }} #-}}\n'
    )
    value = first(parse(text + section), ConstOp).value
    assert isinstance(value, ArrayElementsAttr)
    assert value.blob.nbytes == 256


def test_equal_names_get_keys_of_their_own() -> None:
    lines = [
        f'%{i} = "tfl.pseudo_const"() <{{value = dense_resource<k{i}> : {BIG}}}> : () -> {BIG} loc("w/1")'
        for i in range(3)
    ]
    data = [f'k{i}: "0x10000000{np.arange(i, i + 64, dtype=np.float32).tobytes().hex()}"' for i in range(3)]
    section = f"{{-# dialect_resources: {{ builtin: {{ {', '.join(data)} }} }} #-}}"
    module = parse(body("\n".join(lines)) + section)
    assert module_text(module, elide=False, locations=True).count("dense_resource<w_1") == 3
    found = [as_numpy(op.value)[0] for op in again(module).walk() if isinstance(op, ConstOp)]
    assert found == [0, 1, 2]


def test_elided_text_reads_but_makes_no_model() -> None:
    module = parse_text(text_of(parse_text(resource(1), "a.mlir"), elide=True), "b.mlir")
    assert isinstance(first(module, ConstOp).value, DenseResourceAttr)
    with pytest.raises(Error, match="has no data"):
        export_model(module)


def test_sparse_indices_read_fast_and_right() -> None:
    indices = list(range(0, 200000, 2))
    s_param = (
        f"#tfl.sparsity_parameter<traversal_order = [0], block_map = [], dim_metadata = "
        f"<format = SPARSE_CSR, dense_size = 0, segments = [0, {len(indices)}], indices = {indices}>>"
    )
    line = (
        f'%c = "tfl.pseudo_sparse_const"() <{{value = dense<0> : tensor<200000xi8>, s_param = {s_param}, '
        f"compressed_data = dense<1> : tensor<{len(indices)}xi8>}}> : () -> tensor<200000xi8>"
    )
    attr = next(
        a for op in parse(body(line)).walk() for a in op.properties.values() if isinstance(a, SparsityParameterAttr)
    )
    assert attr.data.dim_metadata[0].indices.tolist() == indices


# Attributes.


def test_attributes_that_are_not_finite() -> None:
    module = parse(body(""))
    held: dict[str, Attribute] = {
        "a": DenseArrayBase.from_list(f32, [math.inf, -math.inf, 1e-30, 3.4e38]),
        "b": FloatAttr(-math.inf, f32),
        "c": FloatAttr(1e-10, f32),
    }
    module.attributes.update(held)
    assert {k: v for k, v in again(module).attributes.items() if k in held} == held


def test_quantized_types_keep_their_scales() -> None:
    scales = np.random.default_rng(0).random(64).astype(np.float32)
    kind = f"tensor<64x!quant.uniform<i8<-127:127>:f32:0, {{{','.join(f'{float(s)!r}:{i}' for i, s in enumerate(scales))}}}>>"
    module = parse(f"func.func @f(%a: {kind}) -> {kind} {{ func.return %a : {kind} }}")
    element = first(again(module), FuncOp).args[0].type.element_type
    assert element == first(module, FuncOp).args[0].type.element_type
    assert np.array_equal(element.layout.scales, scales.astype(np.float64))


def test_unmodelled_properties_are_properties() -> None:
    for name, props in UNMODELLED.items():
        op = dialect.op_class_by_name(name)
        assert op is not None, name
        assert props <= set(op.get_irdl_definition().properties), name


# What MLIR prints.


def test_aliases_behind_their_use_and_all_locations() -> None:
    module = parse(
        """#loc1 = loc("x")
        module {
          func.func @main(%x: tensor<4xf32> loc(#loc1)) -> tensor<4xf32> {
            %0 = tfl.add %x, %x {fused_activation_function = "NONE"} : tensor<4xf32> loc(#loc2)
            %1:2 = "tfl.split"(%c, %0) <{num_splits = 2 : i32}> : (tensor<i32>, tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>) loc(#loc5)
            %c = arith.constant dense<0> : tensor<i32> loc(fused<"why">["a", "b:", callsite("c" at "f":1:2)])
            return %0 : tensor<4xf32> loc("f.py":1:2 to 3:4)
          } loc(unknown)
        } loc(unknown)
        #loc2 = loc("y"(#loc3))
        #loc3 = loc("f.py":3:4)
        #loc5 = loc(fused[#loc1, #loc2])
        """,
        verify=False,
    )
    ops = {op.name: op for op in module.walk()}
    assert names.op_names(ops["tfl.add"]) == ["y"]
    assert names.op_names(ops["tfl.split"]) == ["x", "y"]
    assert names.op_names(ops["tfl.pseudo_const"]) == ["a;c"]
    assert isinstance(ops["tfl.split"].location, FusedLoc)
    assert isinstance(ops["tfl.add"].location, NameLoc)


def test_signatures_and_metadata_of_tensorflow() -> None:
    module = parse(
        """module attributes {tfl.metadata = {b = "x\\00", a = "y"}, tf_saved_model.semantics} {
          func.func @serve(%a: tensor<4xf32> {tf_saved_model.index_path = ["in"]}) -> (tensor<4xf32> {tf_saved_model.index_path = ["out"]})
              attributes {tf.entry_function = {inputs = "serve_in:0", outputs = "call:0"}, tf_saved_model.exported_names = ["serving_default"]} {
            %0 = "tfl.relu"(%a) : (tensor<4xf32>) -> tensor<4xf32> loc("relu")
            return %0 : tensor<4xf32>
          }
        }"""
    )
    assert (
        'tfl.signatures = [{key = "serving_default", function = @serve, inputs = [["in", 0 : i32]], outputs = [["out", 0 : i32]]}]'
        in module_text(module)
    )
    function = first(module, FuncOp)
    assert names.name_of(function.args[0]) == "serve_in:0"
    assert names.op_names(function.body.block.first_op) == ["call:0"]
    metadata = module.attributes[names.METADATA]
    assert [(pair.data[0].data, as_numpy(pair.data[1]).tobytes()) for pair in metadata] == [("b", b"x\0"), ("a", b"y")]
    assert "tf_saved_model" not in module_text(module)


# Errors.

RELU = '"tfl.relu"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>'


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ('%0 = "tfl.rely"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>', "t.mlir:2:9: unknown op 'tfl.rely'; did you mean 'tfl.relu'"),
        ('%0 = "tlf.relu"(%x) : (tensor<1x4xf32>) -> tensor<1x4xf32>', "no dialect 'tlf'; did you mean 'tfl'"),
        ('%0 = "tfl.relu"(%xx) : (tensor<1x4xf32>) -> tensor<1x4xf32>', "t.mlir:2:19: value %xx is used but not defined"),
        ('%0 = "tfl.relu"(%x) : (tensor<1x5xf32>) -> tensor<1x4xf32>', "operand is used with type tensor<1x5xf32>"),
        ('%0 = "tfl.relu"(%x) : (tensor<1x4xf33>) -> tensor<1x4xf32>', "t.mlir:2:37: 'f33' is no type of elements"),
        ('%0 = "tfl.relu"(%x) : (tensor<1x4xf32>) -> tensor<1x4xi8>', "t.mlir:2:"),
        ('%0 = "tfl.relu"(%x : (tensor<1x4xf32>) -> tensor<1x4xf32>', "t.mlir:2:22: ')' expected"),
        ('%0 = "tfl.pseudo_const"() <{value = dense<[1, 2]> : tensor<3xi32>}> : () -> tensor<3xi32>', "elements of shape [2]"),
        ('%0 = "tfl.pseudo_const"() <{value = dense<300> : tensor<3xi8>}> : () -> tensor<3xi8>', "300 does not fit 8 bits"),
        ('%0 = "tfl.pseudo_const"() <{value = dense<1> : tensor<3xi32>}> : () -> tensor<4xi32>', "does not fit tensor<4xi32>"),
        ('%0 = "tfl.pseudo_const"() <{value = 3 : i32}> : () -> tensor<i32>', "a constant's value is dense"),
        (f"%0 = {RELU} loc(\"a", "t.mlir:2:"),
        ('%0 = "tfl.relu"(%1) : (tensor<1x4xf32>) -> tensor<1x4xf32>\n%1 = ' + RELU, "t.mlir:2:3: operand 0 is read before it is made"),
        ('func.call @f(%x) : (tensor<1x4xf32>) -> ()', "@f"),
        ('"tfl.call_once"() <{session_init_function = "init"}> : () -> ()', "no function @init"),
        ('%0 = "tfl.relu"(%x) {a = #b} : (tensor<1x4xf32>) -> tensor<1x4xf32>', "undefined symbol alias '#b'"),
        ('%0 = "tfl.relu"(%x) {a = !quant.uniform<i8:f32, -1.0>} : (tensor<1x4xf32>) -> tensor<1x4xf32>', "every scale must be"),
        ("%0 = tfl.relu", "t.mlir:3:"),
    ],
)  # fmt: skip
def test_errors_say_where(line: str, wanted: str) -> None:
    assert wanted in str(error_of(body(line)))


@pytest.mark.parametrize(
    ("section", "wanted"),
    [
        ("{-# dialect_resources: { builtin: { w: 3 } } #-}", "t.mlir:6:40: resource 'w' is no string"),
        ('{-# dialect_resources: { builtin: { w: "0x123" } } #-}', "hexadecimal digits"),
        ('{-# dialect_resources: { builtin: { w: "0x12" } } #-}', "lacks its alignment"),
        ('{-# dialect_resources: { builtin: { w: "0x00000000", w: "0x00000000" } } #-}', "given twice"),
        ('{-# dialect_resources: { builtin: { w: "0x00000000" }', "ends early"),
        ('{-# dialect_resources: { builtin: { v: "0x0400000000000000" } } #-}', "no resource 'w'"),
        (
            '{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}',
            "4 bytes of data where tensor<64xf32> takes 256",
        ),
    ],
)
def test_errors_in_resources(section: str, wanted: str) -> None:
    line = f'%c = "tfl.pseudo_const"() <{{value = dense_resource<w> : {BIG}}}> : () -> {BIG}'
    assert wanted in str(error_of(body(line) + "\n" + section))


@pytest.mark.parametrize(
    "text", ["", "  // nothing\n", "{", '"', "\0\xff", "%", "((((", "module", "dense<" * 5000, "[" * 100000]
)
def test_rubbish_is_refused_in_one_line(text: str) -> None:
    error_of(text)


def test_functions_defined_twice() -> None:
    assert "is defined twice" in str(error_of("func.func @f() { func.return }\nfunc.func @f() { func.return }"))


def test_calls_must_fit() -> None:
    text = "func.func @f(%x: tensor<4xf32>) { func.call @f() : () -> () func.return }"
    assert error_of(text).file.startswith("t.mlir:1:")


def test_attributes_edited_by_hand_are_said_when_the_model_is_written() -> None:
    module = parse("module attributes {tfl.metadata = [3 : i32]} { func.func @main() { func.return } }")
    with pytest.raises(Error, match="an attribute of the module has not the form"):
        export_model(module)


def test_an_unclosed_string_is_refused_at_once() -> None:
    assert "does not end" in str(error_of(body('%0 = "tfl.relu' + "a" * 100000)))
