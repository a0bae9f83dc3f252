"""`tfl-densify-fold`: makes sparse constants dense."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Attribute, Operation

from tflir.ir import names
from tflir.ir.blob import Blob, DeferredBlob
from tflir.ir.constants import ArrayElementsAttr, as_numpy, from_blob, no_data
from tflir.ir.sparsity import decode
from tflir.ir.tfl.attributes import SparsityParameters
from tflir.ir.tfl.constants import ConstOp, QConstOp, SparseConstOp, SparseQConstOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.types import element_of, numpy_dtype, shape_of, storage_type
from tflir.passes.base import PassReport, TflPass
from tflir.passes.edit import erase, insert_after
from tflir.passes.quantization.facts import LEFT_OUT


@dataclass(frozen=True)
class DensifyFoldPass(TflPass):
    """
    Makes sparse constants dense ones, exactly, and drops the `tfl.densify` ops that made them dense in the runtime.

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

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        for op in list(module.walk()):
            if not isinstance(op, SparseConstOp | SparseQConstOp):
                continue
            if any(LEFT_OUT in reader.attributes for reader in _readers(op)):
                report.decline("its op was left out", op)
            else:
                _fold(op, report)


_LARGEST = 1 << 31
"""Bytes of a dense constant; a damaged model may ask for any number."""


def _readers(op: SparseConstOp | SparseQConstOp) -> Iterator[Operation]:
    """What computes with a sparse constant, as it is or made dense."""
    for use in op.output.uses:
        yield use.operation
        if isinstance(use.operation, DensifyOp):
            yield from (wide.operation for wide in use.operation.output.uses)


def _fold(op: SparseConstOp | SparseQConstOp, report: PassReport) -> None:
    stored = op.compressed_data
    if not isinstance(stored, ArrayElementsAttr):
        raise no_data(op)
    blob = _dense_blob(stored, op.s_param.data, shape_of(op.output.type) or ())
    if blob.nbytes > _LARGEST:
        report.decline("dense it would take more than 2 GB", op)
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


def _dense_blob(stored: ArrayElementsAttr, parameters: SparsityParameters, shape: tuple[int, ...]) -> Blob:
    """The dense bytes, made when they are needed."""
    dtype = numpy_dtype(stored.element_name)
    assert dtype is not None

    def make() -> Iterator[npt.NDArray[Any]]:
        yield decode(parameters, as_numpy(stored), shape)

    return DeferredBlob(math.prod(shape) * dtype.itemsize, ("dense", stored, parameters, shape), make)


def _drop(densify: DensifyOp, constant: Operation) -> None:
    """Lets what reads a DENSIFY read the constant."""
    for use in list(densify.output.uses):
        use.operation.attributes.pop(names.VERSION, None)
    densify.output.replace_all_uses_with(constant.results[0])
    erase(densify)
