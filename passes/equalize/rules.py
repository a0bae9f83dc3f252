"""Which ops let a scale of a channel through: those for which f(x / s) = f(x) / s for every s > 0.

Ids of channels mean here what can be scaled together: a class of ids has one scale, a class that must be kept has none.
Unlike where channels are removed, a depthwise convolution begins new ids, since its weights can take up a scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tflir.ir.tfl.activations import fused_activation
from tflir.ir.tfl.base import TflOp
from tflir.passes.channels import arranging, elementwise
from tflir.passes.channels.channel_ids import Channels, Ids
from tflir.passes.channels.known import unknown
from tflir.passes.channels.layers import bias_of, is_plain, keep_if_shared
from tflir.passes.channels.rules import Rule
from tflir.passes.channels.trace import Trace, width_of
from tflir.passes.quantization.pairs import FloatConstant, constant_of

_SCALED_THROUGH = ("NONE", "RELU")
_CLAMPED = "an activation that is not proportional to its input follows"


@dataclass(frozen=True)
class Weighted:
    """A layer whose weights can take up scales: those of its input channels are multiplied in, of its output channels
    divided out."""

    op: TflOp
    weights: FloatConstant
    columns: Ids
    """The id of the input channel that each index of the last dimension of the weights is multiplied by."""
    rows: Ids
    """The id of each output channel: along the first dimension, or of a depthwise convolution along the last."""
    depthwise: bool


class Layers:
    """The layers that were found in a function, and the rules that find them."""

    def __init__(self) -> None:
        self.found: list[Weighted] = []
        self.rules: dict[str, Rule] = {
            **dict.fromkeys(("RELU", "LEAKY_RELU", "ABS", "NEG"), elementwise.move),
            **dict.fromkeys(("ADD", "SUB", "MAXIMUM", "MINIMUM"), _proportional(_added)),
            **dict.fromkeys(("MUL", "DIV"), _proportional(_multiplied)),
            "PRELU": _prelu,
            **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), _proportional(elementwise.move)),
            **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), elementwise.reduce),
            **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "BATCH_TO_SPACE_ND"), elementwise.move),
            "SPACE_TO_BATCH_ND": elementwise.move,
            "TRANSPOSE": elementwise.transpose,
            "TILE": elementwise.tile,
            "CONCATENATION": _proportional(arranging.concatenation),
            "RESHAPE": arranging.reshape,
            "SQUEEZE": arranging.squeeze,
            "EXPAND_DIMS": arranging.expand_dims,
            "PAD": arranging.pad,
            "CONV_2D": self._linear,
            "FULLY_CONNECTED": self._linear,
            "TRANSPOSE_CONV": self._linear,
            "DEPTHWISE_CONV_2D": self._depthwise,
        }

    def _linear(self, trace: Trace, op: TflOp) -> Channels | None:
        """CONV_2D, FULLY_CONNECTED and TRANSPOSE_CONV: as where channels are removed."""
        weights, width = constant_of(op.operands[1]), width_of(op.results[0])
        if weights is None or width is None or len(op.results) != 1 or not is_plain(op):
            return None
        builtin = op.INFO.builtin
        x = trace.read(op, 2 if builtin == "TRANSPOSE_CONV" else 0)
        if x is None or weights.shape[0] != width:
            return None
        times = weights.shape[-1] // x.ids.size
        if times * x.ids.size != weights.shape[-1] or not (times == 1 or (times and builtin == "FULLY_CONNECTED")):
            return None
        return self._made(trace, op, weights, np.tile(x.ids, times), depthwise=False)

    def _depthwise(self, trace: Trace, op: TflOp) -> Channels | None:
        weights, width, x = constant_of(op.operands[1]), width_of(op.results[0]), trace.read(op, 0)
        if weights is None or width is None or x is None or weights.shape[-1] != width or width % x.ids.size:
            return None
        return self._made(trace, op, weights, np.repeat(x.ids, width // x.ids.size), depthwise=True)

    def _made(
        self, trace: Trace, op: TflOp, weights: FloatConstant, columns: Ids, *, depthwise: bool
    ) -> Channels | None:
        """Notes a layer; its results have new ids, which are fixed if they can't be scaled."""
        rows = trace.spaces.fresh(width_of(op.results[0]) or 0)
        if bias_of(trace, op, rows) is None:
            return None
        if fused_activation(op) not in _SCALED_THROUGH:
            trace.spaces.fix(rows, _CLAMPED)
        keep_if_shared(trace, weights, columns, rows)
        if not np.isfinite(np.frombuffer(weights.blob.view(), np.float32)).all():
            for ids in (columns, rows):
                trace.spaces.fix(ids, "the weights hold NaN or infinity")
        self.found.append(Weighted(op, weights, columns, rows, depthwise))
        return Channels(rows, unknown(rows.size))


def _proportional(rule: Rule) -> Rule:
    """The rule, for ops whose fused activation is none, or RELU."""

    def checked(trace: Trace, op: TflOp) -> Channels | None:
        return rule(trace, op) if fused_activation(op) in _SCALED_THROUGH else None

    return checked


def _added(trace: Trace, op: TflOp) -> Channels | None:
    """ADD, SUB, MAXIMUM and MINIMUM: both operands have the same scales; a constant operand is divided by them."""
    x, y = trace.read(op, 0), trace.read(op, 1)
    if x is None or y is None or x.ids.size != y.ids.size or x.ids.size != width_of(op.results[0]):
        return None
    trace.spaces.unite(x.ids, y.ids)
    return x


def _multiplied(trace: Trace, op: TflOp) -> Channels | None:
    """MUL and DIV: the result has the scales of one operand, if the other has none: a constant, or a gate."""
    of_quotient = op.INFO.builtin == "DIV"
    for at in (0,) if of_quotient else (0, 1):
        x, other = trace.channels.get(op.operands[at]), op.operands[1 - at]
        if x is None or x.ids.size != width_of(op.results[0]):
            continue
        gate = trace.channels.get(other)
        if constant_of(other) is not None or (gate is not None and trace.spaces.all_fixed(gate.ids)):
            return x
    return None


def _prelu(trace: Trace, op: TflOp) -> Channels | None:
    """PRELU: slopes that are constant have no scale."""
    return elementwise.move(trace, op) if constant_of(op.operands[1]) is not None else None
