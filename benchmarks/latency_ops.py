"""The ops whose latency is measured: of each kernel and kind of numbers some sizes, as models of several equal ops."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp, f32, i8, i16
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Region, SSAValue

import tflir
from tflir.ir.constants import elements
from tflir.ir.quant import Layout, UniformQuantizedType
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.constants import ConstOp, QConstOp
from tflir.ir.tfl.dialect import get_dialect
from tflir.ir.types import element_type, tensor_type

OPS: dict[str, type[TflOp]] = {
    op.INFO.builtin: op for op in get_dialect().operations if issubclass(op, TflOp) and not op.INFO.custom_code
}
_PLAIN = {"f32": "FLOAT32", "i32": "INT32", "i64": "INT64", "bool": "BOOL", "f16": "FLOAT16"}
_QUANTIZED = {"qi8": (i8, np.int8), "qi16": (i16, np.int16), "qi4": (element_type("INT4"), np.int8)}
_SCALE = 0.05
_NUMBERS = ("f32", "qi8", "qi16")
SIZES = (8, 256, 4096, 65536, 524288)
"""Elements of ops whose time depends on little else."""
_MOST_PRODUCTS = 3e7
"""Larger ops take as much longer as they are larger."""


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

    def integers(self, name: str, count: int, kind: str) -> SSAValue:
        """A bias of integers: int32, or int64 beside int16 activations."""
        if kind == "qi16":
            return self._constant(name, np.zeros(count, np.int64), None)
        layout = Layout(np.full(count, _SCALE), np.zeros(count, np.int64), (0,))
        quantized = tensor_type((count,), UniformQuantizedType.get(element_type("INT32"), f32, layout))
        return self._constant(name, np.zeros(count, np.int32), quantized)

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
    scales = np.full(count, _SCALE) if count else np.array(_SCALE)
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


def chain_of(names: Sequence[str], count: int) -> ModuleOp:
    """A module of so many small ops, each of which reads the one before; their names take turns."""
    builder = Builder()
    value = builder.input("x", _spread(8), "f32")
    for number in range(count):
        op = OPS[names[number % len(names)]](value, result_type=value.type)
        builder.block.add_op(op)
        value = op.results[0]
    builder.block.add_op(ReturnOp(value))
    types = [arg.type for arg in builder.block.args], [value.type]
    return ModuleOp([FuncOp("main", types, Region(builder.block))])


def invocations() -> tuple[tuple[Callable[[int], ModuleOp], bool], ...]:
    """What is measured to know the costs beside those of ops: models of so many ops, and whether the delegate runs them.

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


def cases() -> Iterator[Make]:
    """All that is measured."""
    yield from _convolutions()
    yield from _fully_connected()
    yield from _products()
    yield from _unary()
    yield from _binary()
    yield from _rows()
    yield from _reductions()
    yield from _pools()
    yield from _moving()
    yield from _choosing()
    yield from _conversions()


_WEIGHTS = (("f32", "f32"), ("f32", "qi8"), ("qi8", "qi8"), ("qi16", "qi8"))
"""Kinds of activations and of weights."""


def _bias(b: Builder, count: int, kind: str) -> SSAValue:
    return b.constant("b", (count,), "f32") if kind == "f32" else b.integers("b", count, kind)


