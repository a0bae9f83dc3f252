"""Blocks of pixels moved to depth or batches and back, of elements of any type."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Operands, Results, integers, kernel
from tflir.backends.interpreter.options import number
from tflir.backends.interpreter.shaping import zero_of
from tflir.ir.tfl.spatial import BatchToSpaceNdOp, DepthToSpaceOp, SpaceToBatchNdOp, SpaceToDepthOp


@kernel(DepthToSpaceOp)
def depth_to_space(op: DepthToSpaceOp, operands: Operands) -> Results:
    x, size = operands[0], number(op.block_size)
    batch, height, width, depth = x.shape
    split = x.reshape(batch, height, width, size, size, depth // size**2)
    return [split.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * size, width * size, -1)]


@kernel(SpaceToDepthOp)
def space_to_depth(op: SpaceToDepthOp, operands: Operands) -> Results:
    x, size = operands[0], number(op.block_size)
    batch, height, width, depth = x.shape
    split = x.reshape(batch, height // size, size, width // size, size, depth)
    return [split.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // size, width // size, -1)]


@kernel(SpaceToBatchNdOp)
def space_to_batch(op: SpaceToBatchNdOp, operands: Operands) -> Results:
    x, blocks, margins = operands[0], integers(operands[1]), operands[2].reshape(-1, 2).tolist()
    spatial = len(blocks)
    tail = [(0, 0)] * (x.ndim - 1 - spatial)
    x = np.pad(x, [(0, 0), *margins, *tail], constant_values=zero_of(op.output))
    batch, rest = x.shape[0], x.shape[1 + spatial :]
    counts = [size // block for size, block in zip(x.shape[1 : 1 + spatial], blocks, strict=True)]
    split = x.reshape(batch, *(n for pair in zip(counts, blocks, strict=True) for n in pair), *rest)
    inner = [2 + 2 * axis for axis in range(spatial)]
    outer = [1 + 2 * axis for axis in range(spatial)]
    others = range(1 + 2 * spatial, split.ndim)
    return [split.transpose(*inner, 0, *outer, *others).reshape(-1, *counts, *rest)]


@kernel(BatchToSpaceNdOp)
def batch_to_space(op: BatchToSpaceNdOp, operands: Operands) -> Results:
    x, blocks, crops = operands[0], integers(operands[1]), operands[2].reshape(-1, 2).tolist()
    spatial = len(blocks)
    batch = x.shape[0] // int(np.prod(blocks))
    sizes, rest = x.shape[1 : 1 + spatial], x.shape[1 + spatial :]
    split = x.reshape(*blocks, batch, *sizes, *rest)
    pairs = [axis for place in range(spatial) for axis in (spatial + 1 + place, place)]
    others = range(2 * spatial + 1, split.ndim)
    merged = split.transpose(spatial, *pairs, *others).reshape(
        batch, *(size * block for size, block in zip(sizes, blocks, strict=True)), *rest
    )
    inside = (slice(first, size - last) for (first, last), size in zip(crops, merged.shape[1:], strict=False))
    return [merged[(slice(None), *inside)]]
