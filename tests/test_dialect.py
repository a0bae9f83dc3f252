"""The `tfl` dialect is complete, its table of families is true, and its attributes read back as they print."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as generated
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, f32
from xdsl.dialects.func import Func
from xdsl.ir import Attribute
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

import tflir.ir.tfl
from tflir.frontends.mlir import parse_text
from tflir.ir.tfl import attributes as attrs
from tflir.ir.tfl import dialect
from tflir.ir.tfl.activations import ReluOp
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.control_flow import SUBGRAPH_FIELDS
from tflir.ir.types import TF_TYPE, tensor_type

NOT_TYPED = {"CUSTOM", "PLACEHOLDER_FOR_GREATER_OP_CODES"}
BUILTINS = sorted(name for name in vars(generated.BuiltinOperator) if name.isupper() and name not in NOT_TYPED)


@pytest.fixture(name="context")
def _context() -> Context:
    context = Context()
    for each in (Builtin, Func, TF_TYPE, dialect.get_dialect()):
        context.load_dialect(each)
    return context


def test_families_list_exactly_the_ops_of_their_modules() -> None:
    for family, ops in dialect.FAMILIES.items():
        defined = dialect.family_ops(import_module(f"tflir.ir.tfl.{family}"))
        assert list(defined) == [f"tfl.{op}" for op in ops.split()], family


def test_every_module_that_defines_ops_is_a_family() -> None:
    folder = Path(next(iter(tflir.ir.tfl.__path__)))
    modules = {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}
    with_ops = {name for name in modules if dialect.family_ops(import_module(f"tflir.ir.tfl.{name}"))}
    assert with_ops == set(dialect.FAMILIES)


@pytest.mark.parametrize("builtin", BUILTINS)
def test_every_builtin_has_a_class_with_all_its_options(builtin: str) -> None:
    op = dialect.op_class(builtin)
    assert op is not None
    assert op.INFO.builtin == builtin
    if op.INFO.options is None:
        return
    definition = op.get_irdl_definition()
    known = {*definition.properties, *(name for name, _ in definition.regions)}
    for attribute in vars(getattr(generated, f"{op.INFO.options}T")()):
        field = re.sub(r"(?<!^)([A-Z])", r"_\1", attribute).lower()
        wanted = SUBGRAPH_FIELDS.get(f"{op.INFO.options}.{field}", field)
        assert wanted in known, field


def test_one_class_for_each_builtin_but_lstm() -> None:
    typed = [op for op in dialect.get_dialect().operations if issubclass(op, TflOp)]
    builtins = [op.INFO.builtin for op in typed]
    assert sorted(builtins) == sorted([*BUILTINS, "LSTM"])
    names = {op.name for op in typed}
    assert names == {"tfl.basic_lstm", *(f"tfl.{name.lower()}" for name in BUILTINS)}


def test_operand_numbers_are_in_range() -> None:
    for op in dialect.get_dialect().operations:
        if not issubclass(op, TflOp):
            continue
        info, operands = op.INFO, op.get_irdl_definition().operands
        numbers = [*info.dynamic_range, *info.stateful, *info.sparse]
        numbers += [info.weight[0]] if info.weight else []
        numbers += [info.bias[0], *info.bias[1]] if info.bias else []
        assert all(number < len(operands) for number in numbers), op.name


def test_unknown_names_have_no_class() -> None:
    assert dialect.op_class("CUSTOM") is None
    assert dialect.op_class("YIELD") is None
    assert dialect.op_class("NEWER_THAN_US") is None
    assert dialect.op_class_by_name("tfl.newer_than_us") is None
    assert dialect.op_class_by_name("tfl.custom") is not None


TEXTS = [
    "!tfl.control",
    '#tfl<const_bytes : "0x6162">',
    '#tfl<const_bytes : "0x">',
    "#tfl<lstm_kernel_type_attr FULL>",
    "#tfl<mirror_pad_attr REFLECT>",
    "#tfl<dimension_type_attr SPARSE_CSR>",
    '#tfl.external_buffer<group_name = "g", offset = 4, length = 8, packing = "none">',
    "#tfl.dimension_metadata<format = SPARSE_CSR, dense_size = 0, segments = [0, 2], indices = [1, 70000]>",
    "#tfl.sparsity_parameter<traversal_order = [0, 1], block_map = [], dim_metadata = "
    "<format = DENSE, dense_size = 4, segments = [], indices = []>, "
    "<format = SPARSE_CSR, dense_size = 0, segments = [0, 2], indices = [0, 1]>>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_attributes_print_as_they_parse(context: Context, text: str) -> None:
    attribute = Parser(context, text).parse_attribute()
    assert str(attribute) == text
    again = Parser(context, text).parse_attribute()
    assert attribute == again
    assert hash(attribute) == hash(again)


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        (
            '#tfl<external_buffer<length = 8, offset = 4, packing = "", group_name = "g">>',
            attrs.ExternalBufferAttr(attrs.ExternalBuffer("g", 4, 8, "")),
        ),
        (
            "#tfl.sparsity_parameter<traversal_order = [0], block_map = [], dim_metadata = "
            "#tfl.dimension_metadata<format = DENSE, dense_size = 4, segments = [], indices = []>>",
            attrs.SparsityParameterAttr(
                attrs.SparsityParameters((0,), (), (attrs.DimensionMetadata(attrs.DimensionType.DENSE, 4),))
            ),
        ),
    ],
)
def test_other_spellings_that_mlir_takes(context: Context, text: str, attribute: Attribute) -> None:
    assert Parser(context, text).parse_attribute() == attribute


@pytest.mark.parametrize(
    "text", ['#tfl<const_bytes : "0x6">', '#tfl<const_bytes : "ab">', "#tfl.external_buffer<offset = 4, offset = 4>"]
)
def test_malformed_attributes_are_refused(context: Context, text: str) -> None:
    with pytest.raises(ParseError):
        Parser(context, text).parse_attribute()


def test_index_vectors_compare_by_value() -> None:
    listed = attrs.DimensionMetadata("SPARSE_CSR", 0, [0, 2], [1, 300])
    stored = attrs.DimensionMetadata("SPARSE_CSR", 0, np.array([0, 2], np.int32), np.array([1, 300], np.int32))
    assert listed == stored
    assert hash(listed) == hash(stored)
    assert (listed.segments.dtype, listed.indices.dtype) == (np.uint8, np.uint16)
    assert stored.indices.dtype == np.int32
    assert listed != attrs.DimensionMetadata("SPARSE_CSR", 0, [0, 2], [1, 301])


LOOP = """
func.func @main(%a: tensor<i32>) -> tensor<i32> {{
  %0 = "tfl.while"(%a) <{{is_stateless = false}}> ({{
  ^bb0(%x: tensor<i32>):
    %c = "tfl.less"(%x, %a) : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "tfl.yield"({decision}) : ({kind}) -> ()
  }}, {{
  ^bb0(%x: {carried}):
    "tfl.yield"(%x) : ({carried}) -> ()
  }}) : (tensor<i32>) -> tensor<i32>
  func.return %0 : tensor<i32>
}}
"""


def _loop(context: Context, decision: str = "%c", kind: str = "tensor<i1>", carried: str = "tensor<i32>") -> None:
    Parser(context, LOOP.format(decision=decision, kind=kind, carried=carried)).parse_module().verify()


def test_while(context: Context) -> None:
    _loop(context)
    _loop(context, carried="tensor<*xi32>")
    with pytest.raises(VerifyException, match="not one boolean"):
        _loop(context, decision="%x", kind="tensor<i32>")
    with pytest.raises(VerifyException, match="arguments of the 'body' region"):
        _loop(context, carried="tensor<2xi32>")
    with pytest.raises(VerifyException, match="arguments of the 'body' region"):
        _loop(context, carried="tensor<f32>")


BRANCH = """
func.func @main(%c: tensor<i1>, %a: tensor<i32>) -> tensor<i32> {{
  %0 = "tfl.if"(%c) ({{
    "tfl.yield"(%a) : (tensor<i32>) -> ()
  }}, {{
    "tfl.yield"({other}) : ({kind}) -> ()
  }}) : (tensor<i1>) -> tensor<i32>
  func.return %0 : tensor<i32>
}}
"""


def test_if(context: Context) -> None:
    Parser(context, BRANCH.format(other="%a", kind="tensor<i32>")).parse_module().verify()
    with pytest.raises(VerifyException, match="'else' region's yield: 0 values where 1 are wanted"):
        Parser(context, BRANCH.format(other="", kind="")).parse_module().verify()
    with pytest.raises(VerifyException, match="'else' region's yield: value 0"):
        Parser(context, BRANCH.format(other="%c", kind="tensor<i1>")).parse_module().verify()


def test_a_dimension_below_0_is_dynamic_wherever_a_type_is_made() -> None:
    module = parse_text(
        b'func.func @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> { %y = "tfl.relu"(%x) : (tensor<?x8xf32>) -> '
        b"tensor<?x8xf32> func.return %y : tensor<?x8xf32> }",
        "a.mlir",
    )
    (op,) = (op for op in module.walk() if op.name == "tfl.relu")
    assert tensor_type((-1, 8), f32) == op.operands[0].type
    made = ReluOp(op.operands[0])
    assert str(made.y.type) == "tensor<?x8xf32>"
    made.drop_all_references()