def _convolutions() -> Iterator[Make]:
    for kind, weight in _WEIGHTS:
        for side in (1, 4, 16, 64):
            for depth in (4, 32, 256):
                for channels in (4, 32, 256):
                    for kernel in (1, 3):
                        if _fits(kind, side**2 * depth * channels * kernel**2) and (side, kernel) != (1, 3):
                            yield _conv_2d(kind, weight, side, depth // (2 if kernel == 3 else 1), channels, kernel)
            for channels in (4, 32, 256):
                for kernel in (3, 5):
                    if side > 1:
                        yield _depthwise(kind, weight, side, channels, kernel)
        for side in (4, 32):
            for depth in (8, 128):
                for channels in (4, 64):
                    if _fits(kind, side**2 * depth * channels * 9):
                        yield _transposed(kind, weight, side, depth, channels)
    for side in (2, 6):
        for channels in (2, 8):
            yield _conv_3d(side, channels)


def _fits(kind: str, products: float) -> bool:
    return products <= _MOST_PRODUCTS / (8 if kind == "qi16" else 1)


def _conv_2d(kind: str, weight: str, side: int, depth: int, channels: int, kernel: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side, side, depth), kind)
        w = b.constant("w", (channels, kernel, kernel, depth), weight, 0)
        out = type_of((1, side, side, channels), kind)
        return OPS["CONV_2D"](x, w, _bias(b, channels, kind), padding="SAME", stride_h=1, stride_w=1, result_type=out)

    return make


def _depthwise(kind: str, weight: str, side: int, channels: int, kernel: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side, side, channels), kind)
        w = b.constant("w", (1, kernel, kernel, channels), weight, 3)
        how = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
        out = type_of((1, side, side, channels), kind)
        return OPS["DEPTHWISE_CONV_2D"](x, w, _bias(b, channels, kind), **how, result_type=out)

    return make


def _transposed(kind: str, weight: str, side: int, depth: int, channels: int) -> Make:
    def make(b: Builder) -> TflOp:
        shape = (1, 2 * side, 2 * side, channels)
        x = b.input("x", (1, side, side, depth), kind)
        w = b.constant("w", (channels, 3, 3, depth), weight, 0)
        how = {"padding": "SAME", "stride_h": 2, "stride_w": 2}
        operands = (b.numbers("s", shape), w, x, _bias(b, channels, kind))
        return OPS["TRANSPOSE_CONV"](*operands, **how, result_type=type_of(shape, kind))

    return make


def _conv_3d(side: int, channels: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side, side, side, channels), "f32")
        w = b.constant("w", (3, 3, 3, channels, channels), "f32")
        how = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "stride_d": 1}
        out = type_of((1, side, side, side, channels), "f32")
        return OPS["CONV_3D"](x, w, b.constant("b", (channels,), "f32"), **how, result_type=out)

    return make


def _fully_connected() -> Iterator[Make]:
    for kind, weight in (*_WEIGHTS, ("f32", "qi4"), ("qi8", "qi4")):
        for rows in (1, 8, 64):
            for depth in (8, 64, 512, 2048):
                for channels in (8, 64, 512, 2048):
                    if _fits(kind, 4 * rows * depth * channels) and (weight != "qi4" or rows < 64):
                        yield _fully(kind, weight, rows, depth, channels)


def _fully(kind: str, weight: str, rows: int, depth: int, channels: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (rows, depth), kind)
        w = b.constant("w", (channels, depth), weight, 0)
        bias = _bias(b, channels, kind)
        return OPS["FULLY_CONNECTED"](x, w, bias, result_type=type_of((rows, channels), kind))

    return make


def _products() -> Iterator[Make]:
    for kind, weight in (("f32", "f32"), ("qi8", "qi8"), ("qi16", "qi16"), ("f32", "constant")):
        for batches in (1, 16):
            for rows in (1, 64):
                for depth in (8, 64, 256):
                    for columns in (8, 64, 256):
                        if _fits(kind, batches * rows * depth * columns):
                            yield _batch_matmul(kind, weight, batches, rows, depth, columns)


def _batch_matmul(kind: str, weight: str, batches: int, rows: int, depth: int, columns: int) -> Make:
    def make(b: Builder) -> TflOp:
        shape = (batches, depth, columns)
        y = b.constant("w", shape, kind) if weight == "constant" else b.input("y", shape, weight)
        x = b.input("x", (batches, rows, depth), kind)
        return OPS["BATCH_MATMUL"](x, y, result_type=type_of((batches, rows, columns), kind))

    return make


