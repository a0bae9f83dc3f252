"""Ops whose integer kernels fill with integer 0: what they share a scale with gets a zero point of 0."""

from __future__ import annotations

from functools import reduce

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import KEEP_FLOAT, is_same_scale
from tflir.passes.quantization.pairs import FloatConstant, float_constant
from tflir.passes.quantization.parameters import centred_type
from tflir.passes.quantization.propagation import Propagation
from tflir.passes.rewriting.values import is_float

_MOSTLY = 0.5


def centred_parameters(
    function: FuncOp, ranges: dict[SSAValue, Range], *, sparse_tables: bool = False
) -> dict[SSAValue, UniformQuantizedType]:
    """Parameters of zero point 0 for the values that ops of same scale join to one that fills with zeros.

    `sparse_tables`: also to one that takes its elements from a constant of which most are zero. They are then stored
    as zeros, which can be left out.
    """
    given: dict[SSAValue, UniformQuantizedType] = {}
    seen: set[Operation] = set()
    for op in function.body.block.ops:
        if op in seen or not (_fills(op) or (sparse_tables and _reads_sparse_table(op))):
            continue
        values = [value for value in _joined(op, seen) if value in ranges]
        if values:
            whole = reduce(Range.union, (ranges[value] for value in values))
            given |= dict.fromkeys(values, centred_type(whole))
    return given


def _joined(op: Operation, seen: set[Operation]) -> dict[SSAValue, None]:
    """The float values that ops of same scale join to `op`."""
    pending, values = [op], dict[SSAValue, None]()
    seen.add(op)
    while pending:
        each = pending.pop()
        for value in (*each.operands, *each.results):
            if not is_float(value) or value in values:
                continue
            values[value] = None
            producer = (value.op,) if isinstance(value, OpResult) else ()
            near = [*producer, *(use.operation for use in value.uses)]
            joined = [other for other in dict.fromkeys(near) if is_same_scale(other) and other not in seen]
            seen.update(joined)
            pending += joined
    return values


def keep_uncentred_float(function: FuncOp, spread: Propagation, report: PassReport) -> None:
    """Ops that fill with zeros stay float where their values got another zero point all the same."""
    for op in function.body.block.ops:
        if not _fills(op):
            continue
        params = [spread.params(value) for value in (*op.operands, *op.results) if is_float(value)]
        if any(one is not None and one.layout.zero_points.any() for one in params):
            why = "its kernel fills with integer 0, which its zero point is not"
            op.attributes[KEEP_FLOAT] = StringAttr(why)
            report.decline(why, op)


def _fills(op: Operation) -> bool:
    return isinstance(op, TflOp) and op.INFO.fills_zero and is_same_scale(op)


def _reads_sparse_table(op: Operation) -> bool:
    if not isinstance(op, TflOp) or not is_same_scale(op):
        return False
    read = [op.operands[index] for index in op.INFO.sparse if index < len(op.operands)]
    constants = [float_constant(value.op) for value in read if isinstance(value, OpResult)]
    return any(constant is not None and _zero_share(constant) > _MOSTLY for constant in constants)


def _zero_share(constant: FloatConstant) -> float:
    zeros = sum(chunk.size // 4 - np.count_nonzero(chunk.view(np.float32)) for chunk in constant.blob.chunks())
    return zeros / max(1, constant.elements)
