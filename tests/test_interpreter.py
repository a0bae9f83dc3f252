"""`tflir.interpret` and what it is made of: entries, names, state, control flow, errors, and xDSL's own interpreter."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Sequence
from typing import Any

import models_builder as build
import numpy as np
import pytest
from reference_kernels import litert_outputs
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Operation

import tflir
from tflir.backends.interpreter import Session, custom_kernel
from tflir.backends.interpreter.functions import tfl_functions
from tflir.evaluator import provide_interpreter
from tflir.ir.evaluation import evaluate

F32 = np.float32
_ADD = """
func.func @main(%x: tensor<?x4xf32> loc("x")) -> tensor<?x4xf32> {
  %c = "tfl.pseudo_const"() <{value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>}> : () -> tensor<4xf32>
  %y = "tfl.add"(%x, %c) <{fused_activation_function = "RELU"}>
    : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32> loc("y")
  func.return %y : tensor<?x4xf32>
}
"""


def _module(text: str) -> ModuleOp:
    return tflir.loads(text)


def test_text_runs_without_a_file() -> None:
    found = tflir.interpret(_module(_ADD), {"x": np.array([[0, -3, 1, 1], [1, 1, 1, -9]], F32)})
    assert list(found) == ["y"]
    np.testing.assert_array_equal(found["y"], np.array([[1, 0, 4, 5], [2, 3, 4, 0]], F32))


@pytest.mark.parametrize("inputs", [[[[1, 2, 3, 4]]], {"x": [[1, 2, 3, 4]]}, {"x": np.array([[1, 2, 3, 4]], F32)}])
def test_inputs_by_name_and_in_order(inputs: Any) -> None:
    np.testing.assert_array_equal(tflir.interpret(_module(_ADD), inputs)["y"], [[2, 4, 6, 8]])


@pytest.mark.parametrize(
    ("inputs", "function", "what"),
    [
        ({"z": np.zeros((1, 4), F32)}, None, "there is no input 'z'"),
        ({}, None, "no value for input 'x'"),
        ([], None, "0 inputs where 'main' takes 1"),
        ([np.zeros((1, 4))], None, "input 'x' is float64 where float32 is wanted"),
        ([np.zeros((4, 1), F32)], None, "input 'x' is of shape [4, 1]"),
        ([np.zeros(4, F32)], None, "input 'x' is of shape [4]"),
        ([["a", "b", "c", "d"]], None, "where float32 is wanted"),
        ([np.zeros((1, 4), F32)], "train", "no signature or function is called 'train'"),
    ],
)
def test_wrong_inputs_are_refused(inputs: Any, function: str | None, what: str) -> None:
    with pytest.raises(tflir.Error) as caught:
        tflir.interpret(_module(_ADD), inputs, function)
    assert what in str(caught.value)
    assert caught.value.hint
    assert caught.value.status == 2
    assert "\n" not in str(caught.value)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(tflir.Error, match="takes a module, not str"):
        tflir.interpret("model.tflite", [])  # pyright: ignore
    with pytest.raises(tflir.Error, match="no rounding 'up'"):
        tflir.interpret(_module(_ADD), [], rounding="up")  # pyright: ignore


def test_an_op_without_kernel_is_named() -> None:
    module = tflir.loads(build.custom("Foo"))
    inputs = [np.zeros((2, 3), F32) for _ in Session(module).entry().inputs]
    with pytest.raises(tflir.Error, match="no kernel of the custom op 'Foo'") as caught:
        tflir.interpret(module, inputs)
    assert caught.value.op == "tfl.custom"
    assert caught.value.location


def test_a_custom_op_runs_by_a_registered_kernel() -> None:
    @custom_kernel("Twice")
    def twice(op: Operation, operands: Sequence[Any]) -> Sequence[Any]:
        return [operands[0] * 2]

    module = tflir.loads(build.custom("Twice"))
    ports = Session(module).entry().inputs
    x = np.ones([max(d, 1) for d in ports[0].type.get_shape()], F32)  # pyright: ignore
    found = tflir.interpret(module, [x] * len(ports))
    np.testing.assert_array_equal(next(iter(found.values())), x * 2)


def test_a_failure_names_op_and_tensor() -> None:
    text = """
