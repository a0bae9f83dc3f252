"""What a model's tables grow by where a constant becomes sparse: upper bounds in bytes, held by a test."""

from __future__ import annotations

from tflir.passes.sparsity.encoding import Encoding

LEAST = 128
"""No encoding takes less."""
_FIXED, _PER_LEVEL = 96, 24
"""Traversal order, block map, levels, and how the tensor refers to them; the indices are counted elsewhere."""
_OP = 120
"""An op of one operand, and the tensor of its result without its name."""
_CODE = 48
_PADDING = 16
"""A buffer's end may lie so much further from the next one's start."""


def encoding_bytes(encoding: Encoding) -> int:
    """Of the sparse tensor beside the dense one."""
    return _FIXED + _PADDING + _PER_LEVEL * (len(encoding.order) + len(encoding.block_map))


def op_bytes(name: str, count: int = 1) -> int:
    """Of ops whose results are called after a constant of this name; the first may need an operator code."""
    return _CODE + count * (_OP + len(name.encode()) + len(TWIN))


def code_bytes() -> int:
    """Of an operator code for ops that read sparse weights."""
    return _CODE


TWIN = "_densify"
"""What follows a constant's name in that of its dense form."""
