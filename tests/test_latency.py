"""Estimates of latency: what ops have to do, times between measured ones, and sums over ops, partitions and calls."""

from __future__ import annotations

import subprocess
import sys
import time

import models_builder as build
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recurrent_layers import INPUTS, OUTPUTS, STEPS, UNITS, correlated, layer
from xdsl.dialects.builtin import f32
from xdsl.ir import Block

import tflir
from tflir.ir.functions import functions
from tflir.ir.targets.cpus import COST_TABLES
from tflir.ir.targets.latency import Estimate, Grid, LatencyTable, estimate
from tflir.ir.targets.latency.parts import parts_of
from tflir.ir.targets.latency.work import Work, work_of
from tflir.ir.targets.site import is_operator
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.dialect import get_dialect
from tflir.ir.types import tensor_type

GRID = Grid(((1, 10, 100), (4, 16)), (10, 20, 100, 200, 1000, 2000))


def works(text: str) -> list[Work]:
    """The work of the ops of a module."""
    (function, *_) = functions(tflir.loads(text))
    return [work_of(op) for op in function.body.block.ops if is_operator(op)]


def of(op: str, *arguments: str, out: str) -> Work:
    """The work of one op of these operands."""
    names = [f"%a{number}" for number in range(len(arguments))]
    given = ", ".join(f"{name}: {kind}" for name, kind in zip(names, arguments, strict=True))
    call = f"{op}" if "(" in op else f'"{op}"({", ".join(names)})'
    (found,) = works(
        f"func.func @main({given}) -> {out} {{\n"
        f"  %y = {call} : ({', '.join(arguments)}) -> {out}\n  func.return %y : {out}\n}}"
    )
    return found


@pytest.mark.parametrize(
    ("op", "arguments", "out", "wanted"),
    [
        ("tfl.tanh", ["tensor<2x8xf32>"], "tensor<2x8xf32>", Work("TANH", "f32", (16,))),
        (
            'tfl.add(%a0, %a1) <{fused_activation_function = "NONE"}>',
            ["tensor<4x8xf32>", "tensor<f32>"],
            "tensor<4x8xf32>",
            Work("ADD.scalar", "f32", (32,)),
        ),
        (
            'tfl.add(%a0, %a1) <{fused_activation_function = "NONE"}>',
            ["tensor<4x6x8xf32>", "tensor<4x1x8xf32>"],
            "tensor<4x6x8xf32>",
            Work("ADD.broadcast", "f32", (24, 8)),
        ),
        (
            '"tfl.softmax"(%a0) <{beta = 1.000000e+00 : f32}>',
            ["tensor<3x8xf32>"],
            "tensor<3x8xf32>",
            Work("SOFTMAX", "f32", (3, 8)),
        ),
        (
            '"tfl.concatenation"(%a0, %a1) <{axis = 1 : i32, fused_activation_function = "NONE"}>',
            ["tensor<4x8xf32>", "tensor<4x8xf32>"],
            "tensor<4x16xf32>",
            Work("CONCATENATION", "f32", (8, 8)),
        ),
        ("tfl.batch_matmul", ["tensor<3x4x5xf32>", "tensor<3x5x6xf32>"], "tensor<3x4x6xf32>",
         Work("BATCH_MATMUL", "f32", (3, 4, 5, 6))),
    ],
)  # fmt: skip
def test_the_work_of_an_op(op: str, arguments: list[str], out: str, wanted: Work) -> None:
    assert of(op, *arguments, out=out) == wanted


def test_weights_say_positions_products_and_channels() -> None:
    found = [work_of(op) for function in functions(tflir.loads(build.convolutions())) for op in function.body.block.ops
             if is_operator(op)]  # fmt: skip
    kernels = {work.kernel: work for work in found}
    assert len(kernels["CONV_2D" if "CONV_2D" in kernels else "CONV_2D.1x1"].sizes) == 3
    assert kernels["DEPTHWISE_CONV_2D"].kind == "f32"
    assert all(size >= 1 for work in found for size in work.sizes)


