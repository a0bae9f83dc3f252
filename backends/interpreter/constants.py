"""Constants as arrays: dense, quantized, sparse or external ones."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from xdsl.ir import Operation

from tflir.backends.interpreter.kernel import Array, Operands, Results, kernel, refuse
from tflir.ir import names
from tflir.ir.constants import ArrayElementsAttr, as_numpy, no_data, strings
from tflir.ir.sparsity import decode
from tflir.ir.tfl.constants import (
    ConstOp,
    ExternalConstOp,
    NoValueOp,
    QConstOp,
    SparseConstOp,
    SparseQConstOp,
)
from tflir.ir.tfl.indexing import DensifyOp
from tflir.ir.types import shape_of


def constant_value(op: ConstOp | QConstOp) -> Array:
    """The elements of a constant; those of strings are bytes."""
    value = op.value
    if names.NO_DATA in op.attributes:
        raise refuse("reads a tensor that nothing writes", "give it data, or compute it")
    if isinstance(value, ArrayElementsAttr) and value.element_name == "STRING":
        texts = np.empty(value.size, object)
        texts[:] = strings(value)
        return texts.reshape(shape_of(value.type) or ())
    try:
        return as_numpy(value)
    except Exception as error:
        if isinstance(value, ArrayElementsAttr):
            raise
        raise no_data(op) from error


@kernel(ConstOp, QConstOp)
def constant(op: ConstOp | QConstOp, operands: Operands) -> Results:
    return [constant_value(op)]


@kernel(SparseConstOp, SparseQConstOp)
def sparse_constant(op: SparseConstOp | SparseQConstOp, operands: Operands) -> Results:
    stored = as_numpy(op.compressed_data)
    return [decode(op.s_param.data, stored, shape_of(op.output.type) or ())]


@kernel(NoValueOp)
def no_value(op: NoValueOp, operands: Operands) -> Results:
    return [cast(Any, None)]


@kernel(ExternalConstOp, exact=False)
def external_constant(op: Operation, operands: Operands) -> Results:
    raise refuse("its data lies in a file of its own, which the interpreter does not read", "run the model in LiteRT")


@kernel(DensifyOp)
def densify(op: DensifyOp, operands: Operands) -> Results:
    """Returns its operand: the kernel of a sparse constant already returns the dense array."""
    return [operands[0]]
