"""`tfl-canonicalize`: bit-identical, never larger, and no output renamed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models_builder import Model
from net_builder import Net

from tflir.backends.litert.run import Runner
from tflir.files import load_bytes, to_bytes
from tflir.frontends.mlir import parse_text
from tflir.pass_manager import run_passes
from tflir.passes.canonicalize.axes import Layout, Steps, identity, reshaped, steps, transposed


@st.composite
def _chains(draw: st.DrawFn) -> tuple[tuple[int, ...], list[tuple[str, tuple[int, ...]]]]:
    """A shape, and reshapes and transposes that go on from it."""
    source = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=4)))
    shape, ops = source, list[tuple[str, tuple[int, ...]]]()
    for _ in range(draw(st.integers(1, 6))):
        if draw(st.booleans()):
            order = tuple(draw(st.permutations(range(len(shape)))))
            ops.append(("transpose", order))
            shape = tuple(shape[place] for place in order)
        else:
            shape = tuple(draw(_splits(math.prod(shape))))
            ops.append(("reshape", shape))
    return source, ops


@st.composite
def _splits(draw: st.DrawFn, count: int) -> list[int]:
    """A shape of `count` elements."""
    sizes: list[int] = []
    while count > 1 and len(sizes) < 4:
        size = draw(st.sampled_from([n for n in range(1, count + 1) if count % n == 0]))
        sizes.append(size)
        count //= size
    return [*sizes, count]


def _apply(array: np.ndarray, made: Steps) -> np.ndarray:
    if made.before is not None:
        array = array.reshape(made.before)
    if made.order is not None:
        array = array.transpose(made.order)
    return array if made.after is None else array.reshape(made.after)


@given(_chains())
@settings(derandomize=True, max_examples=400, deadline=None)
def test_the_normal_form_of_a_chain_moves_elements_as_numpy_does(
    chain: tuple[tuple[int, ...], list[tuple[str, tuple[int, ...]]]],
) -> None:
    source, ops = chain
    array = np.arange(math.prod(source)).reshape(source)
    expected, layout = array, identity(source)
    for kind, how in ops:
        after: Layout | None = reshaped(layout, how) if kind == "reshape" else transposed(layout, how)
        if after is None:
            return
        expected, layout = (expected.reshape(how) if kind == "reshape" else expected.transpose(how)), after
    made = steps(source, layout)
    result = _apply(array, made)
    assert result.shape == expected.shape
    assert np.array_equal(result, expected)
    assert made.count <= min(3, len(ops))
    if np.array_equal(expected.reshape(-1), array.reshape(-1)):
        assert made.order is None


def _model(source: tuple[int, ...], ops: list[tuple[str, tuple[int, ...]]]) -> bytes:
    model = Model()
    graph = model.graph()
    net = Net(graph)
    x = value = graph.tensor("x", source)
    middle: list[int] = []
    for number, (kind, how) in enumerate(ops):
        if kind == "reshape":
            value = net.reshape(f"r{number}", value, how)
        else:
            shape = [net.shape(value)[place] for place in how]
            value = net.op("TRANSPOSE", f"t{number}", [value, graph.constant(f"p{number}", np.int32(how))], shape)
        if number % 3 == 1:
            middle.append(net.op("ABS", f"abs{number}", [value], net.shape(value)))
    graph.io([x], [net.op("NEG", "y", [value], net.shape(value)), *middle])
    return model.to_bytes()


@given(_chains())
@settings(derandomize=True, max_examples=25, deadline=None)
def test_models_of_chains_are_bit_identical_and_no_larger(
    chain: tuple[tuple[int, ...], list[tuple[str, tuple[int, ...]]]],
) -> None:
    source, ops = chain
    data = _model(source, ops)
    module = load_bytes(data)
    before = to_bytes(module)
    run_passes(module, "tfl-canonicalize")
    after = to_bytes(module)
    assert len(after) <= len(before)
    x = {"x": np.random.default_rng(1).standard_normal(source).astype(np.float32)}
    old, new = Runner(before), Runner(after)
    expected, made = old.run(old.entries[0], x), new.run(new.entries[0], x)
    assert list(expected) == list(made)
    assert all(np.array_equal(expected[name], made[name]) for name in expected)


_RETURNED = """func.func @main(%x: tensor<2x3xf32> loc("x")) -> {types} {{
  %p = "tfl.pseudo_const"() <{{value = dense<[0, 1]> : tensor<2xi32>}}> : () -> tensor<2xi32>
  %a = "tfl.abs"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("a")
  %b = "tfl.transpose"(%a, %p) : (tensor<2x3xf32>, tensor<2xi32>) -> tensor<2x3xf32> loc("b")
  %c = "tfl.abs"(%x) : (tensor<2x3xf32>) -> tensor<2x3xf32> loc("c")
  func.return {values} : {list}
}}"""


@pytest.mark.parametrize("outputs", [("a",), ("b",), ("a", "b"), ("b", "c"), ("a", "c"), ("a", "b", "c"), ("x", "b")])
def test_outputs_keep_their_names(outputs: tuple[str, ...]) -> None:
    types = ", ".join(["tensor<2x3xf32>"] * len(outputs))
    values = ", ".join(f"%{name}" for name in outputs)
    module = parse_text(_RETURNED.format(types=f"({types})", values=values, list=types).encode(), "a.mlir")
    run_passes(module, "tfl-canonicalize")
    data = to_bytes(module)
    assert [port.name for port in Runner(data).entries[0].outputs] == list(outputs)


def test_a_function_that_an_initializer_names_is_needed() -> None:
    text = b"""module {
      func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
        "tfl.call_once"() <{session_init_function = "init"}> : () -> ()
        func.return %x : tensor<2xf32>
      }
      func.func private @init() { func.return }
      func.func private @idle() { func.return }
    }"""
    module = parse_text(text, "a.mlir")
    (report,) = run_passes(module, "tfl-canonicalize")
    assert report.counts["functions that nothing calls"] == 1
    assert [op.sym_name.data for op in module.ops] == ["main", "init"]  # type: ignore[attr-defined]
