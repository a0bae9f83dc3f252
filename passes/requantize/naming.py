"""Takes an op out whose result another value stands for, so that inputs and outputs keep their names."""

from __future__ import annotations

from xdsl.dialects.builtin import UnitAttr
from xdsl.ir import Operation, OpResult, SSAValue

from tflir.ir import names
from tflir.ir.tfl.elementwise import CastOp
from tflir.passes.rewriting.edit import erase, insert_before
from tflir.passes.rewriting.values import is_returned


def replace_with(op: Operation, value: SSAValue) -> None:
    """Lets all that read the one result of `op` read `value`, which takes its name where a function returns it."""
    result = op.results[0]
    if is_returned(result):
        if isinstance(value, OpResult) and not is_returned(value):
            found = names.op_names(value.op)
            found[value.index] = names.name_of(result)
            value.op.location = names.location_of(found)
        else:
            value = _copy(op, value)
    result.replace_all_uses_with(value)
    erase(op)


def _copy(op: Operation, value: SSAValue) -> SSAValue:
    """The same numbers under the name of the result of `op`, for `value` keeps its own."""
    copy = CastOp.create(operands=[value], result_types=[value.type], attributes={names.NO_OPTIONS: UnitAttr()})
    copy.location = op.location
    insert_before(op, copy)
    return copy.results[0]


def suffixed(value: SSAValue, suffix: str) -> str | None:
    """A name for another form of a value; None where it has no name."""
    name = names.name_of(value)
    return None if name is None else f"{name}_{suffix}"
