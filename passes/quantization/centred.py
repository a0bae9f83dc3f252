"""Gives a zero point of 0 to the values that integer kernels take only, or take best, with it.

For example, the int8 kernel of SCATTER_ND writes the integer 0 to all elements that no update covers. The integer means
0.0 only if the zero point of the result is 0. Every value that shares its scale then has this zero point, too.

The default delegate multiplies int8 matrices only if the second has a zero point of 0; the built-in kernel is some
fifteen times as slow. A second matrix whose range lies about evenly around 0 is therefore centred, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation, OpResult, SSAValue, Use

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.statistics import Range
from tflir.ir.tfl.base import TflOp
from tflir.passes.base import PassReport
from tflir.passes.quantization.facts import KEEP_FLOAT, fixed_output, is_same_scale, is_symmetric
from tflir.passes.quantization.pairs import FloatConstant, float_constant
from tflir.passes.quantization.parameters import centred_type
from tflir.passes.quantization.propagation import Propagation
from tflir.passes.rewriting.values import is_float

_MOST_WIDENED = 1.25
"""The most that centring may widen a range: by a factor of 1.25, steps are coarser by 2 dB."""
_MOSTLY = 0.5
"""A table counts as sparse if more than this fraction of its elements is zero."""


def centred_parameters(
    function: FuncOp, ranges: dict[SSAValue, Range], *, sparse_tables: bool = False
) -> dict[SSAValue, UniformQuantizedType]:
    """Parameters with a zero point of 0 for all values that same-scale ops connect to an op that fills with zeros.

    With `sparse_tables`, also for those connected to an op that reads from a constant table whose elements are mostly
    zero, such as a pruned embedding: zeros are then stored as integer 0, and a sparse encoding can omit them.
    """
    given: dict[SSAValue, UniformQuantizedType] = {}
    seen: set[Operation] = set()
    for op in function.body.block.ops:
        if op in seen or not (_fills(op) or (sparse_tables and _reads_sparse_table(op))):
            continue
        values = [value for value in _connected(op, seen) if value in ranges]
        if values:
            whole = reduce(Range.union, (ranges[value] for value in values))
            given |= dict.fromkeys(values, centred_type(whole))
    return given | _symmetric_operands(function, ranges, given)


def _symmetric_operands(
    function: FuncOp, ranges: dict[SSAValue, Range], given: Mapping[SSAValue, object]
) -> dict[SSAValue, UniformQuantizedType]:
    """Parameters with a zero point of 0 for what the default delegate reads so only, if it costs few of the 256 steps.

    The values that same-scale ops connect to such an operand must share its scale, and are looked at together.
    """
    centred: dict[SSAValue, UniformQuantizedType] = {}
    for op in function.body.block.ops:
        for index in op.INFO.symmetric if isinstance(op, TflOp) else ():
            value = op.operands[index]
            if value not in ranges or value in centred or not is_symmetric(Use(op, index)):
                continue
            values = [value, *_connected_through(value)]
            held = [other for other in dict.fromkeys(values) if other in ranges]
            fixed = any(isinstance(v, OpResult) and fixed_output(v.op) is not None for v in values)
            whole = reduce(Range.union, (ranges[other] for other in held))
            if not fixed and not any(other in given for other in held) and _lies_around_zero(whole):
                centred |= dict.fromkeys(held, centred_type(whole))
    return centred


def _connected_through(value: SSAValue) -> dict[SSAValue, None]:
    """The float values that same-scale ops connect to `value`."""
    producer = (value.op,) if isinstance(value, OpResult) else ()
    neighbours = (*producer, *(use.operation for use in value.uses))
    found: dict[SSAValue, None] = {}
    for op in neighbours:
        if is_same_scale(op) and value not in found:
            found |= _connected(op, set())
    return found


def _lies_around_zero(bounds: Range) -> bool:
    """Whether a range from -m to m is hardly wider than this one: m <= 1.25 * (high - low) / 2."""
    return 2 * max(abs(bounds.low), abs(bounds.high)) <= _MOST_WIDENED * bounds.width


def _connected(op: Operation, seen: set[Operation]) -> dict[SSAValue, None]:
    """The float values that same-scale ops connect to `op`; the ops reached are added to `seen`."""
    pending, values = [op], dict[SSAValue, None]()
    seen.add(op)
    while pending:
        current = pending.pop()
        for value in (*current.operands, *current.results):
            if not is_float(value) or value in values:
                continue
            values[value] = None
            producer = (value.op,) if isinstance(value, OpResult) else ()
            neighbours = dict.fromkeys((*producer, *(use.operation for use in value.uses)))
            connected = [other for other in neighbours if is_same_scale(other) and other not in seen]
            seen.update(connected)
            pending += connected
    return values


def keep_uncentred_float(function: FuncOp, spread: Propagation, report: PassReport) -> None:
    """Keeps ops that fill with zeros float if one of their values got a zero point other than 0 after all."""
    for op in function.body.block.ops:
        if not _fills(op):
            continue
        params = [spread.params(value) for value in (*op.operands, *op.results) if is_float(value)]
        if any(known is not None and known.layout.zero_points.any() for known in params):
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