@pytest.mark.parametrize("place", [(1, 4), (10, 16), (100, 4)])
def test_times_at_measured_points_are_those_measured(place: tuple[int, int]) -> None:
    at = GRID.axes[0].index(place[0]) * 2 + GRID.axes[1].index(place[1])
    assert GRID.at(place) == pytest.approx(GRID.ns[at])


def test_times_between_points_follow_powers() -> None:
    assert GRID.at((10, 8)) == pytest.approx(100 * 2**0.5)
    assert GRID.at((1000, 4)) == pytest.approx(10_000), "beyond the end time grows as before"
    assert GRID.at((100, 1 << 20)) == pytest.approx(2000 * ((1 << 20) / 16) ** 0.5)
    assert GRID.at((1, 1)) == pytest.approx(10), "what is smaller takes no less than the least"


@given(st.integers(1, 10**6), st.integers(1, 10**6), st.integers(1, 4), st.integers(0, 1))
def test_more_work_takes_no_less_time(rows: int, columns: int, more: int, axis: int) -> None:
    larger = (rows * more, columns) if axis else (rows, columns * more)
    assert GRID.at(larger) >= GRID.at((rows, columns)) * (1 - 1e-9)


def test_a_grid_that_is_not_whole_is_refused() -> None:
    with pytest.raises(tflir.Error, match="a grid of"):
        Grid(((1, 2),), (1.0,))


def test_kernels_stand_in_for_those_not_measured() -> None:
    one = Grid(((1, 1000),), (5, 5000))
    table = LatencyTable({}, {"litert ADD qi8": one, "xnnpack TANH f32": Grid(((1,),), (7,))})
    assert table.seconds(Work("ADD.scalar", "qi8", (1,)), "litert") == pytest.approx(5e-9)
    assert table.seconds(Work("ADD", "qu8", (1,)), "xnnpack") == pytest.approx(5e-9)
    assert table.seconds(Work("TANH", "qi16", (1,)), "litert") == pytest.approx(7e-9)
    assert table.seconds(Work("NOBODY_KNOWS", "str", (1000,)), "litert") == pytest.approx(5e-6)
    assert table.seconds(Work("DENSIFY.constant", "f32>f32", (1000,)), "xnnpack") == 0


@pytest.mark.parametrize(
    "name", ["fully_connected", "convolutions", "gather", "loop", "branch", "signatures", "stateful", "int8", "dynamic"]
)
def test_every_kind_of_model_has_an_estimate(name: str) -> None:
    module = tflir.loads(getattr(build, name)())
    with_delegate, own = estimate(module), estimate(module, target="litert")
    for found in (with_delegate, own):
        assert 0 < found.seconds < 1
        assert all(cost.seconds >= 0 for cost in found.ops)
        assert sum(found.share.values()) <= 1
    assert own.crossings == 0
    assert not any(cost.delegated for cost in own.ops)
    assert with_delegate.crossings or not any(cost.delegated for cost in with_delegate.ops)


def test_a_larger_model_takes_longer_and_int16_runs_in_own_kernels() -> None:
    def tanh(size: int, kind: str) -> Estimate:
        tensor = f"tensor<{size}x{kind}>"
        return estimate(tflir.loads(
            f'func.func @main(%x: {tensor}) -> {tensor} {{\n  %y = "tfl.tanh"(%x) : ({tensor}) -> {tensor}\n'
            f"  func.return %y : {tensor}\n}}"
        ))  # fmt: skip

    times = [tanh(size, "f32").seconds for size in (8, 1000, 100_000)]
    assert times == sorted(times)
    assert tanh(8, "f32").ops[0].delegated
    assert not tanh(8, "!quant.uniform<i16:f32, 3.0517578125e-05>").ops[0].delegated


