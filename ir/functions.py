"""The functions of a module; each is a subgraph of the model."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp


def functions(module: ModuleOp) -> Iterator[FuncOp]:
    """The module's functions that have a body."""
    for op in module.ops:
        if isinstance(op, FuncOp) and op.body.blocks:
            yield op
