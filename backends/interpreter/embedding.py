"""Embedding look-ups: rows of a table, selected by index."""

from __future__ import annotations

import numpy as np

from tflir.backends.interpreter.kernel import Array, Operands, Results, hybrid_kernel, kernel, quant_of, refuse
from tflir.ir.tfl.indexing import EmbeddingLookupOp


@kernel(EmbeddingLookupOp)
def embedding_lookup(op: EmbeddingLookupOp, operands: Operands) -> Results:
    return [_rows(*operands)]


def _rows(lookup: Array, table: Array) -> Array:
    if lookup.size and not 0 <= int(lookup.min()) <= int(lookup.max()) < table.shape[0]:
        what = f"row {lookup.min()} or {lookup.max()} of {table.shape[0]}"
        raise refuse(what, f"give indices below {table.shape[0]}")
    return table[lookup]


@hybrid_kernel(EmbeddingLookupOp)
def embedding_lookup_dequantized(op: EmbeddingLookupOp, operands: Operands) -> Results:
    """The integers of the rows times their scales: one for the table, one for each row, or one for each block."""
    layout = quant_of(op.value.type).layout
    rows = _rows(*operands)
    scales = layout.scales.astype(np.float32)
    if layout.axes and scales.ndim == 1:
        scales = scales[operands[0]].reshape(-1, *[1] * (rows.ndim - 1))
    elif scales.ndim > 1:
        scales = np.repeat(scales, -(-rows.shape[-1] // scales.shape[-1]), -1)[operands[0]]
    return [rows.astype(np.float32) * scales]
