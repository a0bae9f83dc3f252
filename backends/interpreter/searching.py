"""Ops whose results are indices: where, unique, the largest elements, buckets."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Operands, Results, float_kernel, integers, kernel, result_dtype
from tflir.backends.interpreter.options import reals
from tflir.ir.tfl.indexing import BucketizeOp, TopKV2Op, UniqueOp, WhereOp


@kernel(WhereOp)
def where(op: WhereOp, operands: Operands) -> Results:
    return [np.argwhere(operands[0]).astype(result_dtype(op))]


@kernel(UniqueOp)
def unique(op: UniqueOp, operands: Operands) -> Results:
    """Distinct elements are in the order of their first occurrence."""
    values, first, inverse = np.unique(operands[0], return_index=True, return_inverse=True)
    order = np.argsort(first)
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    return [values[order], position[inverse].reshape(operands[0].shape).astype(result_dtype(op, 1))]


@kernel(TopKV2Op)
def top_k(op: TopKV2Op, operands: Operands) -> Results:
    """Of equal elements, the one with the lower index comes first."""
    x, count = operands[0], integers(operands[1])[0]
    order = x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1][..., :count]
    return [np.take_along_axis(x, order, -1), order.astype(result_dtype(op, 1))]


@float_kernel(BucketizeOp)
def bucketize(op: BucketizeOp, operands: Operands) -> Results:
    boundaries = np.array(reals(op.boundaries), np.float32)
    return [np.asarray(np.searchsorted(boundaries, operands[0], side="right"), result_dtype(op))]
