"""Replaces the result of an op by another value in such a way that outputs keep their names."""

from __future__ import annotations

from xdsl.dialects.builtin import UnitAttr
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.tfl.elementwise import CastOp
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import is_returned


def replace_with(op: Operation, value: SSAValue) -> None:
    """Replaces the only result of `op` by `value` and erases `op`.

    If the function returns the result, `value` takes its name.
    """
    result = op.results[0]
    if is_returned(result):
        if isinstance(value, OpResult) and not is_returned(value):
            result_names = names.op_names(value.op)
            result_names[value.index] = names.name_of(result)
            value.op.location = names.location_of(result_names)
        else:
            value = _copy(op, value)
    result.replace_all_uses_with(value)
    erase(op)


def _copy(op: Operation, value: SSAValue) -> SSAValue:
    """Inserts a copy of `value` that has the name of the result of `op`, since `value` must keep its own name."""
    copy = CastOp.create(operands=[value], result_types=[value.type], attributes={names.NO_OPTIONS: UnitAttr()})
    copy.location = op.location
    insert_before(op, copy)
    return copy.results[0]