def _spread(elements: int, rank: int = 4) -> tuple[int, ...]:
    """A shape of so many elements, a power of 2."""
    bits = elements.bit_length() - 1
    channels = min(bits, 5)
    width = (bits - channels) // 2
    return (1,) * (rank - 3) + (1 << (bits - channels - width), 1 << width, 1 << channels)


_UNARY = {
    "ABS NEG FLOOR CEIL ROUND EXP LOG SQRT RSQRT SQUARE SIN COS SIGN ELU GELU": ("f32", "qi8", "qi16"),
    "TANH LOGISTIC RELU RELU6 RELU_N1_TO_1 HARD_SWISH LEAKY_RELU": ("f32", "qi8", "qi16"),
    "RELU_0_TO_1": ("f32", "qi8"),
    "LOGICAL_NOT": ("bool",),
    "RESHAPE": ("f32", "qi8", "qi16", "i32"),
    "SQUEEZE EXPAND_DIMS": ("f32", "qi8"),
    "CUMSUM LOCAL_RESPONSE_NORMALIZATION MATRIX_DIAG ZEROS_LIKE SHAPE": ("f32",),
}
_MORE: dict[str, Callable[[Builder, tuple[int, ...]], tuple[SSAValue, ...]]] = {
    "RESHAPE": lambda b, shape: (b.numbers("s", [math.prod(shape)]),),
    "EXPAND_DIMS": lambda b, shape: (b.numbers("s", 0),),
    "CUMSUM": lambda b, shape: (b.numbers("s", 3),),
}


def _unary() -> Iterator[Make]:
    for names, kinds in _UNARY.items():
        for name in names.split():
            for kind in kinds:
                for size in SIZES:
                    yield _one(name, kind, _spread(size))


def _one(name: str, kind: str, shape: tuple[int, ...]) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", shape, kind)
        more = _MORE[name](b, shape) if name in _MORE else ()
        how = {"alpha": 0.1} if name == "LEAKY_RELU" else {}
        if name == "LOCAL_RESPONSE_NORMALIZATION":
            how = {"radius": 2, "bias": 1.0, "alpha": 1.0, "beta": 0.5}
        out = {
            "RESHAPE": (math.prod(shape),),
            "SQUEEZE": shape[1:],
            "EXPAND_DIMS": (1, *shape),
            "MATRIX_DIAG": (*shape, shape[-1]),
        }.get(name, shape)
        made = type_of((4,), "i32") if name == "SHAPE" else type_of(out, kind)
        return OPS[name](x, *more, **how, result_type=made)

    return make


_BINARY = {
    "ADD SUB MUL MAXIMUM MINIMUM SQUARED_DIFFERENCE": ("f32", "qi8", "qi16", "i32"),
    "DIV": ("f32", "qi8", "i32"),
    "POW FLOOR_DIV FLOOR_MOD ATAN2": ("f32",),
    "PRELU": ("f32", "qi8"),
    "LESS GREATER EQUAL NOT_EQUAL": ("f32", "qi8", "i32"),
    "LOGICAL_AND LOGICAL_OR": ("bool",),
}
_TRUTHS = ("LESS", "GREATER", "EQUAL", "NOT_EQUAL")


def _binary() -> Iterator[Make]:
    for names, kinds in _BINARY.items():
        for name in names.split():
            for kind in kinds:
                for size in SIZES[:-1]:
                    shape = _spread(size)
                    others = [shape, (1,) * len(shape), (1, 1, 1, shape[-1])]
                    for other in others[2 if name == "PRELU" else 0 : 1 if kind == "bool" else 3]:
                        yield _two(name, kind, shape, other)


