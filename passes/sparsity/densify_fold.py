"""`tfl-densify-fold`: makes sparse constants dense.

It is one sweep and not a set of rewrite rules, because all constants share a budget of bytes, which is spent in program
order: whether a constant may be made dense depends on those before it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Attribute, Operation

from tflir.ir import names
from tflir.ir.blob import Blob
from tflir.ir.budget import Budget
from tflir.ir.constants import ArrayElementsAttr, from_blob, no_data
from tflir.ir.tfl.constants import ConstOp, QConstOp, SparseConstOp, SparseQConstOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.tfl.quantization import DequantizeOp
from tflir.ir.types import element_of, shape_of, storage_type
from tflir.ir.weight_kind import FLOAT16, set_weight_kind, weight_kind_of
from tflir.passes.base import PassReport, TflPass
from tflir.passes.quantization.facts import KEEP_FLOAT, LEFT_OUT, is_quantizable
from tflir.passes.rewriting.edit import erase, insert_after
from tflir.passes.sparsity.weight_constant import dense_blob


@dataclass(frozen=True)
class DensifyFoldPass(TflPass):
    """
    Replaces sparse constants by dense ones with the same elements, and removes the `tfl.densify` ops that read them.

    ```mlir
    %s = "tfl.pseudo_sparse_const"() <{compressed_data = …, s_param = #tfl.sparsity_parameter<…>, …}> …
    %w = "tfl.densify"(%s) : (tensor<64x128xf32>) -> tensor<64x128xf32>
    ```
    becomes
    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense_resource<w> : tensor<64x128xf32>}> : () -> tensor<64x128xf32>
    ```
    """

    name = "tfl-densify-fold"
    changes = "exact"
    per_function = True

    quantizable: bool = False
    """Only constants that ops read which may become integer ones."""
    smaller: bool = False
    """Only constants that take no more bytes as dense int8 than now; ops that read the others stay float."""
    of_kinds: bool = False
    """Only constants of ops with a `tfl.weight_kind`, that take no more bytes as dense integers of its width than now;
    ops that read the others stay float."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        sparse = [op for op in module.walk() if isinstance(op, SparseConstOp | SparseQConstOp)]
        budget = Budget(sum(_held(op) for op in sparse))
        for op in sparse:
            if any(LEFT_OUT in reader.attributes for reader in _readers(op)):
                report.decline("its op was left out", op)
            elif self.quantizable and any(KEEP_FLOAT in reader.attributes for reader in _readers(op)):
                report.decline("its op stays float", op)
            elif not (bits := _width(op) if self.of_kinds else _INT8):
                report.decline("no weight kind says how to store it", op)
            elif (self.smaller or self.of_kinds) and _held(op) < _dense_bytes(op, bits):
                _keep_float(op, report, bits)
            else:
                _fold(op, budget, report)


_INT8 = 8
_LARGEST = 1 << 31
"""The largest dense constant in bytes; a damaged model may ask for any size."""


def _readers(op: SparseConstOp | SparseQConstOp) -> Iterator[Operation]:
    """The ops that read a sparse constant, directly or through `tfl.densify` and `tfl.dequantize`, and these too."""
    found: list[Operation] = [op]
    for one in found:
        readers = [use.operation for use in one.results[0].uses]
        yield from readers
        found += [reader for reader in readers if isinstance(reader, DensifyOp | DequantizeOp)]


def _width(op: SparseConstOp | SparseQConstOp) -> int:
    """The largest bit width of the kinds of the ops that read the constant; 0 if they have none."""
    kinds = [weight_kind_of(reader) for reader in _readers(op)]
    return max((kind.bits for kind in kinds if kind is not None), default=0)


def _keep_float(op: SparseConstOp | SparseQConstOp, report: PassReport, bits: int) -> None:
    """Marks the ops that read the constant to stay float, and reports why."""
    why = f"its sparse weights take fewer bytes than dense {'float16' if bits == FLOAT16 else f'int{bits}'} ones"
    for reader in _readers(op):
        if is_quantizable(reader) and not isinstance(reader, DensifyOp):
            reader.attributes[KEEP_FLOAT] = StringAttr(why)
            set_weight_kind(reader, None)
            report.decline(why, reader)


def _dense_bytes(op: SparseConstOp | SparseQConstOp, bits: int) -> int:
    """Bytes of the dense constant with elements of so many bits."""
    return math.prod(shape_of(op.output.type) or ()) * bits // 8


def _held(op: SparseConstOp | SparseQConstOp) -> int:
    """Bytes of the elements and indices of a sparse constant as stored."""
    stored = op.compressed_data
    levels = op.s_param.data.dim_metadata
    return (stored.blob.nbytes if isinstance(stored, ArrayElementsAttr) else 0) + sum(
        level.segments.nbytes + level.indices.nbytes for level in levels
    )


def _fold(op: SparseConstOp | SparseQConstOp, budget: Budget, report: PassReport) -> None:
    stored = op.compressed_data
    if not isinstance(stored, ArrayElementsAttr):
        raise no_data(op)
    blob = dense_blob(stored, op.s_param.data, shape_of(op.output.type) or ())
    if blob.nbytes > _LARGEST:
        report.decline("dense it would take more than 2 GB", op)
        return
    if not budget.affords(blob.nbytes):
        report.decline("dense, the sparse constants would take far more than what is stored of them", op)
        return
    constant = _dense_constant(op, blob)
    insert_after(op, constant)
    for use in list(op.output.uses):
        use.operation.attributes.pop(names.VERSION, None)
        if isinstance(use.operation, DensifyOp):
            _drop(use.operation, constant)
            report.count("densify ops removed")
    op.output.replace_all_uses_with(constant.results[0])
    erase(op)
    report.count("constants made dense")


def _dense_constant(op: SparseConstOp | SparseQConstOp, blob: Blob) -> Operation:
    element = element_of(op.output.type)
    assert element is not None
    value = from_blob(blob, shape_of(op.output.type) or (), storage_type(element))
    properties: dict[str, Attribute] = {"qtype": op.qtype} if isinstance(op, SparseQConstOp) else {}
    properties["value"] = value
    made_as = QConstOp if isinstance(op, SparseQConstOp) else ConstOp
    made = made_as.create(result_types=[op.output.type], properties=properties, attributes=dict(op.attributes))
    made.location = op.location
    return made


def _drop(densify: DensifyOp, constant: Operation) -> None:
    """Replaces a DENSIFY by the dense constant."""
    for use in list(densify.output.uses):
        use.operation.attributes.pop(names.VERSION, None)
    densify.output.replace_all_uses_with(constant.results[0])
    erase(densify)
