"""The values of a block while it runs; each is freed after the last op that reads it."""

from __future__ import annotations

from typing import Any

from xdsl.ir import Block, Operation, SSAValue


class Scopes:
    """Values of the blocks that are running, from the outermost to the innermost."""

    def __init__(self) -> None:
        self._scopes: list[dict[SSAValue, Any]] = []

    def push(self) -> dict[SSAValue, Any]:
        """Opens the scope of a block that begins to run."""
        scope: dict[SSAValue, Any] = {}
        self._scopes.append(scope)
        return scope

    def pop(self) -> None:
        """Closes the scope of the innermost block."""
        self._scopes.pop()

    def value(self, value: SSAValue) -> Any:
        """The array of a value, which is defined in the innermost block or in one around it."""
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
    """For each op of `block`, the values of the block that no later op reads; an op also reads what its
    regions read.
    """
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