def _two(name: str, kind: str, shape: tuple[int, ...], other: tuple[int, ...]) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", shape, kind)
        if name == "PRELU":
            other_value = b.constant("a", other[1:], kind)
        elif other == shape or kind == "bool":
            other_value = b.input("y", other, kind)
        else:
            other_value = b.constant("a", other, kind) if kind != "i32" else b.numbers("a", np.full(other, 3))
        return OPS[name](x, other_value, result_type=type_of(shape, "bool" if name in _TRUTHS else kind))

    return make


def _rows() -> Iterator[Make]:
    for name in ("SOFTMAX", "LOG_SOFTMAX", "L2_NORMALIZATION"):
        for kind in ("f32", "qi8", "qi16")[: 3 if name == "SOFTMAX" else 2]:
            for rows in (1, 32, 512):
                for depth in (8, 64, 512):
                    yield _row(name, kind, rows, depth)


def _row(name: str, kind: str, rows: int, depth: int) -> Make:
    def make(b: Builder) -> TflOp:
        how = {"beta": 1.0} if name == "SOFTMAX" else {}
        return OPS[name](b.input("x", (rows, depth), kind), **how, result_type=type_of((rows, depth), kind))

    return make


def _reductions() -> Iterator[Make]:
    for name in ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN", "REDUCE_PROD", "ARG_MAX", "ARG_MIN"):
        for kind in _NUMBERS[: 2 if name.startswith("ARG") else 3]:
            for kept in (1, 32, 1024):
                for reduced in (8, 64, 512):
                    for inner in (True, False):
                        yield _reduced(name, kind, kept, reduced, inner)


def _reduced(name: str, kind: str, kept: int, reduced: int, inner: bool) -> Make:
    def make(b: Builder) -> TflOp:
        shape = (1, kept, reduced) if inner else (1, reduced, kept)
        arg = name.startswith("ARG")
        axes = b.numbers("s", (2 if inner else 1) if arg else [2 if inner else 1])
        how = {} if arg else {"keep_dims": False}
        out = type_of((1, kept), "i32" if arg else kind)
        return OPS[name](b.input("x", shape, kind), axes, **how, result_type=out)

    return make


def _pools() -> Iterator[Make]:
    for name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        for kind in _NUMBERS:
            for side in (1, 8, 32):
                for channels in (4, 64):
                    for window in (2, 8):
                        yield _pool(name, kind, side, channels, window)


def _pool(name: str, kind: str, side: int, channels: int, window: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side * window, side * window, channels), kind)
        sizes = dict.fromkeys(("filter_height", "filter_width", "stride_h", "stride_w"), window)
        out = type_of((1, side, side, channels), kind)
        return OPS[name](x, **sizes, padding="VALID", result_type=out)

    return make


def _moving() -> Iterator[Make]:
    for kind in _NUMBERS:
        for size in SIZES:
            shape = _spread(size)
            yield from (_moved(name, kind, shape) for name in _MOVED)
            for parts in (2, 4):
                yield _joined("CONCATENATION", kind, shape, parts)
                yield _joined("PACK", kind, shape, parts)
                yield _split("SPLIT", kind, shape, parts)
                yield _split("UNPACK", kind, shape, parts)
    for size in SIZES[:-1]:
        yield from (_moved(name, "f32", _spread(size)) for name in _RARE)


def _halves(b: Builder, shape: tuple[int, ...]) -> list[SSAValue]:
    return [b.numbers("s", [0, 0, 0, 0]), b.numbers("t", shape)]


