"""Padding around and between the elements of a tensor of any type."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, integers, kernel
from tflir.backends.interpreter.shaping import zero_of
from tflir.ir.tfl.attributes import MirrorPadMode
from tflir.ir.tfl.shaping import DilateOp, MirrorPadOp, PadOp, Padv2Op


@kernel(PadOp)
def pad(op: PadOp, operands: Operands) -> Results:
    x, margins = operands
    return [np.pad(x, _pairs(margins), constant_values=zero_of(op.output))]


@kernel(Padv2Op)
def pad_with(op: Padv2Op, operands: Operands) -> Results:
    x, margins, value = operands
    return [np.pad(x, _pairs(margins), constant_values=value.reshape(-1)[0])]


@kernel(MirrorPadOp)
def mirror_pad(op: MirrorPadOp, operands: Operands) -> Results:
    """SYMMETRIC repeats the elements at the edges, REFLECT does not."""
    x, margins = operands
    return [np.pad(x, _pairs(margins), "reflect" if op.mode.data is MirrorPadMode.REFLECT else "symmetric")]


def _pairs(margins: Array) -> list[tuple[int, int]]:
    flat = integers(margins)
    return list(zip(flat[::2], flat[1::2], strict=True))


@kernel(DilateOp)
def dilate(op: DilateOp, operands: Operands) -> Results:
    x, steps, value = operands
    pace = integers(steps)
    shape = [(size - 1) * step + 1 if size else 0 for size, step in zip(x.shape, pace, strict=True)]
    out = np.full(shape, value.reshape(-1)[0], x.dtype)
    out[tuple(slice(None, None, step) for step in pace)] = x
    return [out]
