"""Upper bounds of the bytes that a sparse constant adds to the tables of a file, besides its elements and indices.

A test compares them with written files.
"""

from __future__ import annotations

from tflir.passes.sparsity.encoding import Encoding

LEAST = 128
"""No sparse encoding adds fewer bytes than this."""
_FIXED, _PER_LEVEL = 96, 24
"""Traversal order, block map, levels, and the tensor's references to them; `candidates.py` counts the indices."""
_OP = 120
"""An op with one operand, and the tensor of its result without the name."""
_CODE = 48
"""An entry in the table of operator codes."""
_PADDING = 16
"""Alignment between the end of a buffer and the start of the next one."""


def encoding_bytes(encoding: Encoding) -> int:
    """Bytes that the table of a sparse tensor takes beyond that of a dense one."""
    return _FIXED + _PADDING + _PER_LEVEL * (len(encoding.order) + len(encoding.block_map))


def op_bytes(name: str, count: int = 1) -> int:
    """Bytes of `count` ops, with results that are named after a constant `name`, and of an operator code."""
    return _CODE + count * (_OP + len(name.encode()) + len(TWIN))


def code_bytes() -> int:
    """Bytes of the operator code for ops that read sparse weights directly."""
    return _CODE


TWIN = "_densify"
"""The suffix of a constant's name in the name of its dense form."""