_Moved = Callable[[Builder, tuple[int, ...]], tuple[tuple[int, ...], Sequence[SSAValue], dict[str, Any]]]
"""The shape of the operand, the other operands, and the options, for a result of a shape."""
_MOVED: dict[str, _Moved] = {
    "TRANSPOSE": lambda b, s: ((s[0], s[2], s[1], s[3]), [b.numbers("s", [0, 2, 1, 3])], {}),
    "TRANSPOSE.inner": lambda b, s: ((s[0], s[3], s[1], s[2]), [b.numbers("s", [0, 2, 3, 1])], {}),
    "SLICE": lambda b, s: ((1, s[1] + 1, s[2] + 1, s[3]), _halves(b, s), {}),
    "STRIDED_SLICE": lambda b, s: (
        (1, s[1] + 1, s[2] + 1, s[3]),
        [*_halves(b, s), b.numbers("u", [1, 1, 1, 1])],
        {},
    ),
    "PAD": lambda b, s: ((1, s[1], s[2], max(s[3] - 2, 1)), [b.numbers("s", [[0, 0], [0, 0], [0, 0], [1, 1]])], {}),
    "GATHER": lambda b, s: ((64, s[3]), [b.numbers("s", np.zeros(s[1] * s[2]))], {"axis": 0}),
    "RESIZE_BILINEAR": lambda b, s: (
        (1, max(s[1] // 2, 1), max(s[2] // 2, 1), s[3]),
        [b.numbers("s", s[1:3])],
        {"half_pixel_centers": True},
    ),
    "RESIZE_NEAREST_NEIGHBOR": lambda b, s: (
        (1, max(s[1] // 2, 1), max(s[2] // 2, 1), s[3]),
        [b.numbers("s", s[1:3])],
        {},
    ),
    "DEPTH_TO_SPACE": lambda b, s: ((1, s[1], s[2], s[3]), [], {"block_size": 2}),
    "SPACE_TO_DEPTH": lambda b, s: ((1, 2 * s[1], 2 * s[2], s[3]), [], {"block_size": 2}),
    "TILE": lambda b, s: ((1, s[1], s[2], max(s[3] // 2, 1)), [b.numbers("s", [1, 1, 1, 2])], {}),
}
_RARE: dict[str, _Moved] = {
    "BROADCAST_TO": lambda b, s: ((1, 1, 1, s[3]), [b.numbers("s", s)], {}),
    "REVERSE_V2": lambda b, s: (s, [b.numbers("s", [1])], {}),
    "MIRROR_PAD": lambda b, s: (
        (1, s[1] + 2, s[2] + 2, s[3]),
        [b.numbers("s", [[0, 0], [1, 1], [1, 1], [0, 0]])],
        {"mode": "REFLECT"},
    ),
    "PADV2": lambda b, s: (s, [b.numbers("s", [[0, 0], [1, 1], [1, 1], [0, 0]]), b.constant("c", (), "f32")], {}),
    "SPACE_TO_BATCH_ND": lambda b, s: (
        (1, 2 * s[1], 2 * s[2], s[3]),
        [b.numbers("s", [2, 2]), b.numbers("t", [[0, 0], [0, 0]])],
        {},
    ),
    "GATHER_ND": lambda b, s: ((64, s[3]), [b.numbers("s", np.zeros((s[1] * s[2], 1)))], {}),
    "TOPK_V2": lambda b, s: ((1, s[1] * s[2] * s[3]), [b.numbers("s", 4)], {}),
    "SEGMENT_SUM": lambda b, s: ((s[1] * s[2], s[3]), [b.numbers("s", np.arange(s[1] * s[2]) // 2)], {}),
    "ADD_N": lambda b, s: (s, [b.input("y", s, "f32")], {}),
    "SPLIT_V": lambda b, s: (s, [b.numbers("s", [s[3] // 2, s[3] - s[3] // 2]), b.numbers("t", 3)], {"num_splits": 2}),
}


_RESULTS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], list[tuple[int, ...]]]] = {
    "GATHER": lambda given, s: [(s[1] * s[2], s[3])],
    "GATHER_ND": lambda given, s: [(s[1] * s[2], s[3])],
    "PAD": lambda given, s: [(*given[:3], given[3] + 2)],
    "TILE": lambda given, s: [(*given[:3], given[3] * 2)],
    "DEPTH_TO_SPACE": lambda given, s: [(1, 2 * s[1], 2 * s[2], s[3] // 4)],
    "SPACE_TO_DEPTH": lambda given, s: [(1, s[1], s[2], 4 * s[3])],
    "SPACE_TO_BATCH_ND": lambda given, s: [(4, *s[1:])],
    "MIRROR_PAD": lambda given, s: [(1, s[1] + 4, s[2] + 4, s[3])],
    "PADV2": lambda given, s: [(1, s[1] + 2, s[2] + 2, s[3])],
    "TOPK_V2": lambda given, s: [(1, 4), (1, 4)],
    "SEGMENT_SUM": lambda given, s: [(max(s[1] * s[2] // 2, 1), s[3])],
    "SPLIT_V": lambda given, s: [(*s[:3], part) for part in (s[3] // 2, s[3] - s[3] // 2)],
}
"""The shapes of results of operand and result shape, where they are not the latter."""


def _moved(name: str, kind: str, shape: tuple[int, ...]) -> Make:
    def make(b: Builder) -> TflOp:
        operator = name.partition(".")[0]
        given, more, how = {**_MOVED, **_RARE}[name](b, shape)
        x = b.input("x", given, kind)
        shapes = _RESULTS.get(operator, lambda given, shape: [shape])(given, shape)
        kinds = [type_of(each, kind) for each in shapes]
        if operator == "TOPK_V2":
            kinds[1] = type_of(shapes[1], "i32")
        if operator == "ADD_N":
            return OPS[operator]([x, *more], result_types=kinds)
        return OPS[operator](x, *more, **how, result_types=kinds)

    return make


def _joined(name: str, kind: str, shape: tuple[int, ...], parts: int) -> Make:
    def make(b: Builder) -> TflOp:
        values = [b.input(f"x{part}", shape, kind) for part in range(parts)]
        if name == "PACK":
            return OPS[name](values, axis=0, values_count=parts, result_type=type_of((parts, *shape), kind))
        return OPS[name](values, axis=3, result_type=type_of((*shape[:3], parts * shape[3]), kind))

    return make


def _split(name: str, kind: str, shape: tuple[int, ...], parts: int) -> Make:
    def make(b: Builder) -> TflOp:
        types = [type_of(shape, kind)] * parts
        if name == "UNPACK":
            return OPS[name](b.input("x", (parts, *shape), kind), num=parts, axis=0, result_types=types)
        x = b.input("x", (*shape[:3], parts * shape[3]), kind)
        return OPS[name](b.numbers("s", 3), x, num_splits=parts, result_types=types)

    return make


def _choosing() -> Iterator[Make]:
    for kind in ("f32", "qi8"):
        for size in SIZES[:-1]:
            for name in ("SELECT", "SELECT_V2"):
                yield _selected(name, kind, _spread(size))


def _selected(name: str, kind: str, shape: tuple[int, ...]) -> Make:
    def make(b: Builder) -> TflOp:
        return OPS[name](b.input("c", shape, "bool"), b.input("x", shape, kind), b.input("y", shape, kind))

    return make


def _conversions() -> Iterator[Make]:
    pairs = {
        "QUANTIZE": (("f32", "qi8"), ("f32", "qi16"), ("qi8", "qi8"), ("qi16", "qi16")),
        "DEQUANTIZE": (("qi8", "f32"), ("qi16", "f32"), ("f16", "f32")),
        "CAST": (("f32", "i32"), ("i32", "f32"), ("bool", "f32")),
    }
    for name, kinds in pairs.items():
        for source, target in kinds:
            for size in SIZES:
                yield _converted(name, source, target, _spread(size))
    for size in SIZES[:-1]:
        yield _converted("DEQUANTIZE", "f16", "f32", _spread(size), constant=True)


def _converted(name: str, source: str, target: str, shape: tuple[int, ...], constant: bool = False) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.constant("x", shape, source) if constant else b.input("x", shape, source)
        return OPS[name](x, result_type=type_of(shape, target))

    return make
