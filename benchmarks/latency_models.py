"""Models of several equal ops, whose latency is measured: values, constants and modules for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp, NoneType, UnitAttr, f32, i8, i16
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

import tflir
from tflir.ir import names
from tflir.ir.constants import elements
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, NoValueOp, QConstOp
from tflir.ir.tfl.dialect import get_dialect
from tflir.ir.types import element_type, tensor_type

OPS: dict[str, type[TflOp]] = {
    op.INFO.builtin: op for op in get_dialect().operations if issubclass(op, TflOp) and not op.INFO.custom_code
}
_PLAIN = {"f32": "FLOAT32", "i32": "INT32", "i64": "INT64", "bool": "BOOL", "f16": "FLOAT16"}
_QUANTIZED = {
    "qi8": (i8, np.int8),
    "qi16": (i16, np.int16),
    "qi4": (element_type("INT4"), np.int8),
    "cell": (i16, np.int16),
}
"""Storage by kind; `cell` is the state of an integer LSTM, whose scale is a power of 2."""
_SCALE, _CELL_SCALE = 0.05, 2.0**-12


class Builder:
    """Values for the ops of one model: inputs and constants of one name are the same for all."""

    def __init__(self) -> None:
        self.block = Block()
        self._held: dict[str, SSAValue] = {}

    def input(self, name: str, shape: Sequence[int], kind: str) -> SSAValue:
        """An input of the model."""
        if name not in self._held:
            self._held[name] = self.block.insert_arg(type_of(shape, kind), len(self.block.args))
        return self._held[name]

    def numbers(self, name: str, values: Any) -> SSAValue:
        """A constant of int32."""
        return self._constant(name, np.asarray(values, np.int32), None)

    def constant(self, name: str, shape: Sequence[int], kind: str, axis: int | None = None) -> SSAValue:
        """A constant of some values; `axis`: it has a scale for each channel there."""
        rng = np.random.default_rng(1)
        if kind in _QUANTIZED:
            kinds = type_of(shape, kind, axis)
            most = 7 if kind == "qi4" else 100
            return self._constant(name, rng.integers(-most, most, shape).astype(_QUANTIZED[kind][1]), kinds)
        values = rng.uniform(-1, 1, shape)
        return self._constant(name, values.astype({"f32": np.float32, "f16": np.float16}.get(kind, np.int32)), None)

    def integers(self, name: str, count: int, kind: str, *, per_channel: bool = True) -> SSAValue:
        """A bias of integers: int32, or int64 beside int16 activations."""
        if kind == "qi16":
            return self._constant(name, np.zeros(count, np.int64), None)
        channels = Layout(np.full(count, _SCALE), np.zeros(count, np.int64), (0,))
        layout = channels if per_channel else Layout(np.array(_SCALE), np.array(0))
        quantized = tensor_type((count,), UniformQuantizedType.get(element_type("INT32"), f32, layout))
        return self._constant(name, np.zeros(count, np.int32), quantized)

    def variable(self, shape: Sequence[int], kind: str) -> SSAValue:
        """A variable, another one at each call."""
        name = f"variable {len(self._held)}"
        made = self.constant(name, shape, kind)
        made.owner.attributes[names.IS_VARIABLE] = UnitAttr()
        return made

    def absent(self) -> SSAValue:
        """What stands for an operand that is left out."""
        if "" not in self._held:
            made = NoValueOp.create(result_types=[NoneType()], properties={"value": UnitAttr()})
            self.block.add_op(made)
            self._held[""] = made.results[0]
        return self._held[""]

    def _constant(self, name: str, values: Any, quantized: Any) -> SSAValue:
        if name not in self._held:
            value = elements(values, quantized.element_type.storage if quantized is not None else None)
            kind = value.type if quantized is None else quantized
            properties = {"value": value} | ({} if quantized is None else {"qtype": quantized})
            made = (ConstOp if quantized is None else QConstOp).create(result_types=[kind], properties=properties)
            self.block.add_op(made)
            self._held[name] = made.results[0]
        return self._held[name]


Make = Callable[[Builder], TflOp]
"""Makes one op."""


def type_of(shape: Sequence[int], kind: str, axis: int | None = None) -> Any:
    """A tensor's type."""
    if kind not in _QUANTIZED:
        return tensor_type(tuple(shape), element_type(_PLAIN[kind]))
    count = shape[axis] if axis is not None else 0
    scale = _CELL_SCALE if kind == "cell" else _SCALE
    scales = np.full(count, scale) if count else np.array(scale)
    points = np.zeros(count, np.int64) if count else np.array(0)
    layout = Layout(scales, points, (axis,)) if axis is not None else Layout(scales, points)
    return tensor_type(tuple(shape), UniformQuantizedType.get(_QUANTIZED[kind][0], f32, layout))


def model_of(make: Make, copies: int) -> tuple[ModuleOp, TflOp]:
    """A module of equal ops beside each other, all of whose results it returns; and one of the ops."""
    builder = Builder()
    ops = [make(builder) for _ in range(copies)]
    block = builder.block
    block.add_ops(ops)
    results = [result for op in ops for result in op.results]
    block.add_op(ReturnOp(*results))
    types = [arg.type for arg in block.args], [result.type for result in results]
    return ModuleOp([FuncOp("main", types, Region(block))]), ops[0]


def spread(elements: int, rank: int = 4) -> tuple[int, ...]:
    """A shape of so many elements, a power of 2."""
    bits = elements.bit_length() - 1
    channels = min(bits, 5)
    width = (bits - channels) // 2
    return (1,) * (rank - 3) + (1 << (bits - channels - width), 1 << width, 1 << channels)


def chain_of(names: Sequence[str], count: int) -> ModuleOp:
    """A module of so many small ops, each of which reads the one before; their names take turns."""
    builder = Builder()
    value = builder.input("x", spread(8), "f32")
    for number in range(count):
        op = OPS[names[number % len(names)]](value, result_type=value.type)
        builder.block.add_op(op)
        value = op.results[0]
    builder.block.add_op(ReturnOp(value))
    types = [arg.type for arg in builder.block.args], [value.type]
    return ModuleOp([FuncOp("main", types, Region(builder.block))])


def invocations() -> tuple[tuple[Callable[[int], ModuleOp], bool], ...]:
    """What is measured to know costs beside those of ops: models of so many ops, and whether the delegate runs them.

    Own kernels alone, the delegate alone, and both in turns: half as many nodes of the delegate as there are ops.
    """
    return (
        (lambda count: chain_of(["SIGN"], count), False),
        (lambda count: chain_of(["TANH"], count), True),
        (lambda count: chain_of(["TANH", "SIGN"], count), True),
    )


_LOOP = """
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


def loop_of(turns: int) -> ModuleOp:
    """A module with a loop that counts to a number."""
    return tflir.loads(_LOOP.replace("TURNS", str(turns)))
