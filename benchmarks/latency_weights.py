"""The ops with weights whose latency is measured, and products of matrices, at some sizes each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from latency_models import OPS, Builder, Make, type_of
from xdsl.ir import SSAValue

from tflir.ir.tfl.base import TflOp

_MOST_PRODUCTS = 3e7
"""Larger ops take as much longer as they are larger."""
_WEIGHTS = (("f32", "f32"), ("f32", "qi8"), ("qi8", "qi8"), ("qi16", "qi8"))
"""Kinds of activations and of weights."""


def _bias(b: Builder, count: int, kind: str) -> SSAValue:
    return b.constant("b", (count,), "f32") if kind == "f32" else b.integers("b", count, kind)


def convolutions() -> Iterator[Make]:
    """Convolutions of all kinds, at some numbers of positions and channels."""
    for kind, weight in _WEIGHTS:
        yield from _dense(kind, weight)
        for side, channels, kernel in product((1, 4, 16, 64), (4, 32, 256), (3, 5)):
            yield _depthwise(kind, weight, side, channels, kernel)
        for side, depth, channels in product((4, 32), (8, 128), (4, 64)):
            if _fits(kind, side**2 * depth * channels * 9):
                yield _transposed(kind, weight, side, depth, channels)
    for side, depth, channels in product((2, 6), (2, 16), (2, 16)):
        yield _conv_3d(side, depth, channels)


def _dense(kind: str, weight: str) -> Iterator[Make]:
    for side, depth, channels, kernel in product((1, 4, 16, 64), (4, 32, 256), (4, 32, 256), (1, 3)):
        if _fits(kind, side**2 * depth * channels * kernel**2):
            yield _conv_2d(kind, weight, side, depth // (2 if kernel == 3 else 1), channels, kernel)


def _fits(kind: str, products: float) -> bool:
    return products <= _MOST_PRODUCTS / (8 if kind == "qi16" else 1)


def _conv_2d(kind: str, weight: str, side: int, depth: int, channels: int, kernel: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side + kernel - 1, side + kernel - 1, depth), kind)
        w = b.constant("w", (channels, kernel, kernel, depth), weight, 0)
        out = type_of((1, side, side, channels), kind)
        return OPS["CONV_2D"](x, w, _bias(b, channels, kind), padding="VALID", stride_h=1, stride_w=1, result_type=out)

    return make


def _depthwise(kind: str, weight: str, side: int, channels: int, kernel: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side + kernel - 1, side + kernel - 1, channels), kind)
        w = b.constant("w", (1, kernel, kernel, channels), weight, 3)
        how = {"padding": "VALID", "stride_h": 1, "stride_w": 1, "depth_multiplier": 1}
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


def _conv_3d(side: int, depth: int, channels: int) -> Make:
    def make(b: Builder) -> TflOp:
        x = b.input("x", (1, side, side, side, depth), "f32")
        w = b.constant("w", (3, 3, 3, depth, channels), "f32")
        how = {"padding": "SAME", "stride_h": 1, "stride_w": 1, "stride_d": 1}
        out = type_of((1, side, side, side, channels), "f32")
        return OPS["CONV_3D"](x, w, b.constant("b", (channels,), "f32"), **how, result_type=out)

    return make


def fully_connected() -> Iterator[Make]:
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


def products() -> Iterator[Make]:
    for kind, weight in (("f32", "f32"), ("qi8", "qi8"), ("qi16", "qi16"), ("f32", "constant"), ("qi8", "constant")):
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