func.func @main(%x: tensor<4xf32>, %i: tensor<2xi32>) -> tensor<2xf32> {
  %y = "tfl.gather"(%x, %i) <{axis = 0 : i32, batch_dims = 0 : i32}>
    : (tensor<4xf32>, tensor<2xi32>) -> tensor<2xf32> loc("picked")
  func.return %y : tensor<2xf32>
}
"""
    with pytest.raises(tflir.Error) as caught:
        tflir.interpret(_module(text), [np.zeros(4, F32), np.array([1, 9], np.int32)])
    assert caught.value.op == "tfl.gather"
    assert caught.value.location == "picked"
    assert "9" in caught.value.what


def test_signatures_are_entries() -> None:
    module = tflir.loads(build.signatures())
    session = Session(module)
    assert [entry.key for entry in session.entries] == ["double", "half"]
    x = session.entry("half").inputs[0]
    value = np.full([max(d, 1) for d in x.type.get_shape()], 3, F32)  # pyright: ignore
    assert (session.run({"x": value}, "double")["y"] == 6).all()
    assert not (session.run({"x": value}, "half")["y"] == 6).any()


@pytest.mark.parametrize("make", [build.loop, build.branch, build.gather, build.dynamic, build.fully_connected])
def test_models_as_the_runtime_runs_them(make: Any) -> None:
    data = make()
    session = Session(tflir.loads(data))
    rng = np.random.default_rng(3)
    from ai_edge_litert.interpreter import Interpreter as Runtime

    details = Runtime(model_content=data).get_input_details()
    for _ in range(3):
        inputs = [
            rng.standard_normal(d["shape"]).astype(d["dtype"])
            if d["dtype"] is F32
            else rng.integers(0, 2, d["shape"]).astype(d["dtype"])
            for d in details
        ]
        for ours, theirs in zip(session.run(inputs).values(), litert_outputs(data, inputs), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_variables_last_until_they_are_reset() -> None:
    text = """
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  "tfl.call_once"() <{session_init_function = "init"}> : () -> ()
  %v = "tfl.var_handle"() <{container = "", shared_name = "v"}> : () -> tensor<!tf_type.resource>
  %old = "tfl.read_variable"(%v) : (tensor<!tf_type.resource>) -> tensor<2xf32>
  %new = "tfl.add"(%old, %x) <{fused_activation_function = "NONE"}>
    : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  "tfl.assign_variable"(%v, %new) : (tensor<!tf_type.resource>, tensor<2xf32>) -> ()
  func.return %new : tensor<2xf32>
}
func.func private @init() {
  %v = "tfl.var_handle"() <{container = "", shared_name = "v"}> : () -> tensor<!tf_type.resource>
  %c = "tfl.pseudo_const"() <{value = dense<10.0> : tensor<2xf32>}> : () -> tensor<2xf32>
  "tfl.assign_variable"(%v, %c) : (tensor<!tf_type.resource>, tensor<2xf32>) -> ()
  func.return
}
"""
    session = Session(_module(text))
    one = [np.ones(2, F32)]
    totals = [float(next(iter(session.run(one).values()))[0]) for _ in range(3)]
    session.reset()
    assert [*totals, float(next(iter(session.run(one).values()))[0])] == [11, 12, 13, 11]


def test_outputs_are_the_callers_own() -> None:
    text = """
