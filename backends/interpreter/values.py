"""The values of a block's ops while it runs, each let go after the last op that reads it."""

from __future__ import annotations

from typing import Any

from xdsl.ir import Block, Operation, SSAValue


class Scopes:
    """Values of the blocks that are running, from the outermost to the innermost."""

    def __init__(self) -> None:
        self._scopes: list[dict[SSAValue, Any]] = []

    def push(self) -> dict[SSAValue, Any]:
        """The scope of a block that begins."""
        scope: dict[SSAValue, Any] = {}
        self._scopes.append(scope)
        return scope

    def pop(self) -> None:
        """Ends the innermost block."""
        self._scopes.pop()

    def value(self, value: SSAValue) -> Any:
        """What an op of the innermost block reads: a value of that block, or of one around it."""
        for scope in reversed(self._scopes):
            if value in scope:
                return scope[value]
        raise KeyError(value)

    @property
    def depth(self) -> int:
        """How many blocks are running."""
        return len(self._scopes)


LastReads = dict[Operation, list[SSAValue]]


def last_reads(block: Block) -> LastReads:
    """For each op of `block`, the values of this block that no later op reads; an op reads what its regions read."""
    last: dict[SSAValue, Operation] = {value: op for op in block.ops for value in op.results}
    first = block.first_op
    if first is not None:
        last |= dict.fromkeys(block.args, first)
    for op in block.ops:
        for inner in op.walk() if op.regions else (op,):
            for value in inner.operands:
                if value in last:
                    last[value] = op
    reads: LastReads = {}
    for value, op in last.items():
        reads.setdefault(op, []).append(value)
    return reads
