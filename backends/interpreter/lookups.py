"""Rows of tables found by key, and sums of rows by weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from tflir.backends.interpreter.kernel import Operands, Results, float_kernel, kernel
from tflir.backends.interpreter.options import option, word
from tflir.ir.tfl.legacy import EmbeddingLookupSparseOp, HashtableLookupOp
from tflir.ir.tfl.variadic import VariadicOp


@kernel(HashtableLookupOp)
def hashtable_lookup(op: VariadicOp, operands: Operands) -> Results:
    """The rows of `values` for the requested keys (zeros for a missing key), and which keys exist. The table
    is sorted.
    """
    wanted, keys, values = operands
    places = np.minimum(np.asarray(np.searchsorted(keys, wanted), np.int64), max(len(keys) - 1, 0))
    hits = keys[places] == wanted
    found = np.where(hits.reshape(-1, *[1] * (values.ndim - 1)), values[places], np.zeros((), values.dtype))
    return [found, hits.astype(np.uint8)]


@float_kernel(EmbeddingLookupSparseOp)
def embedding_lookup_sparse(op: VariadicOp, operands: Operands) -> Results:
    """Rows of a table times their weights, summed for each element that the indices address, then divided by
    `combiner`.
    """
    ids, indices, shape, weights, table = operands
    lead = [int(size) for size in shape[:-1]]
    cells = np.ravel_multi_index(tuple(indices[:, :-1].T), lead)
    count = int(np.prod(lead))
    out = np.zeros((count, *table.shape[1:]), np.float32)
    np.add.at(out, cells, table[ids] * weights.reshape(-1, *[1] * (table.ndim - 1)))
    divisor = _divisor(word(option(op, "combiner"), "SUM"), cells, weights, count)
    return [(out / divisor.reshape(-1, *[1] * (table.ndim - 1))).reshape(*lead, *table.shape[1:])]


def _divisor(combiner: str, cells: Any, weights: Any, count: int) -> Any:
    total = np.zeros(count, np.float32)
    np.add.at(total, cells, weights * weights if combiner == "SQRTN" else weights)
    total = np.sqrt(total) if combiner == "SQRTN" else total
    return np.where((total == 0) | (combiner == "SUM"), np.float32(1), total)