func.func @main(%x: tensor<2x2xf32>) -> (tensor<4xf32>, tensor<2x2xf32>) {
  %s = "tfl.pseudo_const"() <{value = dense<4> : tensor<1xi32>}> : () -> tensor<1xi32>
  %y = "tfl.reshape"(%x, %s) : (tensor<2x2xf32>, tensor<1xi32>) -> tensor<4xf32>
  func.return %y, %x : tensor<4xf32>, tensor<2x2xf32>
}
"""
    x = np.zeros((2, 2), F32)
    for array in tflir.interpret(_module(text), [x]).values():
        array += 1
    assert not x.any()


_KEPT = """
func.func @set(%x: tensor<2xf32>) {
  %v = "tfl.var_handle"() <{container = "", shared_name = "v"}> : () -> tensor<!tf_type.resource>
  "tfl.assign_variable"(%v, %x) : (tensor<!tf_type.resource>, tensor<2xf32>) -> ()
  func.return
}
func.func @get() -> tensor<2xf32> {
  %v = "tfl.var_handle"() <{container = "", shared_name = "v"}> : () -> tensor<!tf_type.resource>
  %y = "tfl.read_variable"(%v) : (tensor<!tf_type.resource>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}
"""


def test_variables_keep_their_values_when_the_caller_writes_into_his_arrays() -> None:
    session, x = Session(_module(_KEPT)), np.ones(2, F32)
    session.run([x], "set")
    x[:] = 7
    (first,) = session.run([], "get").values()
    assert first.tolist() == [1, 1]
    first[:] = 8
    assert next(iter(session.run([], "get").values())).tolist() == [1, 1]


def test_a_variable_of_xdsls_interpreter_keeps_its_value_too() -> None:
    module = _module(_KEPT)
    interpreter, x = Interpreter(module), np.ones(2, F32)
    interpreter.register_implementations(FuncFunctions())
    interpreter.register_implementations(tfl_functions())
    interpreter.call_op("set", (x,))
    x[:] = 7
    assert interpreter.call_op("get", ())[0].tolist() == [1, 1]


def test_a_layer_does_not_update_an_array_of_the_caller() -> None:
    text = """
func.func @main(%x: tensor<1x2xf32>, %s: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %w = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<2x2xf32>}> : () -> tensor<2x2xf32>
  %t = "tfl.pseudo_const"() <{value = dense<1.0> : tensor<2x1xf32>}> : () -> tensor<2x1xf32>
  %b = "tfl.pseudo_const"() <{value = dense<0.0> : tensor<2xf32>}> : () -> tensor<2xf32>
  %y = "tfl.svdf"(%x, %w, %t, %b, %s) <{rank = 1 : i32, fused_activation_function = "NONE"}>
    : (tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x1xf32>, tensor<2xf32>, tensor<1x2xf32>) -> tensor<1x2xf32>
  func.return %y : tensor<1x2xf32>
}
"""
    state = np.zeros((1, 2), F32)
    (made,) = tflir.interpret(_module(text), [np.ones((1, 2), F32), state]).values()
    assert (made.tolist(), state.tolist()) == ([[2, 2]], [[0, 0]])


class _Seen(Interpreter.Listener):
    """Which arrays are alive after each op."""

    def __init__(self) -> None:
        self.ops: list[str] = []
        self.alive: list[int] = []
        self._made: list[weakref.ref[Any]] = []

    def did_interpret_op(self, op: Operation, results: tuple[Any, ...]) -> None:
        gc.collect()
        self.ops.append(op.name)
        self._made += [weakref.ref(value) for value in results if isinstance(value, np.ndarray)]
        self.alive.append(sum(1 for made in self._made if made() is not None))


def test_values_are_let_go_after_their_last_use() -> None:
    body = "\n".join(f'  %v{i + 1} = "tfl.exp"(%v{i}) : (tensor<8xf32>) -> tensor<8xf32>' for i in range(20))
    text = f"func.func @main(%v0: tensor<8xf32>) -> tensor<8xf32> {{\n{body}\n  func.return %v20 : tensor<8xf32>\n}}"
    seen = _Seen()
    tflir.interpret(_module(text), [np.zeros(8, F32) - 100], listeners=[seen])
    assert seen.ops == ["tfl.exp"] * 20
    assert max(seen.alive) <= 2


def test_xdsls_own_interpreter_runs_the_same() -> None:
    module = tflir.loads(build.loop())
    session = Session(module)
    entry = session.entry()
    inputs = [np.zeros([max(d, 1) for d in p.type.get_shape()], _dtype(p)) for p in entry.inputs]  # pyright: ignore
    interpreter = Interpreter(module)
    interpreter.register_implementations(FuncFunctions())
    interpreter.register_implementations(tfl_functions())
    found = interpreter.call_op(entry.function, tuple(inputs))
    for ours, theirs in zip(session.run(inputs).values(), found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def _dtype(port: Any) -> Any:
    from tflir.backends.interpreter.kernel import dtype_of

    return dtype_of(port.type)


def test_recursion_ends_in_an_error() -> None:
    text = """
func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {
  %y = func.call @main(%x) : (tensor<2xf32>) -> tensor<2xf32>
  func.return %y : tensor<2xf32>
}
"""
    with pytest.raises(tflir.Error, match="nested more than"):
        tflir.interpret(_module(text), [np.zeros(2, F32)])


def _first(module: ModuleOp, name: str) -> Operation:
    return next(op for op in module.walk() if op.name == name)


def test_passes_evaluate_what_is_exact() -> None:
    provide_interpreter()
    operands = [np.array([[1, -2, 3, -9]], F32), np.array([1, 2, 3, 4], F32)]
    add = _first(_module(_ADD), "tfl.add")
    (found,) = evaluate(add, operands) or ()
    np.testing.assert_array_equal(found, [[2, 0, 6, 0]])
    text = (
        'func.func @main(%x: tensor<2xf32>) -> tensor<2xf32> {\n%y = "tfl.exp"(%x) : (tensor<2xf32>) -> tensor<2xf32>'
    )
    exp = _first(_module(text + "\nfunc.return %y : tensor<2xf32>\n}"), "tfl.exp")
    assert evaluate(exp, [np.zeros(2, F32)]) is None  # runtimes round it differently


def test_the_command_line_does_not_import_it() -> None:
    code = "import tflir.cli, sys; assert not any('interpreter' in m for m in sys.modules), sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
