"""The ops whose latency is measured: of each kernel and kind of numbers some sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from latency_models import OPS, Builder, Make, spread, type_of
from latency_recurrent import recurrent
from latency_weights import convolutions, fully_connected, products
from xdsl.ir import SSAValue

from tflir.ir.tfl.base import TflOp

SIZES = (8, 256, 4096, 65536, 524288)
"""Elements of ops whose time depends on little else."""
_NUMBERS = ("f32", "qi8", "qi16")


def cases() -> Iterator[Make]:
    """All that is measured."""
    yield from convolutions()
    yield from fully_connected()
    yield from products()
    yield from recurrent()
    yield from _unary()
    yield from _binary()
    yield from _rows()
    yield from _reductions()
    yield from _pools()
    yield from _moving()
    yield from _resized()
    yield from _choosing()
    yield from _conversions()


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
                    yield _one(name, kind, spread(size))


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
                    shape = spread(size)
                    if name != "PRELU":
                        yield _two(name, kind, shape, shape)
                        if kind != "bool":
                            yield _two(name, kind, shape, (1,) * len(shape))
                if kind != "bool":
                    for runs, run in product((4, 64, 1024), (4, 32, 256)):
                        yield _two(name, kind, (1, 2, runs // 2, run), (1, 1 if name == "PRELU" else 2, 1, run))


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
            shape = spread(size)
            yield from (_moved(name, kind, shape) for name in _MOVED)
        for runs in (1, 64, 1024):
            for run in (8, 64, 1024):
                shape = (1, 1, runs, run)
                yield from (_moved(name, kind, shape) for name in _CUT)
                yield _joined("CONCATENATION", kind, (1, 1, max(runs // 2, 1), run), 2)
                yield _split("SPLIT", kind, (1, 1, max(runs // 2, 1), run), 2)
                if runs < 1024:
                    yield _joined("PACK", kind, (max(run // 32, 1), 8), 2 if runs == 1 else 8)
                    yield _split("UNPACK", kind, (max(run // 32, 1), 8), 2 if runs == 1 else 8)
    for size in SIZES[:-1]:
        yield from (_moved(name, "f32", spread(size)) for name in _RARE)


def _resized() -> Iterator[Make]:
    for kind in _NUMBERS:
        for side in (2, 8, 64):
            for channels in (1, 4, 32):
                yield _resize("RESIZE_NEAREST_NEIGHBOR", kind, side, channels)
                yield _resize("RESIZE_BILINEAR", kind, side, channels)


def _resize(name: str, kind: str, side: int, channels: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side // 2, side // 2, channels), kind)
        how = {"half_pixel_centers": True}
        return OPS[name](x, b.numbers("s", [side, side]), **how, result_type=type_of((1, side, side, channels), kind))

    return make


def _halves(b: Builder, shape: tuple[int, ...]) -> list[SSAValue]:
    return [b.numbers("s", [0, 0, 0, 0]), b.numbers("t", shape)]


_Moved = Callable[[Builder, tuple[int, ...]], tuple[tuple[int, ...], Sequence[SSAValue], dict[str, Any]]]
"""The shape of the operand, the other operands, and the options, for a result of a shape."""
_MOVED: dict[str, _Moved] = {
    "TRANSPOSE": lambda b, s: ((s[0], s[2], s[1], s[3]), [b.numbers("s", [0, 2, 1, 3])], {}),
    "TRANSPOSE.inner": lambda b, s: ((s[0], s[3], s[1], s[2]), [b.numbers("s", [0, 2, 3, 1])], {}),
    "GATHER": lambda b, s: ((64, s[3]), [b.numbers("s", np.zeros(s[1] * s[2]))], {"axis": 0}),
    "DEPTH_TO_SPACE": lambda b, s: ((1, s[1], s[2], s[3]), [], {"block_size": 2}),
    "SPACE_TO_DEPTH": lambda b, s: ((1, 2 * s[1], 2 * s[2], s[3]), [], {"block_size": 2}),
    "TILE": lambda b, s: ((1, s[1], s[2], max(s[3] // 2, 1)), [b.numbers("s", [1, 1, 1, 2])], {}),
}
_CUT: dict[str, _Moved] = {
    "SLICE": lambda b, s: ((1, 1, s[2], s[3] + 4), _halves(b, s), {}),
    "STRIDED_SLICE": lambda b, s: ((1, 1, s[2], s[3] + 4), [*_halves(b, s), b.numbers("u", [1, 1, 1, 1])], {}),
    "PAD": lambda b, s: ((1, 1, s[2], s[3]), [b.numbers("s", [[0, 0], [0, 0], [0, 0], [2, 2]])], {}),
}
"""Runs of elements are copied: `s[2]` of `s[3]` elements."""
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
    "PAD": lambda given, s: [(*given[:3], given[3] + 4)],
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
        given, more, how = {**_MOVED, **_CUT, **_RARE}[name](b, shape)
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
                yield _selected(name, kind, spread(size))


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
                yield _converted(name, source, target, spread(size))
    for size in SIZES[:-1]:
        yield _converted("DEQUANTIZE", "f16", "f32", spread(size), constant=True)


def _converted(name: str, source: str, target: str, shape: tuple[int, ...], constant: bool = False) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.constant("x", shape, source) if constant else b.input("x", shape, source)
        return OPS[name](x, result_type=type_of(shape, target))

    return make
