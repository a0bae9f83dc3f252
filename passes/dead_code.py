"""Removes ops without side effects whose results nothing reads."""

from __future__ import annotations

from xdsl.dialects.func import FuncOp
from xdsl.ir import Operation
from xdsl.traits import Pure

from tflir.ir import names


def remove_dead_ops(function: FuncOp) -> int:
    """Removes pure ops that nothing reads, and what only they read; returns how many."""
    removed = 0
    block = function.body.block
    for op in reversed(list(block.ops)):
        if _is_dead(op):
            block.erase_op(op)
            removed += 1
    return removed


def _is_dead(op: Operation) -> bool:
    if not op.results or not op.has_trait(Pure()) or names.IS_VARIABLE in op.attributes:
        return False
    return all(result.first_use is None for result in op.results)
