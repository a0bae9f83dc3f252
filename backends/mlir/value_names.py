"""Names of values in text, made of the names of their tensors: `model/conv1/Relu;bias:0` is `%model_conv1_Relu`."""

from __future__ import annotations

import re
from functools import lru_cache

from xdsl.ir import SSAValue

from tflir.ir.names import name_of

_LONGEST = 40
_APART = re.compile(r"[^A-Za-z0-9_$.-]+")
_JOINED = ";"
"""Stands between the names of tensors that a converter made one of; the first is that of the last op."""


def wanted_name(value: SSAValue) -> str | None:
    """What the value is best called, which others may be too. None where neither tensor nor text has a name for it."""
    tensor = name_of(value)
    return (readable(tensor) if tensor else None) or value.name_hint


@lru_cache(maxsize=8192)
def readable(tensor: str) -> str | None:
    """The last parts of a tensor's name that fit, as MLIR's lexer takes a name; None where nothing is left."""
    parts = [part for part in _APART.split(tensor.partition(_JOINED)[0]) if part]
    kept: list[str] = []
    for part in reversed(parts):
        if kept and sum(map(len, kept)) + len(kept) + len(part) > _LONGEST:
            break
        kept.insert(0, part[-_LONGEST:])
    name = "_".join(kept)
    return f"_{name}" if name[:1].isdigit() or name[:1] in ("-", ".") else name or None
