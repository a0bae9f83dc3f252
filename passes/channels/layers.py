"""Rules for ops with weights: convolutions and fully connected ops."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import NoneType

from tflir.ir.constants import load_numpy
from tflir.ir.tfl.activations import fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.ir.types import shape_of
from tflir.passes.channels.arranging import is_adjustable
from tflir.passes.channels.channel_ids import Channels, Float32, Ids
from tflir.passes.channels.known import activated, compute, only_zeros
from tflir.passes.channels.trace import Array, Layer, Trace, text, width_of
from tflir.passes.quantization.pairs import FloatConstant, constant_of


def linear(trace: Trace, op: TflOp) -> Channels | None:
    """CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV: new output channels, each a sum over all input channels.

    A fully connected op may read several positions as one row: a weight with 12 columns on a value with 4 channels
    reads each channel three times.
    """
    builtin = op.INFO.builtin
    weights, width = constant_of(op.operands[1]), width_of(op.results[0])
    if weights is None or width is None or len(op.results) != 1 or not is_plain(op):
        return None
    x = trace.read(op, 2 if builtin == "TRANSPOSE_CONV" else 0)
    array = load_numpy(weights.source.value)
    if x is None or array.shape[0] != width:
        return None
    times = array.shape[-1] // x.ids.size
    if times * x.ids.size != array.shape[-1] or not (times == 1 or (times and builtin == "FULLY_CONNECTED")):
        return None
    rows = trace.spaces.fresh(width)
    bias = bias_of(trace, op, rows)
    if bias is None:
        return None
    given = np.tile(x.known, times)
    foldable = only_zeros(given) if _has_borders(op, array) else given
    layer = Layer(op, weights, np.tile(x.ids, times), rows, given, foldable, _reads(array))
    trace.layers.append(layer)
    keep_if_shared(trace, weights, x.ids, rows)
    return Channels(rows, activated(fused_activation(op), layer.constant_rows(bias)))


def depthwise(trace: Trace, op: TflOp) -> Channels | None:
    """DEPTHWISE_CONV_2D: each input channel makes `depth_multiplier` output channels, kept or removed with it."""
    constant, width = constant_of(op.operands[1]), width_of(op.results[0])
    x, weights = trace.read(op, 0), trace.read(op, 1)
    if constant is None or width is None or x is None or weights is None:
        return None
    if weights.ids.size != width or width % x.ids.size:
        return None
    times = width // x.ids.size
    ids, given = np.repeat(x.ids, times), np.repeat(x.known, times)
    trace.spaces.unite(ids, weights.ids)
    bias = bias_of(trace, op, ids)
    if bias is None:
        return None
    keep_if_shared(trace, constant, ids)
    array = load_numpy(constant.source.value)
    table = array.reshape(-1, width)
    given = only_zeros(given) if _has_borders(op, array) else given
    product = np.where(table.any(axis=0), given * table.sum(axis=0, dtype=np.float32), np.float32(0))
    return Channels(ids, activated(fused_activation(op), compute(np.add, bias, product)))


def is_plain(op: TflOp) -> bool:
    """Whether the rows of the weights of a convolution or fully connected op are the channels of its result."""
    if op.INFO.builtin == "TRANSPOSE_CONV":
        return is_adjustable(op.operands[0])
    return op.INFO.builtin != "FULLY_CONNECTED" or text(op, "weights_format") == "DEFAULT"


def keep_if_shared(trace: Trace, weights: FloatConstant, *ids: Ids) -> None:
    """Keeps all channels of weights that another op uses too: a sliced copy beside them would take more bytes."""
    if weights.value.has_more_than_one_use() or weights.source.results[0].has_more_than_one_use():
        for part in ids:
            trace.spaces.fix(part, "another op reads the weights too")


def bias_of(trace: Trace, op: TflOp, rows: Ids) -> Float32 | None:
    """The known values of the bias, one per output channel (0 without a bias).

    None if the bias is computed, or is not a vector of that length.
    """
    assert op.INFO.bias is not None
    index = op.INFO.bias[0]
    if isinstance(op.operands[index].type, NoneType):
        return np.zeros(rows.size, np.float32)
    found = trace.read(op, index) if constant_of(op.operands[index]) is not None else None
    if found is None or found.ids.size != rows.size or len(shape_of(op.operands[index].type) or ()) != 1:
        return None
    trace.spaces.unite(rows, found.ids)
    return found.known


def _has_borders(op: TflOp, weights: Array) -> bool:
    """Whether results near the border read padding, so that fewer input pixels contribute to them."""
    if op.INFO.builtin == "FULLY_CONNECTED":
        return False
    kernel = weights.shape[1:3]
    return op.INFO.builtin == "TRANSPOSE_CONV" or (text(op, "padding") != "VALID" and kernel != (1, 1))


def _reads(weights: Array) -> Array:
    """A bit for each output channel (row) and input channel (column): whether any weight between them is not zero.

    Bits are packed along columns (`np.packbits`).
    """
    found = (weights != 0).reshape(weights.shape[0], -1, weights.shape[-1])
    return np.packbits(found.any(axis=1), axis=1)
