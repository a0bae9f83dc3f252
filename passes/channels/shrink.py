"""Removes the channels that a plan does not keep: updates biases, slices constants, and changes value types."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, TensorType
from xdsl.ir import Attribute, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from tflir.ir import names
from tflir.ir.constants import as_numpy, elements
from tflir.ir.records import integers as integer_array
from tflir.ir.spilled import Spill
from tflir.ir.tfl.base import TflOp
from tflir.ir.tfl.linear import TransposeConvOp
from tflir.ir.tfl.shaping import ReshapeOp
from tflir.ir.types import tensor_type
from tflir.passes.base import PassReport
from tflir.passes.channels.channel_ids import Mask
from tflir.passes.channels.constants import following, set_constant, set_last, slice_operand
from tflir.passes.channels.moments import keep_moments
from tflir.passes.channels.plan import Plan
from tflir.passes.channels.trace import ConstantUse, Layer, Trace, integers
from tflir.passes.quantization.pairs import constant_of


def shrink(trace: Trace, plan: Plan, report: PassReport) -> None:
    """Removes all channels that `plan` does not keep, and counts them in the report."""
    for layer in trace.layers:
        _fold(trace, layer, ~plan.stays(layer.columns), report)
    spill = Spill()
    for use in trace.constants:
        _slice(use.op, use.index, plan.stays(use.ids), None, report)
        if use.op.INFO.weight is not None and use.op.INFO.weight[0] == use.index:  # of a depthwise convolution
            keep_moments(use.op, plan.stays(use.ids), spill)
    for layer in trace.layers:
        rows, columns = plan.stays(layer.rows), plan.stays(layer.columns)
        _slice(layer.op, 1, columns, rows, report)
        keep_moments(layer.op, columns, spill)
        for what, stays in (("channels removed", rows), ("columns of weights removed", columns)):
            if not stays.all():
                report.count(what, int(np.count_nonzero(~stays)))
    for padded in trace.padded:
        _set_amounts(padded.op, plan.stays(padded.before), plan.stays(padded.after))
    for value, channels in list(trace.channels.items()):
        stays = plan.stays(channels.ids)
        if not stays.all():
            _retype(value, int(np.count_nonzero(stays)))


def _fold(trace: Trace, layer: Layer, removed: Mask, report: PassReport) -> None:
    """Adds the contribution of removed constant channels to the layer's bias; creates a bias if there is none."""
    added = layer.contribution(removed)
    if added is None:
        return
    assert layer.op.INFO.bias is not None
    index = layer.op.INFO.bias[0]
    bias = constant_of(layer.op.operands[index])
    if bias is None:
        trace.constants.append(ConstantUse(layer.op, index, layer.rows))
        layer.op.attributes.pop(names.OPERAND_COUNT, None)
    else:
        added = as_numpy(bias.source.value) + added
    set_constant(layer.op, index, elements(added.astype(np.float32)))
    report.count("constants folded into biases")


def _slice(op: TflOp, index: int, columns: Mask, rows: Mask | None, report: PassReport) -> None:
    if columns.all() and (rows is None or rows.all()):
        return
    op.attributes.pop(names.VERSION, None)
    detail = slice_operand(op, index, columns, rows)
    if op.INFO.weight is not None and op.INFO.weight[0] == index:
        report.details.append(detail)


def _set_amounts(op: TflOp, before: Mask, after: Mask) -> None:
    """Makes a pad along the channel dimension add only as many channels as are kept."""
    amounts = integers(op.operands[1])
    assert amounts is not None
    if not (before.all() and after.all()):
        amounts = amounts.copy()
        amounts[-1] = np.count_nonzero(before), np.count_nonzero(after)
        set_constant(op, 1, elements(amounts))


def _retype(value: SSAValue, count: int) -> None:
    """Gives a value the type with `count` channels, and updates shapes that its op holds as operand or option."""
    assert isinstance(value, OpResult)
    op, old = value.op, cast("TensorType[Attribute]", value.type)
    before = tuple(old.get_shape())
    Rewriter.replace_value_with_new_type(value, tensor_type((*before[:-1], count), old.element_type))
    op.attributes.pop(names.VERSION, None)
    extras = op.attributes.get(names.TENSOR)
    if isinstance(extras, DictionaryAttr):
        op.attributes[names.TENSOR] = following(extras, before[-1], count)
    if isinstance(op, ReshapeOp):
        set_last(op, 1, count)
        if isinstance(held := op.properties.get("new_shape"), DenseArrayBase):
            sizes = list(cast("DenseArrayBase[Any]", held).get_values())
            op.properties["new_shape"] = integer_array([*sizes[:-1], count if sizes[-1] >= 0 else -1])
    elif isinstance(op, TransposeConvOp):
        set_last(op, 0, count)
