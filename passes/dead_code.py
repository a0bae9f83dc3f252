"""Dead code: ops without side effects whose results are read by no op, or only by dead ops."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.traits import Pure

from tflir.ir import names


def dead_ops(function: FuncOp) -> set[Operation]:
    """The pure ops that nothing reads, and the pure ops that only these read."""
    dead: set[Operation] = set()
    for op in reversed(list(function.body.block.ops)):
        if not op.results or not op.has_trait(Pure()) or names.IS_VARIABLE in op.attributes:
            continue
        if all(use.operation in dead for result in op.results for use in result.uses):
            dead.add(op)
    return dead


def remove_dead_ops(function: FuncOp) -> int:
    """Removes the dead ops of a function; returns their number, not counting constants."""
    dead = dead_ops(function)
    computing = sum(bool(op.operands) for op in dead)
    for op in reversed([op for op in function.body.block.ops if op in dead]):
        function.body.block.erase_op(op)
    return computing
