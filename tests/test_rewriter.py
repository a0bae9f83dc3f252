"""What the rewriter keeps: names, places, recorded ranges, decisions; and what it makes of constants and options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ArrayAttr, FusedLoc, ModuleOp, NameLoc, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult

from tflir.backends.mlir import module_text
from tflir.frontends.mlir import parse_text
from tflir.ir import names
from tflir.ir.constants import as_numpy
from tflir.ir.context import make_context
from tflir.ir.functions import functions
from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range, ranges_of
from tflir.ir.tfl.activations import ReluOp, TanhOp
from tflir.ir.tfl.arithmetic import AddOp, MulOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.elementwise import AbsOp, NegOp
from tflir.ir.types import element_of
from tflir.ir.verify import verify_module
from tflir.passes.rewriting import PatternRewriter, RewritePattern, rewrite

T = "tensor<4xf32>"
RANGE = "tfl.tensor = {quantization = {max = array<f32: 6.0>, min = array<f32: -1.0>}}"


def read(body: str, results: str = T, returned: str = "%y") -> ModuleOp:
    text = f'func.func @main(%x: {T} loc("x")) -> ({results}) {{\n{body}\nfunc.return {returned} : {results}\n}}'
    return parse_text(text.encode(), "test.mlir", make_context())


def ops_of(module: ModuleOp) -> list[Operation]:
    return list(next(op for op in module.ops if isinstance(op, FuncOp)).body.block.ops)[:-1]


def apply(module: ModuleOp, kind: type[Operation], change: Callable[[Any, PatternRewriter], None]) -> list[Operation]:
    """Applies `change` to ops of a type, each once; the ops after it."""

    class Change(RewritePattern):
        def match_and_rewrite(self, op: Operation, rewriter: Any) -> None:
            if type(op) is kind and "seen" not in op.attributes:
                op.attributes["seen"] = StringAttr("")
                change(op, rewriter)

    rewrite(module, [Change()])
    verify_module(module)
    return ops_of(module)


def test_a_new_op_takes_name_range_and_decisions_and_not_the_version() -> None:
    module = read(
        f'%y = "tfl.tanh"(%x) {{tfl.version = 9 : i32, tfl.keep_float = "why", tfl.debug_metadata_index = 3 : i32, '
        f'{RANGE}}} : ({T}) -> {T} loc("out")'
    )
    (made,) = apply(module, TanhOp, lambda op, rewriter: rewriter.replace(op, AbsOp(op.operands[0])))
    assert names.op_names(made) == ["out"]
    assert set(made.attributes) == {"tfl.keep_float", "tfl.debug_metadata_index", "tfl.tensor"}
    assert list(ranges_of(next(functions(module))).values()) == [Range(-1.0, 6.0)]


def test_what_a_pattern_of_xdsl_inserts_first_takes_them_too() -> None:
    def change(op: TanhOp, rewriter: PatternRewriter) -> None:
        made = AbsOp.create(operands=op.operands, result_types=[op.results[0].type])
        rewriter.insert(made)
        rewriter.replace(op, [], list(made.results))

    (made,) = apply(read(f'%y = "tfl.tanh"(%x) {{{RANGE}}} : ({T}) -> {T} loc("out")'), TanhOp, change)
    assert names.op_names(made) == ["out"]
    assert "tfl.tensor" in made.attributes


def test_several_new_ops_know_where_they_come_from() -> None:
    def change(op: TanhOp, rewriter: PatternRewriter) -> None:
        rewriter.replace(op, NegOp(AbsOp(NegOp(op.operands[0]))))

    found = apply(read(f'%y = "tfl.tanh"(%x) : ({T}) -> {T} loc("out")'), TanhOp, change)
    assert [op.name for op in found] == ["tfl.neg", "tfl.abs", "tfl.neg"]
    assert [names.op_names(op) for op in found] == [[None], [None], ["out"]]
    assert 'loc(fused[fused["out"]])' in module_text(_module_of(found[0]), locations=True)


def _module_of(op: Operation) -> ModuleOp:
    top: Any = op
    while top.parent_op() is not None:
        top = top.parent_op()
    return top


def test_fused_ops_stay_in_the_location() -> None:
    def change(op: TanhOp, rewriter: PatternRewriter) -> None:
        inner = op.operands[0].owner
        assert isinstance(inner, AbsOp)
        rewriter.replace(op, NegOp(inner.operands[0]), fused=[inner])

    (made,) = apply(
        read(f'%a = "tfl.abs"(%x) : ({T}) -> {T} loc("a")\n%y = "tfl.tanh"(%a) : ({T}) -> {T} loc("y")'), TanhOp, change
    )
    location = made.location
    assert isinstance(location, NameLoc)
    assert location.desc.data == "y"
    assert isinstance(location.location, FusedLoc)
    parts: Any = location.location.locations
    assert isinstance(parts, ArrayAttr)
    assert [part.desc.data for part in parts.data] == ["a", "y"]
    again = parse_text(module_text(_module_of(made), locations=True).encode(), "again.mlir", make_context())
    assert names.op_names(ops_of(again)[0]) == ["y"]


def test_fuse_gives_the_producer_type_name_and_range() -> None:
    quantized = "tensor<4x!quant.uniform<i8:f32, 0.5>>"
    narrow = "tensor<4x!quant.uniform<i8:f32, 0.25:-128>>"
    module = read(
        f'%q = "tfl.quantize"(%x) <{{qtype = {quantized}}}> : ({T}) -> {quantized}\n'
        f'%a = "tfl.add"(%q, %q) <{{fused_activation_function = "NONE"}}> : ({quantized}, {quantized}) -> {quantized} '
        f'loc("a")\n%y = "tfl.relu"(%a) : ({quantized}) -> {narrow} loc("y")',
        narrow,
    )

    def change(op: ReluOp, rewriter: PatternRewriter) -> None:
        add = op.operands[0].owner
        assert isinstance(add, AddOp)
        rewriter.fuse(op, into=add, activation="RELU")

    found = apply(module, ReluOp, change)
    assert [op.name for op in found] == ["tfl.quantize", "tfl.add"]
    assert str(found[1].results[0].type) == str(parse_type(narrow))
    assert names.op_names(found[1]) == ["y"]


def parse_type(text: str) -> Any:
    module = parse_text(f"func.func private @f({text})".encode(), "t.mlir", make_context())
    return next(op for op in module.ops if isinstance(op, FuncOp)).function_type.inputs.data[0]


def test_the_name_of_an_output_stays_where_an_op_is_left_out() -> None:
    inner = f'%a = "tfl.abs"(%x) : ({T}) -> {T} loc("a")\n%y = "tfl.tanh"(%a) : ({T}) -> {T} loc("y")'
    (kept,) = apply(read(inner), TanhOp, lambda op, rewriter: rewriter.replace(op, op.operands[0]))
    assert names.op_names(kept) == ["y"]
    (kept,) = apply(
        read(inner, f"{T}, {T}", "%y, %a"), TanhOp, lambda op, rewriter: rewriter.replace(op, op.operands[0])
    )
    assert names.op_names(kept) == ["a"]  # an output itself


def test_constants_have_the_elements_that_they_are_given() -> None:
    element = element_of(parse_type("tensor<2x!quant.uniform<i8:f32, 0.5>>"))
    assert isinstance(element, UniformQuantizedType)
    made: list[OpResult] = []

    def change(op: TanhOp, rewriter: PatternRewriter) -> None:
        made.append(rewriter.constant(np.array([1.5, 2.5, 3.5, 4.5], np.float32), "plain"))
        made.append(rewriter.constant(np.array([1, -2], np.int8), "stored", element))
        rewriter.replace(op, MulOp(op.operands[0], made[0]))

    apply(read(f'%y = "tfl.tanh"(%x) : ({T}) -> {T} loc("y")'), TanhOp, change)
    plain, stored = (value.op for value in made)
    assert isinstance(plain, ConstOp)
    assert as_numpy(plain.value).tolist() == [1.5, 2.5, 3.5, 4.5]
    assert isinstance(stored, QConstOp)
    assert element_of(stored.output.type) == element
    assert [names.op_names(op) for op in (plain, stored)] == [["plain"], ["stored"]]


def test_modify_sets_options_by_name() -> None:
    def change(op: AddOp, rewriter: PatternRewriter) -> None:
        rewriter.modify(op, activation="RELU6")

    body = f'%y = "tfl.add"(%x, %x) <{{fused_activation_function = "NONE"}}> : ({T}, {T}) -> {T}'
    (made,) = apply(read(body), AddOp, change)
    assert made.properties["fused_activation_function"] == StringAttr("RELU6")


def test_an_op_must_be_replaced_with_as_many_values() -> None:
    from tflir.ir.errors import Error

    body = f'%y = "tfl.tanh"(%x) : ({T}) -> {T}'
    with pytest.raises(Error, match=r"tfl\.tanh has 1 results, and is replaced with 0 values"):
        apply(read(body), TanhOp, lambda op, rewriter: rewriter.replace(op, []))
