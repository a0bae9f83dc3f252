"""`tfl-dense-to-sparse`: stores weights in sparse encodings, which leave zeros out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, UnitAttr, i32
from xdsl.ir import Attribute, Operation

from tflir.ir import names
from tflir.ir.blob import DeferredBlob, RepeatedBlob
from tflir.ir.constants import from_blob, load_numpy
from tflir.ir.tfl.attributes import SparsityParameterAttr
from tflir.ir.tfl.constants import ConstOp, QConstOp, SparseConstOp, SparseQConstOp
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.tfl.linear import FullyConnectedOp
from tflir.ir.tfl.signature import needed_version
from tflir.ir.tfl.versions import SPARSE_VERSION
from tflir.passes.base import PassReport
from tflir.passes.rewriting.edit import erase, insert_after
from tflir.passes.sparsity.byte_bounds import TWIN
from tflir.passes.sparsity.choice import Choice, choose
from tflir.passes.sparsity.encoding import Encoding, encode, stored_elements
from tflir.passes.sparsity.storage_options import densified_ways, direct_ways
from tflir.passes.sparsity.targeted import TargetedPass
from tflir.passes.sparsity.tensorflow import tensorflow_choice
from tflir.passes.sparsity.weight import Weight, weights_of
from tflir.passes.weights.reading import floats, replace_constant

READ_SPARSE, DENSIFIED = "weights read as they are", "weights made dense when loaded"
"""What is counted for each use of a sparse weight, by how it is read."""


@dataclass(frozen=True)
class DenseToSparsePass(TargetedPass):
    """
    Stores weights without their zeros if that makes the model smaller: in the encoding with the fewest bytes, which a
    `tfl.densify` decodes when the model is loaded, or in one that the kernel reads directly, if that is faster.

    ```mlir
    %w = "tfl.pseudo_const"() <{value = dense_resource<w> : tensor<64x128xf32>}> : () -> tensor<64x128xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) …
    ```
    becomes
    ```mlir
    %s = "tfl.pseudo_sparse_const"() <{compressed_data = …, s_param = #tfl.sparsity_parameter<…>, …}> …
    %w = "tfl.densify"(%s) : (tensor<64x128xf32>) -> tensor<64x128xf32>
    %y = "tfl.fully_connected"(%x, %w, %b) …
    ```
    The report lists every encoding that was considered. An element counts as zero if it is stored as 0.
    """

    name = "tfl-dense-to-sparse"
    changes = "exact"
    per_function = True

    tf_compat: bool = False
    """Choose weights and encodings as TensorFlow 2.21 does (`tflir.passes.sparsity.tensorflow`)."""

    def rewrite(self, module: ModuleOp, report: PassReport) -> None:
        if self.tf_compat:
            _rewrite_as_tensorflow(module, report)
            return
        for weight, constant in weights_of(module, report):
            if isinstance(weight, str):
                report.decline(weight, constant)
                continue
            choice = choose(weight, self.preference, direct_ways, densified_ways)
            choice.note(report)
            if choice.why_dense:
                report.decline(choice.why_dense, constant)
            else:
                apply_choice(choice, report)
        _lower_versions(module, report)


def _rewrite_as_tensorflow(module: ModuleOp, report: PassReport) -> None:
    for op in list(module.walk()):
        choice = tensorflow_choice(op)
        if isinstance(choice, str):
            report.decline(choice, op)
        elif choice is not None:
            (constant,) = choice.weight.constants
            properties, stored = _encoded(choice.weight, choice.encoding)
            sparse = _replace(constant, properties)
            if choice.block == 1:
                sparse.attributes[names.EMPTY_BLOCK_MAP] = UnitAttr()
                _densify(sparse, constant, report)
            else:
                constant.output.replace_all_uses_with(sparse.results[0])
            erase(constant)
            _note(choice.weight, choice.encoding, stored, report)


def apply_choice(choice: Choice, report: PassReport) -> None:
    weight, option = choice.weight, choice.chosen
    assert option.candidate is not None
    encoding = option.candidate.encoding
    properties, stored = _encoded(weight, encoding)
    for constant in weight.constants:
        sparse = _replace(constant, properties)
        for reader in weight.readers:
            if option.direct in reader.blocks and reader.op.operands[reader.operand] is constant.output:
                reader.op.operands[reader.operand] = sparse.results[0]
                reader.op.attributes.pop(names.VERSION, None)
                report.count(READ_SPARSE)
        _densify(sparse, constant, report)
        erase(constant)
    for reader in weight.readers:
        if (bias := reader.half_bias) is not None:
            replace_constant(bias, floats(bias))
            report.count("float16 biases made float32")
    _note(weight, encoding, stored, report)


def _note(weight: Weight, encoding: Encoding, stored: int, report: PassReport) -> None:
    kind = weight.value.element_name.lower()
    report.details.append(
        {
            "tensor": weight.name,
            "from": kind,
            "to": f"{kind} {encoding.text()}",
            "bytes_before": weight.nbytes,
            "bytes_after": stored,
            "zeros": round(weight.zeros, 4),
        }
    )


def _encoded(weight: Weight, encoding: Encoding) -> tuple[dict[str, Attribute], int]:
    """The properties that all sparse constants of the weight share, and the bytes of their elements and indices.

    The elements are computed again when the file is written, so that those of all weights are never held at once.
    """
    value, signed = weight.value, weight.signed_zeros
    parameters, stored = encode(weight.array(), encoding, signed_zeros=signed)

    def make() -> Iterator[npt.NDArray[Any]]:
        yield stored_elements(load_numpy(value), encoding, signed_zeros=signed)

    elements = DeferredBlob(stored.nbytes, ("sparse", value, encoding, signed), make)
    dense = RepeatedBlob(b"\0", weight.nbytes, ("dense form of", value.blob))
    element = value.type.element_type
    properties: dict[str, Attribute] = {
        "value": from_blob(dense, weight.shape, element),
        "s_param": SparsityParameterAttr(parameters),
        "compressed_data": from_blob(elements, (stored.size,), element),
    }
    indices = sum(level.segments.nbytes + level.indices.nbytes for level in parameters.dim_metadata)
    return properties, stored.nbytes + indices


def _replace(constant: ConstOp | QConstOp, properties: dict[str, Attribute]) -> Operation:
    """Inserts a sparse constant after the dense one, with its name. The dense constant keeps its uses."""
    made_as = SparseConstOp
    if isinstance(constant, QConstOp):
        made_as, properties = SparseQConstOp, {"qtype": constant.qtype, **properties}
    sparse = made_as.create(
        result_types=[constant.output.type], properties=properties, attributes=dict(constant.attributes)
    )
    sparse.location = constant.location
    insert_after(constant, sparse)
    return sparse


def _densify(sparse: Operation, constant: ConstOp | QConstOp, report: PassReport) -> None:
    """Makes the remaining users of the dense constant read a DENSIFY of the sparse one.

    Their recorded operator versions are dropped, since the version depends on how the weight is read.
    """
    uses = list(constant.output.uses)
    if not uses:
        return
    densify = DensifyOp.create(operands=sparse.results, result_types=[constant.output.type])
    name = names.op_names(constant)[0]
    densify.location = names.named(None if name is None else name + TWIN)
    insert_after(sparse, densify)
    for use in uses:
        use.operation.operands[use.index] = densify.output
        use.operation.attributes.pop(names.VERSION, None)
    report.count(DENSIFIED)


def _lower_versions(module: ModuleOp, report: PassReport) -> None:
    """Lowers version 8 of fully connected ops whose weights are dense.

    A file may record version 8 for all its fully connected ops although only some have sparse weights, and the default
    delegate does not run ops of that version.
    """
    for op in module.walk():
        kept = op.attributes.get(names.VERSION) if isinstance(op, FullyConnectedOp) else None
        if kept == IntegerAttr(SPARSE_VERSION, i32) and needed_version(op) < SPARSE_VERSION:
            del op.attributes[names.VERSION]
            report.count("operator versions lowered")
