"""Text for people: values are called after tensors, simple ops are short, what repeats is said once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import UnitAttr

from tflir.backends.mlir import module_text
from tflir.backends.mlir.value_names import readable
from tflir.files import dumps, loads, to_bytes
from tflir.frontends.mlir import parse_text
from tflir.ir import names
from tflir.ir.errors import Error
from tflir.ir.tfl.activations import ReluOp

RELU = '%{n} = "tfl.relu"(%{m}) : (tensor<4xf32>) -> tensor<4xf32> loc("{name}")'


def _chain(tensors: list[str]) -> bytes:
    lines = []
    for n, name in enumerate(tensors):
        quoted = "".join(f"\\{byte:02X}" for byte in name.encode())
        lines.append(RELU.format(n=n + 1, m=n, name=quoted))
    body = "\n".join(lines)
    last = len(tensors)
    start, end = "func.func @main(%0: tensor<4xf32>) -> tensor<4xf32> {", f"func.return %{last} : tensor<4xf32>"
    return f"{start}\n{body}\n{end}\n}}".encode()


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("conv1/relu", "conv1_relu"),
        ("serving_default_x:0", "serving_default_x_0"),
        ("a/Relu;a/BiasAdd;b", "a_Relu"),
        ("1/x", "_1_x"),
        ("größe", "gr_e"),
        ("///", None),
        ("model/" * 20 + "last", "model_" * 6 + "last"),
        ("x" * 100, "x" * 40),
        ("-a", "_-a"),
    ],
)
def test_a_value_is_called_after_its_tensor(tensor: str, name: str | None) -> None:
    assert readable(tensor) == name


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6))
@settings(derandomize=True, max_examples=60, deadline=None)
def test_any_names_of_tensors_come_back(tensors: list[str]) -> None:
    module = parse_text(_chain([name.replace("\0", "0") for name in tensors]), "a.mlir")
    again = loads(dumps(module, "mlir"))
    assert [names.op_names(op) for op in again.walk() if isinstance(op, ReluOp)] == [
        names.op_names(op) for op in module.walk() if isinstance(op, ReluOp)
    ]
    plain = module_text(module)
    assert module_text(parse_text(plain.encode(), "b.mlir")).count("tfl.relu") == len(tensors)


def test_equal_names_and_names_like_made_ones_stay_apart() -> None:
    text = module_text(parse_text(_chain(["a", "a_1", "a", "a", "a_1"]), "a.mlir"))
    values = [line.split()[0] for line in text.splitlines() if "tfl.relu" in line]
    assert len(set(values)) == 5
    assert values[:2] == ["%a", "%a_1"]


BINARY = """
func.func @main(%x: tensor<2x3xf32>, %y: tensor<3xf32>) -> (tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xf32>) {
  %a = "tfl.sub"(%x, %x) <{fused_activation_function = "RELU", pot_scale_int16 = false}> {tfl.version = 9 : i32} :
    (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32> loc("a")
  %b = "tfl.less"(%a, %x) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1> loc("b")
  %c = "tfl.mul"(%x, %y) <{fused_activation_function = "NONE"}> : (tensor<2x3xf32>, tensor<3xf32>) -> tensor<2x3xf32>
  func.return %a, %b, %c : tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xf32>
}"""


def test_short_forms_are_those_of_mlir_and_come_back() -> None:
    module = parse_text(BINARY.encode(), "a.mlir")
    text = dumps(module, "mlir")
    assert '%a = tfl.sub %x, %x {fused_activation_function = "RELU", pot_scale_int16 = false' in text
    assert "%b = tfl.less(%a, %x) : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xi1>" in text
    assert '%c = tfl.mul(%x, %y) <{fused_activation_function = "NONE"}> : (tensor<2x3xf32>, tensor<3xf32>)' in text
    again = loads(text)
    assert to_bytes(again) == to_bytes(module)
    assert module_text(again, generic=True) == module_text(module, generic=True)


DETAILS = """func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %s = "tfl.pseudo_const"() <{value = dense<4> : tensor<1xi32>}> : () -> tensor<1xi32>
  %a = "tfl.reshape"(%x, %s) {tfl.no_options, tfl.version = 2 : i32} : (tensor<4xf32>, tensor<1xi32>) -> tensor<4xf32>
  %b = "tfl.reshape"(%a, %s) {tfl.no_options} : (tensor<4xf32>, tensor<1xi32>) -> tensor<4xf32>
  %c = "tfl.abs"(%b) {tfl.no_options} : (tensor<4xf32>) -> tensor<4xf32>
  %d = "tfl.abs"(%c) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %d : tensor<4xf32>
}"""


def test_what_all_ops_of_a_kind_have_is_said_once() -> None:
    module = parse_text(DETAILS.encode(), "a.mlir")
    text = module_text(module)
    assert "tfl.op_details = {tfl.reshape = {tfl.no_options}}" in text
    assert text.count("tfl.no_options") == 2
    assert text.count("tfl.version") == 1
    again = loads(text)
    assert names.OP_DETAILS not in again.attributes
    assert to_bytes(again) == to_bytes(module)
    assert [op.attributes.get(names.NO_OPTIONS) for op in again.walk() if op.name == "tfl.reshape"] == [UnitAttr()] * 2


SCALES = ",".join(f"{(n + 1) / 8}" for n in range(40))
CHANNELS = f"""func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {{
  %w = "tfl.pseudo_qconst"() <{{qtype = tensor<40x!quant.uniform<i8<-127:127>:f32:0, {{{SCALES}}}>>, value = dense<1> :
    tensor<40xi8>}}> : () -> tensor<40x!quant.uniform<i8<-127:127>:f32:0, {{{SCALES}}}>>
  func.return %x : tensor<4xf32>
}}"""


def test_long_lists_of_scales_are_left_out_with_the_constants() -> None:
    module = parse_text(CHANNELS.encode(), "a.mlir")
    text = module_text(module)
    assert "{1.250000e-01,2.500000e-01,3.750000e-01,__elided__}" in text
    with pytest.raises(Error, match=r"b\.mlir:3.*left out.*--print-resources"):
        parse_text(text.encode(), "b.mlir")
    assert to_bytes(loads(dumps(module, "mlir"))) == to_bytes(module)


def test_tables_of_sparse_constants_are_left_out_with_the_constants() -> None:
    rows = ", ".join(str(n) for n in range(41))
    columns = ", ".join("0" for _ in range(40))
    dense = "<format = DENSE, dense_size = 40, segments = [], indices = []>"
    held = f"<format = SPARSE_CSR, dense_size = 0, segments = [{rows}], indices = [{columns}]>"
    sparse = f"#tfl.sparsity_parameter<traversal_order = [0, 1], block_map = [], dim_metadata = {dense}, {held}>"
    program = f"""func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {{
      %w = "tfl.pseudo_sparse_const"() <{{value = dense<0.0> : tensor<40x4xf32>, s_param = {sparse},
        compressed_data = dense<1.0> : tensor<40xf32>}}> : () -> tensor<40x4xf32>
      func.return %x : tensor<4xf32>
    }}"""
    module = parse_text(program.encode(), "a.mlir")
    text = module_text(module)
    assert "segments = [0, 1, 2, __elided__]" in text
    with pytest.raises(Error, match="left out"):
        parse_text(text.encode(), "b.mlir")
    assert to_bytes(loads(dumps(module, "mlir"))) == to_bytes(module)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64, np.int8, np.int64, np.uint16, np.bool_])
def test_one_value_throughout_is_short_and_comes_back(dtype: type[np.generic]) -> None:
    from tflir.ir.constants import as_numpy, elements
    from tflir.ir.tfl.constants import ConstOp

    module = parse_text(_chain(["a"]), "a.mlir")
    value = elements(np.ones((7, 11), dtype))
    made = ConstOp.create(result_types=[value.type], properties={"value": value})
    function = next(iter(module.ops))
    function.body.block.insert_op_before(made, function.body.block.first_op)  # type: ignore[attr-defined]
    text = dumps(module, "mlir")
    assert "dense_resource" not in text
    (back,) = [op for op in loads(text).walk() if isinstance(op, ConstOp)]
    assert np.array_equal(as_numpy(back.value), as_numpy(value))