LOOP = """
func.func @main(%x: tensor<i32>) -> tensor<i32> {
  %zero = "tfl.pseudo_const"() <{value = dense<0> : tensor<i32>}> : () -> tensor<i32>
  %r:2 = "tfl.while"(%zero, %x) <{is_stateless = false}> ({
  ^bb0(%a: tensor<i32>, %b: tensor<i32>):
    %c = func.call @cond(%a, %b) : (tensor<i32>, tensor<i32>) -> tensor<i1>
    "tfl.yield"(%c) : (tensor<i1>) -> ()
  }, {
  ^bb0(%a: tensor<i32>, %b: tensor<i32>):
    %c, %d = func.call @body(%a, %b) : (tensor<i32>, tensor<i32>) -> (tensor<i32>, tensor<i32>)
    "tfl.yield"(%c, %d) : (tensor<i32>, tensor<i32>) -> ()
  }) : (tensor<i32>, tensor<i32>) -> (tensor<i32>, tensor<i32>)
  func.return %r#1 : tensor<i32>
}
func.func private @cond(%a: tensor<i32>, %b: tensor<i32>) -> tensor<i1> {
  %most = "tfl.pseudo_const"() <{value = dense<TURNS> : tensor<i32>}> : () -> tensor<i32>
  %c = tfl.less(%a, %most) : (tensor<i32>, tensor<i32>) -> tensor<i1>
  func.return %c : tensor<i1>
}
func.func private @body(%a: tensor<i32>, %b: tensor<i32>) -> (tensor<i32>, tensor<i32>) {
  %one = "tfl.pseudo_const"() <{value = dense<1> : tensor<i32>}> : () -> tensor<i32>
  %c = tfl.add(%a, %one) <{fused_activation_function = "NONE"}> : (tensor<i32>, tensor<i32>) -> tensor<i32>
  func.return %c, %b : tensor<i32>, tensor<i32>
}
"""


def test_a_loop_counts_as_often_as_it_turns() -> None:
    few, many = (estimate(tflir.loads(LOOP.replace("TURNS", turns))) for turns in ("4", "40"))
    add = [next(cost.seconds for cost in found.ops if cost.op.name == "tfl.add") for found in (few, many)]
    assert add[1] == pytest.approx(10 * add[0])


def test_a_recurrent_op_multiplies_by_each_weight_at_each_step() -> None:
    module = tflir.loads(build.stateful())
    for function in functions(module):
        for op in function.body.block.ops:
            if is_operator(op):
                assert all(count >= 1 for _, count in parts_of(op))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("LSTM", [(Work("LSTM", "f32", (1, INPUTS + OUTPUTS, UNITS)), 1)]),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", [(Work("LSTM", "f32", (1, INPUTS + OUTPUTS, UNITS)), STEPS)]),
        ("BIDIRECTIONAL_SEQUENCE_LSTM", [(Work("LSTM", "f32", (1, INPUTS + UNITS, UNITS)), STEPS)] * 2),
    ],
)
def test_each_direction_of_an_lstm_is_one_kernel_at_each_step(kind: str, wanted: list[tuple[Work, int]]) -> None:
    (function,) = functions(tflir.loads(layer(kind)[0]))
    (parts,) = (parts_of(op) for op in function.body.block.ops if "lstm" in op.name)
    assert [part for part in parts if part[0].kernel == "LSTM"] == wanted


