"""A pad before a convolution that the convolution's own padding can do."""

from __future__ import annotations

from typing import Any

import numpy as np
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Operation, OpResult

from tflir.ir import names
from tflir.ir.constants import as_numpy
from tflir.ir.tfl.constants import ConstOp
from tflir.ir.tfl.shaping import PadOp
from tflir.ir.types import shape_of

_SPATIAL = (1, 2)
"""Height and width, of an NHWC input and of either convolution's filter."""


def fold_pad(op: Operation) -> str | None:
    """Lets a convolution without padding read what is before a pad that is just what SAME padding adds.

    SAME adds max((ceil(n / stride) - 1) stride + (k - 1) dilation + 1 - n, 0) zeros to n, the smaller half before.
    """
    source = op.operands[0]
    pad = source.op if isinstance(source, OpResult) else None
    if not isinstance(pad, PadOp) or source.has_more_than_one_use() or op.properties["padding"] != StringAttr("VALID"):
        return None
    amounts = pad.padding.op if isinstance(pad.padding, OpResult) else None
    shape, kernel = shape_of(pad.input.type), shape_of(op.operands[1].type)
    if not isinstance(amounts, ConstOp) or names.NO_DATA in amounts.attributes or shape is None or kernel is None:
        return None
    if len(shape) != 4 or len(kernel) != 4 or any(shape[axis] < 0 for axis in _SPATIAL):
        return None
    wanted = np.zeros((4, 2), np.int64)
    for axis, side in zip(_SPATIAL, "hw", strict=True):
        stride, dilation = _number(op, f"stride_{side}"), _number(op, f"dilation_{side}_factor")
        total = max((-(-shape[axis] // stride) - 1) * stride + (kernel[axis] - 1) * dilation + 1 - shape[axis], 0)
        wanted[axis] = total // 2, total - total // 2
    if not np.array_equal(as_numpy(amounts.value), wanted):
        return None
    op.operands[0] = pad.input
    op.properties["padding"] = StringAttr("SAME")
    block = pad.parent
    assert block is not None
    block.erase_op(pad)
    return "pads that a convolution does itself"


def _number(op: Operation, name: str) -> int:
    held: Any = op.properties[name]
    return int(held.value.data)
