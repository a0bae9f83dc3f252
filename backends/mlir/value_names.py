"""Names of values in text, derived from the names of their tensors: `model/conv1/Relu;bias:0` is
`%model_conv1_Relu`."""

from __future__ import annotations

import re
from functools import lru_cache

from xdsl.ir import SSAValue

from tflir.ir.names import name_of

_LONGEST = 40
_APART = re.compile(r"[^A-Za-z0-9_$.-]+")
_JOINED = ";"
"""Separates the names of tensors that a converter fused into one; the first is that of the last op."""


def wanted_name(value: SSAValue) -> str | None:
    """The preferred name of the value, not yet unique; None if neither the tensor nor the text has one."""
    tensor = name_of(value)
    return (readable(tensor) if tensor else None) or value.name_hint


@lru_cache(maxsize=8192)
def readable(tensor: str) -> str | None:
    """The last parts of a tensor's name, as many as fit, in characters that MLIR's lexer allows; None if none
    are left.
    """
    parts = [part for part in _APART.split(tensor.partition(_JOINED)[0]) if part]
    parts_kept: list[str] = []
    for part in reversed(parts):
        if parts_kept and sum(map(len, parts_kept)) + len(parts_kept) + len(part) > _LONGEST:
            break
        parts_kept.insert(0, part[-_LONGEST:])
    name = "_".join(parts_kept)
    return f"_{name}" if name[:1].isdigit() or name[:1] in ("-", ".") else name or None
