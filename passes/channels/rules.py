"""Walks over a function and applies the rule of each op. Channels of an op without a rule are all kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation

from tflir.ir.constants import ArrayElementsAttr
from tflir.ir.tfl.base import TflOp
from tflir.passes.channels import arranging, elementwise, layers
from tflir.passes.channels.channel_ids import Channels
from tflir.passes.channels.known import BINARY, UNARY
from tflir.passes.channels.trace import Trace
from tflir.passes.quantization.facts import LEFT_OUT
from tflir.passes.quantization.pairs import float_constant

Rule = Callable[[Trace, TflOp], Channels | None]
"""Gives the channels of an op's result; None if it can't follow them, so that they are all kept."""
_RULES: dict[str, Rule] = {
    **dict.fromkeys((*UNARY, "LEAKY_RELU"), elementwise.unary),
    **dict.fromkeys(BINARY, elementwise.binary),
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D"), elementwise.pool),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), elementwise.reduce),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "BATCH_TO_SPACE_ND"), elementwise.move),
    "SPACE_TO_BATCH_ND": elementwise.space_to_batch,
    "TRANSPOSE": elementwise.transpose,
    "TILE": elementwise.tile,
    "CONCATENATION": arranging.concatenation,
    "RESHAPE": arranging.reshape,
    "SQUEEZE": arranging.squeeze,
    "EXPAND_DIMS": arranging.expand_dims,
    "PAD": arranging.pad,
    "PADV2": arranging.pad,
    "CONV_2D": layers.linear,
    "FULLY_CONNECTED": layers.linear,
    "TRANSPOSE_CONV": layers.linear,
    "DEPTHWISE_CONV_2D": layers.depthwise,
}


_FREE = 1 << 22
"""The number of channels that may be looked at in any function, however small its constants are."""


def trace_function(function: FuncOp, rules: Mapping[str, Rule] = _RULES) -> Trace:
    """Finds the channels of all values of a function. `rules`: by the schema's name of the op, those for removal.

    Raises `TooManyChannels` if its values have far more channels than its constants have bytes, so that the time taken
    stays proportional to the size of the model.
    """
    trace = Trace(_FREE + _constant_bytes(function))
    for argument in function.body.block.args:
        trace.keep_value(argument, "its channels are an input of the subgraph")
    for op in function.body.block.ops:
        _visit(trace, op, rules)
    return trace


def _constant_bytes(function: FuncOp) -> int:
    """The bytes of the function's constants. Unlike shapes of activations, a small file cannot claim many of them."""
    values = (op.properties.get("value") for op in function.body.block.ops)
    return sum(value.blob.nbytes for value in values if isinstance(value, ArrayElementsAttr))


def _visit(trace: Trace, op: Operation, rules: Mapping[str, Rule]) -> None:
    if float_constant(op) is not None:
        return
    if isinstance(op, ReturnOp):
        trace.keep(op, "its channels are an output of the subgraph")
        return
    if isinstance(op, TflOp) and op.INFO.builtin == "SHAPE":
        arranging.shape(trace, op)
        return
    if LEFT_OUT in op.attributes:
        trace.keep(op, f"its channels are tied to a {op.name} that was left out")
        return
    rule = rules.get(op.INFO.builtin) if isinstance(op, TflOp) else None
    count = len(trace.constants)
    found = rule(trace, op) if rule is not None and isinstance(op, TflOp) else None
    if found is None:
        del trace.constants[count:]
        trace.keep(op, f"its channels are tied to a {op.name}")
    else:
        trace.spaces.spend(found.ids.size)
        trace.channels[op.results[0]] = found