def test_an_integer_lstm_is_known_to_be_slower_than_a_float_one() -> None:
    data, shape = layer("UNIDIRECTIONAL_SEQUENCE_LSTM")
    converter = tflir.Converter.from_bytes(data)
    converter.optimizations = [tflir.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([correlated(shape, seed)] for seed in range(4))
    assert estimate(tflir.loads(converter.convert())).seconds > 3 * estimate(tflir.loads(data)).seconds


@pytest.mark.parametrize("results", [(), ((4,),), ((2**31 - 1,) * 40,)])
@pytest.mark.parametrize("operands", [0, 1, 3, 24])
def test_any_op_of_a_damaged_file_has_a_time(operands: int, results: tuple[tuple[int, ...], ...]) -> None:
    tensor, table = tensor_type((4,), f32), COST_TABLES.get("zen4").latency
    assert table is not None
    for kind in get_dialect().operations:
        if not issubclass(kind, TflOp):
            continue
        block = Block(arg_types=[tensor])
        made = [tensor_type(shape, f32) for shape in results]
        op = kind.create(operands=[block.args[0]] * operands, result_types=made)
        assert all(0 < table.seconds(work, "litert") < float("inf") for work, _ in parts_of(op)), kind.name


def test_functions_that_are_called_by_many_ways_count_once_each() -> None:
    """Each of 60 functions calls the next one in both branches: 2 to the power of 60 ways lead to the last one."""
    kind = "tensor<f32>"
    functions_of = [
        f"func.func {'@main' if n == 0 else f'private @f{n}'}(%c: tensor<i1>, %x: {kind}) -> {kind} {{\n"
        f'  %y = "tfl.if"(%c) ({{\n    %r = func.call @f{n + 1}(%c, %x) : (tensor<i1>, {kind}) -> {kind}\n'
        f'    "tfl.yield"(%r) : ({kind}) -> ()\n  }}, {{\n'
        f"    %r = func.call @f{n + 1}(%c, %x) : (tensor<i1>, {kind}) -> {kind}\n"
        f'    "tfl.yield"(%r) : ({kind}) -> ()\n  }}) {{is_stateless = true}} : (tensor<i1>) -> {kind}\n'
        f"  func.return %y : {kind}\n}}"
        for n in range(60)
    ]
    last = (
        f'func.func private @f60(%c: tensor<i1>, %x: {kind}) -> {kind} {{\n  %y = "tfl.sign"(%x) : ({kind}) -> {kind}'
    )
    found = estimate(tflir.loads("\n".join([*functions_of, f"{last}\n  func.return %y : {kind}\n}}"])))
    assert [cost.op.name for cost in found.ops] == ["tfl.if"] * 60 + ["tfl.sign"]
    assert sum(found.share.values()) < 1


def test_a_thousand_ops_take_less_than_a_second_and_no_runtime() -> None:
    tensor = "tensor<1x64xf32>"
    lines = [f'  %{n + 1} = "tfl.{("tanh", "sign")[n % 2]}"(%{n}) : ({tensor}) -> {tensor}' for n in range(1000)]
    text = (
        f"func.func @main(%0: {tensor}) -> {tensor} {{\n" + "\n".join(lines) + f"\n  func.return %1000 : {tensor}\n}}"
    )
    module = tflir.loads(text)
    began = time.process_time()
    found = estimate(module)
    assert time.process_time() - began < 5, "a second, with room for a busy machine"
    assert found.crossings == 500
    assert len(found.ops) == 1000
    code = (
        "import sys, tflir\nfrom tflir.ir.targets.latency import estimate\n"
        f"estimate(tflir.loads({text!r}))\nassert 'ai_edge_litert' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_cpus_and_those_without_latency_are_refused() -> None:
    module = tflir.loads(build.fully_connected())
    with pytest.raises(tflir.Error, match="no cpu is called 'z80'"):
        estimate(module, cpu="z80")
    with pytest.raises(tflir.Error, match="not known of cpu 'avx2'"):
        estimate(module, cpu="avx2")


def test_the_table_of_the_package_is_sound() -> None:
    table = COST_TABLES.get("zen4").latency
    assert table is not None
    assert {"invoke", "partition", "call", "loop"} <= set(table.fixed)
    assert any(key.startswith("xnnpack CONV_2D f32") for key in table.kernels)
    assert all(np.all(np.array(grid.ns) > 0) for grid in table.kernels.values())
