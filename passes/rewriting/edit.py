"""Putting ops beside others in their block, and taking them out."""

from __future__ import annotations

from xdsl.ir import Block, Operation


def insert_before(place: Operation, *ops: Operation) -> None:
    """Puts ops right before another, in their order."""
    _block(place).insert_ops_before(list(ops), place)


def insert_after(place: Operation, *ops: Operation) -> None:
    """Puts ops right after another, in their order."""
    _block(place).insert_ops_after(list(ops), place)


def erase(op: Operation) -> None:
    """Takes out an op whose results nothing reads."""
    _block(op).erase_op(op)


def _block(op: Operation) -> Block:
    block = op.parent
    assert block is not None
    return block
