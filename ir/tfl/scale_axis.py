"""The axis of constant weights along which kernels read a scale for each channel."""

from __future__ import annotations

from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.products import Product
from tflir.ir.tfl.shapes import flag


def channels_of(op: TflOp, product: Product, rank: int) -> int:
    """The axis, counted from 0, of the channels in weights of `rank` dimensions in one of the products of `op`."""
    axis, word = product.channels, product.transposed
    return (axis - (bool(word) and flag(op, word))) % rank


def scale_axis(op: TflOp, operand: int, rank: int) -> int:
    """The axis along which the weights in operand `operand`, of `rank` dimensions, have their scales per channel.

    Where the definition of an op names no such axis, it is that of the channels, as the columns of the second matrix of
    a BATCH_MATMUL; without channels, as in a GATHER, it is the first.
    """
    axis = op.INFO.channel_axis(operand)
    if axis is None and rank and (found := op.INFO.product_of(operand)) is not None:
        return channels_of(op, found[1], rank)
    return axis or 0
