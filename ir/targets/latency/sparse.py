"""Fully connected ops that read sparse weights directly: how much of the weight is stored, and in which blocks."""

from __future__ import annotations

import math
from typing import NamedTuple

from xdsl.ir import Operation, OpResult

from tflir.ir.quant import UniformQuantizedType
from tflir.ir.targets import sparse_latency
from tflir.ir.targets.site import shape_in_file
from tflir.ir.tfl.constants import SparseConstOp, SparseQConstOp
from tflir.ir.tfl.linear import FullyConnectedOp
from tflir.ir.types import element_of


class SparseLayer(NamedTuple):
    """A fully connected op and its sparse weight, as `sparse_latency.direct` counts them."""

    kernel: str
    block: int
    """Elements of a block, 1 where there are none."""
    shape: tuple[int, ...]
    share: float
    """The part of the weight that is stored, from 0 to 1."""
    rows: int
    """Vectors that are multiplied by it in a run."""

    def ratio(self, cpu: str) -> float:
        """The time relative to the delegate's dense op."""
        return sparse_latency.direct(self.kernel, self.block, cpu, self.shape, self.share, self.rows)


def sparse_layer(op: Operation) -> SparseLayer | None:
    """The layer where `op` is one whose sparse kernel was measured; else None."""
    source = op.operands[1] if isinstance(op, FullyConnectedOp) else None
    made = source.op if isinstance(source, OpResult) else None
    if source is None or not isinstance(made, SparseConstOp | SparseQConstOp):
        return None
    shape, sparsity = shape_in_file(source), made.s_param.data
    block = math.prod(level.dense_size for level in sparsity.dim_metadata[len(shape) :])
    integers = isinstance(element_of(op.operands[0].type), UniformQuantizedType)
    kernel = "int8" if integers else "float" if isinstance(made, SparseConstOp) else "hybrid"
    stored = getattr(made.compressed_data, "size", 0)
    if (kernel, block) not in sparse_latency.KERNELS or not stored:
        return None
    rows = math.prod(shape_in_file(op.operands[0])) // max(shape[1], 1)
    return SparseLayer(kernel, block, shape, stored / math.prod(shape), max(rows, 1))
