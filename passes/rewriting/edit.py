"""Inserts ops before or after others in a block, and removes ops."""

from __future__ import annotations

from xdsl.ir import Block, Operation


def insert_before(place: Operation, *ops: Operation) -> None:
    """Inserts ops directly before another, in the given order."""
    _block(place).insert_ops_before(list(ops), place)


def insert_after(place: Operation, *ops: Operation) -> None:
    """Inserts ops directly after another, in the given order."""
    _block(place).insert_ops_after(list(ops), place)


def erase(op: Operation) -> None:
    """Removes an op whose results nothing reads."""
    _block(op).erase_op(op)


def _block(op: Operation) -> Block:
    block = op.parent
    assert block is not None
    return block
